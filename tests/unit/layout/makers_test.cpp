#include <limits>
#include <sstream>

#include "bsgen/layout.h"
#include "tests/support/catch.h"

using bsgen::BlockShape;
using bsgen::Layout;

namespace {
std::vector<std::int64_t> offsets_of(const Layout& l) { return {l.row_offsets().begin(), l.row_offsets().end()}; }
std::vector<std::int32_t> cols_of(const Layout& l) { return {l.block_cols().begin(), l.block_cols().end()}; }
}  // namespace

TEST_CASE("bits_become_bsr_rows_with_ascending_columns") {
  const Layout l = *Layout::from_bits({1, 0, 7, 0, 0, 0, 0, 255, 1}, 3, 3, {16, 32});
  CHECK(offsets_of(l) == std::vector<std::int64_t>{0, 2, 2, 4});
  CHECK(cols_of(l) == std::vector<std::int32_t>{0, 2, 1, 2});
  CHECK(l.rows() == 48);
  CHECK(l.cols() == 96);
  CHECK(l.num_blocks() == 4);
  CHECK(l.density() == 4.0 / 9.0);
  CHECK_FALSE(l.ragged());
  CHECK(l.verify().ok());
}

TEST_CASE("every_byte_value_and_position_of_a_word_is_seen") {
  for (int width : {1, 7, 8, 9, 23})
    for (int at = 0; at < width; ++at)
      for (int value : {1, 2, 0x7f, 0x80, 0x81, 0xff}) {
        std::vector<std::uint8_t> bits(width, 0);
        bits[at] = static_cast<std::uint8_t>(value);
        CHECK(cols_of(*Layout::from_bits(bits, 1, width, {8, 8})) == std::vector<std::int32_t>{at});
      }
}

TEST_CASE("a_size_ends_inside_the_last_block_or_is_refused") {
  const auto make = [](std::int64_t rows, std::int64_t cols) {
    return Layout::from_bits({1, 1, 1, 1, 1, 1}, 2, 3, {16, 32}, 1, {rows, cols});
  };
  CHECK(make(17, 65)->ragged());
  CHECK(make(17, 65)->rows() == 17);
  CHECK_FALSE(make(32, 96)->ragged());
  CHECK_FALSE(make(16, 96));
  CHECK_FALSE(make(33, 96));
  CHECK_FALSE(make(32, 64));
  CHECK_FALSE(make(32, 97));
  CHECK_FALSE(make(0, 96));
  CHECK_FALSE(make(-1, 96));
}

TEST_CASE("heads_are_outermost") {
  const Layout l = *Layout::from_bits({1, 0, 0, 0, 0, 1, 1, 0}, 2, 2, {8, 8}, 2);
  CHECK(l.heads() == 2);
  CHECK(offsets_of(l) == std::vector<std::int64_t>{0, 1, 1, 2, 3});
  CHECK(l.present(0, 0, 0));
  CHECK(l.present(1, 0, 1));
  CHECK(l.present(1, 1, 0));
  CHECK_FALSE(l.present(0, 1, 0));
  CHECK_FALSE(l.present(2, 0, 0));
  CHECK_FALSE(l.present(0, -1, 0));
}

TEST_CASE("a_grid_without_blocks_is_a_layout") {
  const Layout l = *Layout::from_bits({0, 0, 0, 0}, 2, 2, {8, 8});
  CHECK(l.num_blocks() == 0);
  CHECK(l.density() == 0);
  CHECK(l.verify().ok());
  CHECK(l.transposed().layout == l);
}

TEST_CASE("coordinates_come_in_any_order_and_once") {
  const std::vector<std::int32_t> rows{2, 0, 2, 1}, cols{3, 1, 0, 2};
  const Layout l = *Layout::from_coo(rows, cols, 3, 4, {8, 8});
  CHECK(offsets_of(l) == std::vector<std::int64_t>{0, 1, 2, 4});
  CHECK(cols_of(l) == std::vector<std::int32_t>{1, 2, 0, 3});
  const std::vector<std::int32_t> twice_rows{1, 0, 1}, twice_cols{2, 2, 2};
  CHECK_FALSE(Layout::from_coo(twice_rows, twice_cols, 3, 4, {8, 8}));
}

