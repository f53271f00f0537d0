// The bytes of a bundle.
#pragma once

#include <string>
#include <vector>

#include "bsgen/dtype.h"
#include "runtime/cache/entry.h"

namespace bsgen::runtime {

struct BundleKernelText {
  std::string request;  // request_bytes()
  std::string line;     // in the input's syntax
  Arch arch;
  std::string plan;     // KernelPlan::dump
  std::string entry;    // write_entry()
};

// The order of `kernels` does not matter; of several with one request the first stays. The same kernels give the same bytes.
std::string write_bundle(std::vector<BundleKernelText> kernels);

}  // namespace bsgen::runtime
