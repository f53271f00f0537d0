// NumPy's .npy format, version 1 to 3 (numpy.lib.format): the header, and arrays of integers and bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::layout {

struct NpyHeader {
  char kind = 0;       // 'b' bool, 'i', 'u', 'f', 'c', 'S', 'U', ...
  int item_bytes = 0;  // 'U': 4 per character
  bool big_endian = false;
  bool fortran = false;
  std::vector<std::int64_t> shape;
  std::size_t data_offset = 0;
  std::string descr;  // as in the file

  std::int64_t count() const;  // product of the shape
};

// A header is at most this long; no array of ours needs more.
inline constexpr std::size_t kMaxNpyHeader = 65536;

// Parses what `bytes` begins with; the data may be cut off, `file_bytes` says how long it all is. Shape and item size are
// checked against it, so that count() x item_bytes is exactly what follows the header.
Expected<NpyHeader> parse_npy_header(std::string_view name, std::span<const std::byte> bytes, std::uint64_t file_bytes);

// A one-dimensional array of integers of any width and byte order.
Expected<std::vector<std::int64_t>> npy_integers(std::string_view name, std::span<const std::byte> bytes);
// A zero-dimensional string, bytes or unicode; ASCII.
Expected<std::string> npy_string(std::string_view name, std::span<const std::byte> bytes);

}  // namespace bsgen::layout
