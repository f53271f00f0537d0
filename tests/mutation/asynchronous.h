// The subjects whose work is asynchronous: the warp-specialised wgmma GEMM behind tensor maps, and micro kernels with mbarriers, bulk and
// tensor copies, clusters. What no generated kernel uses yet is held to the same measure before one does.
#pragma once

#include <vector>

#include "tests/mutation/subject.h"

namespace bsgen::mutation {

// Each runs early, late and on two seeds; those with tensor maps have host mutants.
Expected<std::vector<Subject>> asynchronous_subjects();

}  // namespace bsgen::mutation
