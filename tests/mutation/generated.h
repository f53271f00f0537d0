// The subjects that bsgen generates: a kernel of each family from NVRTC, launched as users launch it.
#pragma once

#include <string>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "tests/mutation/subject.h"

namespace bsgen::mutation {

struct Generated {
  std::string arch = "sm_80";
  Layout layout;
  Problem problem = {};
  Tier tier = Tier::kTable;
  std::vector<std::int64_t> tokens = {77};   // one input each
};

std::string subject_name(const Generated& generated);
// Compiles to PTX. kMissing: there is no NVRTC.
Expected<Subject> generated_subject(const Generated& generated);

}  // namespace bsgen::mutation