TEST_CASE("transposing_keeps_which_value_belongs_where") {
  const Layout l = *Layout::from_bits({0, 1, 1, 1, 0, 1}, 2, 3, {8, 16}, 1, {15, 40});
  const auto t = l.transposed();
  CHECK(t.layout.block() == BlockShape{16, 8});
  CHECK(t.layout.rows() == 40);
  CHECK(t.layout.cols() == 15);
  CHECK(offsets_of(t.layout) == std::vector<std::int64_t>{0, 1, 2, 4});
  CHECK(cols_of(t.layout) == std::vector<std::int32_t>{1, 0, 0, 1});
  CHECK(t.value_order == std::vector<std::int32_t>{2, 0, 1, 3});
  CHECK(t.layout.verify().ok());
}

TEST_CASE("the_hash_tells_apart_everything_that_a_layout_is") {
  const std::vector<std::uint8_t> bits{1, 0, 0, 1};
  const Layout base = *Layout::from_bits(bits, 2, 2, {16, 16});
  std::vector<Layout> others{
      *Layout::from_bits({1, 0, 1, 0}, 2, 2, {16, 16}), *Layout::from_bits({1, 0, 0, 1}, 1, 4, {16, 16}),
      *Layout::from_bits({1, 0, 0, 1}, 4, 1, {16, 16}), *Layout::from_bits(bits, 2, 2, {16, 32}),
      *Layout::from_bits(bits, 2, 2, {32, 16}),         *Layout::from_bits(bits, 2, 2, {16, 16}, 1, {31, 32}),
      *Layout::from_bits(bits, 2, 2, {16, 16}, 1, {32, 31}), *Layout::from_bits(bits, 1, 2, {16, 16}, 2)};
  for (const Layout& other : others) {
    CHECK(other.hash() != base.hash());
    CHECK_FALSE(other == base);
  }
  CHECK(Layout::from_bits(bits, 2, 2, {16, 16})->hash() == base.hash());
}

TEST_CASE("grids_and_sides_past_2_to_the_31_are_refused_before_memory_is_asked_for") {
  const std::vector<std::int64_t> offsets{0, 0};
  const std::int64_t limit = std::int64_t{1} << 31;
  CHECK(Layout::from_bsr(offsets, {}, limit, {1, 1}));
  CHECK_FALSE(Layout::from_bsr(offsets, {}, limit + 1, {1, 1}));
  CHECK_FALSE(Layout::from_bsr(offsets, {}, limit / 2 + 1, {1, 2}));
  CHECK_FALSE(Layout::from_coo({}, {}, 65536, 65536, {8, 8}));
  CHECK_FALSE(Layout::from_coo({}, {}, std::numeric_limits<std::int64_t>::max(), 2, {8, 8}));
  CHECK_FALSE(Layout::from_coo({}, {}, 0, 2, {8, 8}));
  CHECK_FALSE(Layout::from_coo({}, {}, 2, -3, {8, 8}));
  CHECK_FALSE(Layout::from_coo({}, {}, 2, 2, {0, 8}));
  CHECK_FALSE(Layout::from_bits({}, 1, 1, {8, 8}, 0));
  CHECK_FALSE(Layout::from_bits({}, 1, 1, {8, 8}, std::numeric_limits<std::int64_t>::max()));
}

TEST_CASE("the_text_form_is_a_picture_for_narrow_grids_and_runs_for_wide_ones") {
  std::ostringstream narrow, wide;
  Layout::from_bits({1, 0, 1, 0, 0, 0, 0, 0, 0}, 3, 3, {16, 32}, 1, {40, 96})->dump(narrow);
  CHECK(narrow.str() ==
        "bsgen layout 1\nheads 1\ngrid 3 x 3\nblock 16x32\nsize 40 x 96\n#.#\n... x2\nend\n");
  std::vector<std::uint8_t> bits(2 * 200, 0);
  for (int j : {0, 1, 2, 7, 198, 199}) bits[j] = 1;
  Layout::from_bits(bits, 1, 200, {8, 8}, 2)->dump(wide);
  CHECK(wide.str() ==
        "bsgen layout 1\nheads 2\ngrid 1 x 200\nblock 8\nsize 8 x 1600\nhead 0\n: 0-2 7 198-199\nhead 1\n:\nend\n");
}
