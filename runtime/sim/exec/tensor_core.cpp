#include "runtime/sim/exec/tensor_core.h"

#include <atomic>

#include "runtime/sim/exec/tensor_core_tile.h"

namespace bsgen::sim {

// Sources: recorded vectors where `confirmed`; else the published models that agree with them on
// their neighbours (docs/design/tensor-core.md has the table with what backs each line).
TensorCoreModel tensor_core_model(const Arch& arch) {
  TensorCoreModel ampere;  // sm_80: A100. F = 24; k16 is two steps of 8, tf32 k8 two of 4
  ampere.step_fp8 = 16;
  switch (arch.number) {
    case 80:
      ampere.confirmed = true;
      return ampere;
    case 89:
      ampere.confirmed = true;
      return ampere;  // Ada, fp8 in two steps of 16 with F = 13
    case 90:
      return {.fraction_bits = 25,
              .step_16bit = 16,
              .step_tf32 = 8,
              .step_fp8 = 32,
              .fraction_bits_fp8 = 13,
              .confirmed = true,
              .fp8_mma_by_f16 = true};
    default:
      break;
  }
  if (arch.number < 90)
    return ampere;  // sm_75, 86, 87, 88: like their neighbours, nothing recorded
  return {.fraction_bits = 25,
          .step_16bit = 16,
          .step_tf32 = 8,
          .step_fp8 = 32,
          .fraction_bits_fp8 = 25,
          .confirmed = arch.number == 100};
}

bool isa_available(Isa isa) {
#ifdef BSGEN_SIM_X86
  switch (isa) {
    case Isa::kBaseline:
      return true;
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c");
    case Isa::kAvx512:
      return isa_available(Isa::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
  }
  return false;
#else
  return isa == Isa::kBaseline;
#endif
}

Isa best_isa() {
  // Found again by who comes at the same time: a static object's guard is a lock that a fork does not wait for.
  static constinit std::atomic<int> found{-1};
  if (const int best = found.load(std::memory_order_relaxed); best >= 0) return static_cast<Isa>(best);
  const Isa best = isa_available(Isa::kAvx512) ? Isa::kAvx512 : isa_available(Isa::kAvx2) ? Isa::kAvx2 : Isa::kBaseline;
  found.store(static_cast<int>(best), std::memory_order_relaxed);
  return best;
}

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::kBaseline:
      return "baseline";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "unknown";
}

MmaFunction mma_function(const MmaShape& shape, Isa isa) {
  if (!isa_available(isa)) return nullptr;
#ifdef BSGEN_SIM_X86
  if (isa == Isa::kAvx2) return mma_function_avx2(shape);
  if (isa == Isa::kAvx512) return mma_function_avx512(shape);
#endif
  return mma_function_baseline(shape);
}

}  // namespace bsgen::sim
