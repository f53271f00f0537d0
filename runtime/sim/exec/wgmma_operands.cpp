#include "runtime/sim/exec/wgmma_operands.h"

#include <fmt/format.h>

namespace bsgen::sim {

MatrixDescriptor MatrixDescriptor::decode(std::uint64_t bits) {
  constexpr int kChunks[] = {1, 8, 4, 2};
  const auto field = [&](int at) { return static_cast<std::uint32_t>(bits >> at & 0x3fff) << 4; };
  return {field(0), field(16), field(32), static_cast<int>(bits >> 49 & 7), kChunks[bits >> 62]};
}

std::string MatrixDescriptor::problem(std::uint64_t bits) {
  constexpr std::uint64_t kFields = 0x3fffull | 0x3fffull << 16 | 0x3fffull << 32 | 7ull << 49 | 3ull << 62;
  if (bits & ~kFields) return fmt::format("{:#018x} sets bits {:#x}, which belong to no field", bits, bits & ~kFields);
  const MatrixDescriptor d = decode(bits);
  if (d.base_offset != 0)
    return fmt::format("{:#018x} has base offset {}; only tiles that begin where their swizzle pattern does are modelled", bits, d.base_offset);
  // The pattern takes 8 rows of 16 W bytes, so the row bits of the start are zero; the bits below advance along the row.
  const std::uint32_t row = static_cast<std::uint32_t>(16 * d.chunks);
  if (d.chunks > 1 && (d.start & (7 * row)) != 0)
    return fmt::format("{:#018x} starts at shared address {}: with swizzle {}B a tile begins at a multiple of {}, its row {} apart", bits, d.start,
                       row, 8 * row, (d.start & (7 * row)) / row);
  return {};
}

}  // namespace bsgen::sim
