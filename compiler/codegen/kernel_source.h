// KernelSource: the CUDA text of one kernel and the device templates that it includes. The fourth value of the pipeline.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/status.h"

namespace bsgen::codegen {

struct KernelSource {
  std::string entry;                            // "bsgen_fprop_bf16_9f2c41"
  std::string name;                             // file name shown in logs and line info: entry + ".cu"
  std::string cuda;                             // provenance, includes, Params, entry
  std::map<std::string, std::string> headers;   // "bsgen/kernels/dds.cuh" -> text; all that can be included

  Status verify() const;
  void dump(std::ostream& out) const { out << cuda; }
  bool operator==(const KernelSource&) const = default;
};

}  // namespace bsgen::codegen
