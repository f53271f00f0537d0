// What every mask reader gets, and the steps they share. A reader is a function of the bytes and the options.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/layout.h"
#include "compiler/layout/layout_data.h"

namespace bsgen::layout {

struct MaskInput {
  std::string_view name;  // stands in messages
  std::span<const std::byte> bytes;
  const MaskOptions& options;

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  // "mask: NAME: WHAT"
  Status error(std::string_view what) const;
  // An error of the makers, as an error of this file.
  template <class T>
  Expected<T> in_file(Expected<T> result) const {
    if (result.ok()) return result;
    return Status(result.status().code(), error(result.status().message()).message());
  }
};

Expected<Layout> read_txt(const MaskInput& input);
Expected<Layout> read_npy(const MaskInput& input);
Expected<Layout> read_npz(const MaskInput& input);
Expected<Layout> read_mtx(const MaskInput& input);
Expected<Layout> read_smtx(const MaskInput& input);

// --keep and --elements speak of elements; a file of blocks has none to count.
Status refuse_element_options(const MaskInput& input);
// The shape of a matrix whose elements become blocks, with --size where it was given.
Expected<Shape> element_shape(const MaskInput& input, std::int64_t heads, std::int64_t rows, std::int64_t cols);
// heads x rows x cols bytes, row-major, nonzero = present: blocks, or elements where the options say so.
Expected<Layout> dense_mask(const MaskInput& input, const std::vector<std::uint8_t>& bits, std::int64_t heads,
                            std::int64_t rows, std::int64_t cols);

}  // namespace bsgen::layout
