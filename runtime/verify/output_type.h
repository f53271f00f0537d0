// What rounding to an output type may add, and where it overflows.
#pragma once

#include "bsgen/dtype.h"

namespace bsgen::verify {

struct OutputType {
  double unit;        // relative error of one rounding to nearest
  double half_least;  // half of the least subnormal
  double overflow;    // the least magnitude that rounds to infinity
};

inline OutputType output_type(DType dtype) {
  switch (dtype) {
    case DType::kFp16: return {0x1p-11, 0x1p-25, 65520};
    case DType::kBf16: return {0x1p-8, 0x1p-134, 0x1p128 - 0x1p119};
    default: return {0x1p-24, 0x1p-150, 0x1p128 - 0x1p103};
  }
}

}  // namespace bsgen::verify
