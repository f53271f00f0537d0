// What a tile costs on chip. The shared-memory formula is that of templates/bsgen/kernels/{dds,sdd}.cuh, whose static_assert
// holds the two together.
#pragma once

#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

// Dynamic shared memory of one cta, bytes.
int shared_bytes(const KernelPlan& plan);
// Accumulators per thread (doubled where sums are promoted) and an estimate of all registers: accumulators, fragments, addresses.
int accumulator_registers(const KernelPlan& plan);
int estimated_registers(const KernelPlan& plan);

}  // namespace bsgen::plan
