// Mask files made in tests: bytes, .npy headers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "bsgen/layout.h"

namespace bsgen::test {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline Expected<Layout> read(std::string_view name, std::string_view text, const MaskOptions& options = {}) {
  return read_mask_bytes(name, bytes_of(text), options);
}
// An .npy file of version 1 with this dictionary.
inline std::string npy(std::string dictionary, std::string_view data) {
  dictionary += '\n';
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  out += static_cast<char>(dictionary.size() & 0xff);
  out += static_cast<char>(dictionary.size() >> 8);
  return out + dictionary + std::string(data);
}

}  // namespace bsgen::test
