#include "runtime/sim/exec/tensor_core_wgmma.h"

namespace bsgen::sim {

WgmmaFunction wgmma_function(const WgmmaShape& shape, Isa isa) {
  if (!isa_available(isa)) return nullptr;
#ifdef BSGEN_SIM_X86
  if (isa == Isa::kAvx2) return wgmma_function_avx2(shape);
  if (isa == Isa::kAvx512) return wgmma_function_avx512(shape);
#endif
  return wgmma_function_baseline(shape);
}

}  // namespace bsgen::sim
