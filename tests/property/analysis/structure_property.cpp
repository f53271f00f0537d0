#include <fmt/format.h>

#include "compiler/analysis/structure.h"
#include "tests/support/catch.h"
#include "tests/support/random_layout.h"

using namespace bsgen;
using namespace bsgen::analysis;

namespace {

// Every function of the header, held against every block, in both views.
bool reproduces(const Structure& s, const Layout& l) {
  if (s.kind == StructureKind::kNone || !s.verify().ok()) return false;
  for (std::int64_t i = 0; i < l.grid_rows(); ++i) {
    const std::int64_t begin = l.row_offsets()[i], end = l.row_offsets()[i + 1];
    if (row_start(s, i) != begin || row_count(s, i) != end - begin) return false;
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t j = l.block_cols()[n];
      if (row_block_col(s, i, n - begin) != j || value_index(s, i, j) != n || row_rank(s, i, j) != n - begin) return false;
    }
    for (std::int64_t j = 0; j < l.grid_cols(); ++j)
      if (present(s, i, j) != l.present(0, i, j)) return false;
  }
  if (num_blocks(s) != l.row_offsets()[l.grid_rows()]) return false;
  const auto t = l.transposed();
  for (std::int64_t j = 0; j < l.grid_cols(); ++j) {
    const std::int64_t begin = t.layout.row_offsets()[j], end = t.layout.row_offsets()[j + 1];
    if (column_count(s, j) != end - begin) return false;
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t i = t.layout.block_cols()[n];
      if (column_block_row(s, j, n - begin) != i || value_index(s, i, j) != t.value_order[n]) return false;
    }
  }
  return true;
}

void check(const std::string& spec) {
  INFO(spec);
  const Layout l = *read_mask(spec, {});
  const Structure s = recognise(l);
  REQUIRE(reproduces(s, l));
  const Layout flipped = l.transposed().layout;
  REQUIRE(reproduces(transposed(s), flipped));
  REQUIRE(transposed(transposed(s)) == s);
  REQUIRE(reproduces(recognise(flipped), flipped));
}

}  // namespace

TEST_CASE("closed_forms_of_generated_masks_reproduce_them_exactly") {
  for (int rows = 1; rows <= 17; ++rows)
    for (int cols = 1; cols <= 17; ++cols) {
      const std::string grid = fmt::format("{}x{}", rows, cols);
      check("full:" + grid);
      check("empty:" + grid);
      check("causal:" + grid);
      for (int size : {1, 2, 3, 5, 8, 30}) check(fmt::format("blockdiag:{}:size={}", grid, size));
      for (int width : {1, 3, 5, 15}) check(fmt::format("banded:{}:width={}", grid, width));
      for (int stride : {1, 2, 3, 4, 7, 16, 40}) check(fmt::format("strided:{}:stride={}", grid, stride));
    }
  for (int rows = 1; rows <= 64; rows *= 2)
    for (int cols = 1; cols <= 64; cols *= 2) check(fmt::format("butterfly:{}x{}", rows, cols));
  check("banded:512x512:width=7");
  check("strided:500x333:stride=17");
  check("causal:200x300");
}

// Any set of residues, any band, drawn at random: whatever is recognised must be exact, and these must be recognised.
TEST_CASE("closed_forms_of_random_toeplitz_masks_reproduce_them_exactly") {
  for (std::uint64_t number = 0; number < 400; ++number) {
    layout::Draws draws(number, 1002);
    const std::int64_t rows = 1 + draws.below(40), cols = 1 + draws.below(40);
    const bool periodic = draws.below(2) == 0;
    const std::int64_t period = periodic ? 1 + draws.below(12) : rows + cols;
    std::vector<std::int64_t> chosen;
    for (std::int64_t n = 1 + draws.below(10); n > 0; --n)
      chosen.push_back(periodic ? draws.below(period) : draws.below(rows + cols - 1) - (cols - 1));  // i - j
    std::vector<std::uint8_t> bits;
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < cols; ++j) {
        std::uint8_t bit = 0;
        for (const std::int64_t c : chosen) bit |= ((i - j - c) % period) == 0;
        bits.push_back(bit);
      }
    INFO("case " << number);
    const Layout l = *Layout::from_bits(bits, rows, cols, {8, 8});
    const Structure s = recognise(l);
    if (!periodic || 2 * period <= std::min(rows, cols)) REQUIRE(s.kind != StructureKind::kNone);
    if (s.kind != StructureKind::kNone) REQUIRE(reproduces(s, l));
  }
}

TEST_CASE("whatever_is_recognised_in_a_random_mask_is_exact") {
  int recognised = 0;
  for (std::uint64_t number = 0; number < 2000; ++number) {
    const auto r = test::random_layout(number, 4);
    const Layout l = r.make();
    const Structure s = recognise(l);
    if (s.kind == StructureKind::kNone) continue;
    ++recognised;
    INFO("case " << number);
    for (std::int64_t head = 0; head < r.heads; ++head) {
      const std::size_t cells = static_cast<std::size_t>(r.grid_rows * r.grid_cols);
      const Layout one = *Layout::from_bits(std::span(r.bits).subspan(head * cells, cells), r.grid_rows, r.grid_cols, r.block);
      REQUIRE(reproduces(s, one));
    }
  }
  CHECK(recognised > 200);
}
