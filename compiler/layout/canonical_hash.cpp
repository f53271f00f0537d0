// The layout's name: XXH3-128 over a canonical byte stream, fed in pieces so that no copy of the layout is ever made.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <bit>

#include "compiler/layout/layout_data.h"

namespace bsgen::layout {
namespace {

constexpr std::uint64_t kVersion = 1;  // of the canonical form; changing it renames every cached kernel

// Collects 64-bit words and hands them on as little-endian bytes.
class WordStream {
 public:
  WordStream() { XXH3_128bits_reset(&state_); }

  void put(std::uint64_t word) {
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    words_[used_++] = word;
    if (used_ == words_.size()) flush();
  }
  Hash128 finish() {
    flush();
    const XXH128_hash_t h = XXH3_128bits_digest(&state_);
    return {h.high64, h.low64};
  }

 private:
  void flush() {
    XXH3_128bits_update(&state_, words_.data(), used_ * sizeof(std::uint64_t));
    used_ = 0;
  }
  XXH3_state_t state_;
  std::array<std::uint64_t, 512> words_;
  std::size_t used_ = 0;
};

}  // namespace

Hash128 canonical_hash(const Shape& shape, std::span<const std::int64_t> row_offsets,
                       std::span<const std::int32_t> block_cols) {
  WordStream stream;
  stream.put(kVersion);
  for (const std::int64_t word :
       {shape.heads, shape.grid_rows, shape.grid_cols, std::int64_t{shape.block.rows},
        std::int64_t{shape.block.cols}, shape.size.rows, shape.size.cols})
    stream.put(static_cast<std::uint64_t>(word));
  for (const std::int64_t offset : row_offsets) stream.put(static_cast<std::uint64_t>(offset));
  for (const std::int32_t col : block_cols) stream.put(static_cast<std::uint64_t>(col));
  return stream.finish();
}

}  // namespace bsgen::layout
