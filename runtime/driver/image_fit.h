// Which images a GPU can take. A cubin of a plain architecture runs on the same major number and an equal or higher minor
// one; with suffix f on its family (the same rule), with suffix a on that very chip. PTX of a plain architecture can be
// assembled by the driver for every newer GPU; PTX with a suffix goes where its cubin goes. (CUDA programming guide, binary and PTX
// compatibility; nvcc manual, family-specific targets)
#pragma once

#include "bsgen/dtype.h"

namespace bsgen::cuda {

bool cubin_fits(const Arch& image, const Arch& gpu);
bool ptx_fits(const Arch& image, const Arch& gpu);

}  // namespace bsgen::cuda
