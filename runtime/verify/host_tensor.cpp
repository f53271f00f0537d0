#include <cstring>

#include "compiler/support/hash.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {
namespace {

constexpr std::uint16_t kPoison = 0xfffa;

std::size_t offset_of(const HostTensor& tensor, std::int64_t head, std::int64_t row, std::int64_t col) {
  return static_cast<std::size_t>((head * tensor.rows + row) * tensor.cols + col) * size_bytes(tensor.dtype);
}

std::uint16_t half_at(const HostTensor& tensor, std::size_t offset) {
  std::uint16_t half;
  std::memcpy(&half, tensor.bytes.data() + offset, sizeof half);
  return half;
}

}  // namespace

HostTensor make_tensor(DType dtype, std::int64_t heads, std::int64_t rows, std::int64_t cols) {
  HostTensor tensor{dtype, heads, rows, cols, {}};
  tensor.bytes.resize(static_cast<std::size_t>(heads * rows * cols) * size_bytes(dtype));
  return tensor;
}

float HostTensor::at(std::int64_t head, std::int64_t row, std::int64_t col) const {
  const std::size_t offset = offset_of(*this, head, row, col);
  if (size_bytes(dtype) == 2) {
    const std::uint16_t half = half_at(*this, offset);
    return dtype == DType::kFp16 ? from_fp16(half) : from_bf16(half);
  }
  float value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

void HostTensor::set(std::int64_t head, std::int64_t row, std::int64_t col, float value) {
  const std::size_t offset = offset_of(*this, head, row, col);
  if (size_bytes(dtype) == 2) {
    const std::uint16_t half = dtype == DType::kFp16 ? to_fp16(value) : to_bf16(value);
    std::memcpy(bytes.data() + offset, &half, sizeof half);
  } else {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
  }
}

void poison(std::span<std::byte> bytes) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) std::memcpy(bytes.data() + i, &kPoison, sizeof kPoison);
}

bool is_poison(const HostTensor& tensor, std::int64_t head, std::int64_t row, std::int64_t col) {
  const std::size_t offset = offset_of(tensor, head, row, col);
  for (int half = 0; half < size_bytes(tensor.dtype) / 2; ++half)
    if (half_at(tensor, offset + 2 * half) != kPoison) return false;
  return true;
}

std::string output_digest(const HostTensor& tensor, bool transposed) {
  if (!transposed) return hash_bytes(tensor.bytes).hex();
  const std::size_t size = size_bytes(tensor.dtype);
  std::vector<std::byte> row_major(tensor.bytes.size());
  std::byte* out = row_major.data();
  for (std::int64_t head = 0; head < tensor.heads; ++head)
    for (std::int64_t col = 0; col < tensor.cols; ++col)
      for (std::int64_t row = 0; row < tensor.rows; ++row, out += size)
        std::memcpy(out, tensor.bytes.data() + offset_of(tensor, head, row, col), size);
  return hash_bytes(row_major).hex();
}

}  // namespace bsgen::verify
