// TensorView: a device matrix that somebody else owns.
#pragma once

#include <cstdint>

#include "bsgen/dtype.h"

namespace bsgen {

// heads x rows x cols elements at `data`, a device address; element (h, r, c) lies at
// data + (h * head_stride + r * leading_dimension + c) * size_bytes(dtype).
// `rows` and `cols` are those of memory: an M x K activation in layout `col` is a K x M matrix here.
struct TensorView {
  std::uint64_t data = 0;
  DType dtype = DType::kFp32;
  std::int64_t heads = 1;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t leading_dimension = 0;  // elements, >= cols
  std::int64_t head_stride = 0;        // elements; 0 with one head
  int device = -1;                     // ordinal of the GPU it lives on; -1 = unknown, not checked
};

}  // namespace bsgen
