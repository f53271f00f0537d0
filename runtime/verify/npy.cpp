#include "runtime/verify/npy.h"

#include <fmt/format.h>

#include <cstring>

namespace bsgen::verify {

std::string npy_bytes(std::string_view descr, const std::vector<std::int64_t>& shape, std::span<const std::byte> data) {
  std::string dimensions;
  for (const std::int64_t extent : shape) dimensions += fmt::format("{}, ", extent);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, dimensions);
  // Magic (6), version (2), length (2), header; the data begin at a multiple of 64.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
  return bytes;
}

std::string_view npy_type(DType dtype) {
  switch (dtype) {
    case DType::kFp16: return "<f2";
    case DType::kBf16: return "<u2";
    default: return "<f4";
  }
}

std::string npy_bytes(const HostTensor& tensor, bool transposed) {
  HostTensor source = tensor;
  if (transposed) {
    source = make_tensor(tensor.dtype, tensor.heads, tensor.cols, tensor.rows);
    const std::size_t size = size_bytes(tensor.dtype);
    std::size_t to = 0;
    for (std::int64_t head = 0; head < source.heads; ++head)
      for (std::int64_t row = 0; row < source.rows; ++row)
        for (std::int64_t col = 0; col < source.cols; ++col, to += size)
          std::memcpy(source.bytes.data() + to, tensor.bytes.data() + ((head * tensor.rows + col) * tensor.cols + row) * size, size);
  }
  std::vector<std::int64_t> shape = {source.rows, source.cols};
  if (source.heads != 1) shape.insert(shape.begin(), source.heads);
  return npy_bytes(npy_type(source.dtype), shape, source.bytes);
}

}  // namespace bsgen::verify
