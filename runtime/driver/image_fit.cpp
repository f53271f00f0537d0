#include "runtime/driver/image_fit.h"

namespace bsgen::cuda {

bool cubin_fits(const Arch& image, const Arch& gpu) {
  if (image.suffix == 'a') return image.number == gpu.number;
  return image.number / 10 == gpu.number / 10 && image.number <= gpu.number;
}

bool ptx_fits(const Arch& image, const Arch& gpu) {
  return image.suffix ? cubin_fits(image, gpu) : image.number <= gpu.number;
}

}  // namespace bsgen::cuda
