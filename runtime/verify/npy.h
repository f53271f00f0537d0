// NumPy's .npy, written: the operands that `bsgen run --save` leaves for a look in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/verify/verify.h"

namespace bsgen::verify {

// Format version 1.0. descr is NumPy's type string, "<f4".
std::string npy_bytes(std::string_view descr, const std::vector<std::int64_t>& shape, std::span<const std::byte> data);

// fp32 and fp16 as NumPy's own types; bf16, which NumPy lacks, as its bits in uint16: array.view(ml_dtypes.bfloat16).
std::string_view npy_type(DType dtype);

// A tensor as heads x rows x cols (two dimensions with one head); transposed: of a matrix whose memory holds the transpose.
std::string npy_bytes(const HostTensor& tensor, bool transposed = false);

}  // namespace bsgen::verify
