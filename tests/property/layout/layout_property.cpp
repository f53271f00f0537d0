#include <algorithm>
#include <cmath>
#include <sstream>

#include "compiler/layout/write_mask.h"
#include "tests/support/catch.h"
#include "tests/support/mask_bytes.h"
#include "tests/support/random_layout.h"

using bsgen::Layout;
using bsgen::test::random_layout;
using bsgen::test::RandomLayout;

namespace {

constexpr std::uint64_t kCases = 300;

// Runs `check` on every case; a failure names the case number, which makes it again.
template <class Check>
void for_all(const Check& check) {
  for (std::uint64_t number = 0; number < kCases; ++number) {
    const RandomLayout r = random_layout(number);
    std::ostringstream picture;
    r.make().dump(picture);
    INFO("case " << number << '\n' << picture.str());
    check(r, r.make());
  }
}

}  // namespace

TEST_CASE("every_layout_verifies_and_has_exactly_its_bits") {
  for_all([](const RandomLayout& r, const Layout& l) {
    REQUIRE(l.verify().ok());
    std::size_t n = 0;
    bool same = true;
    for (std::int64_t h = 0; h < r.heads; ++h)
      for (std::int64_t i = 0; i < r.grid_rows; ++i)
        for (std::int64_t j = 0; j < r.grid_cols; ++j) same = same && l.present(h, i, j) == (r.bits[n++] != 0);
    REQUIRE(same);
    REQUIRE(l.rows() == r.size.rows);
    REQUIRE(l.cols() == r.size.cols);
  });
}

TEST_CASE("the_text_form_reads_back") {
  for_all([](const RandomLayout&, const Layout& l) {
    std::ostringstream text;
    l.dump(text);
    REQUIRE(*Layout::parse_text(text.str()) == l);
  });
  for (std::uint64_t number = 0; number < 20; ++number) {  // runs instead of pictures
    const Layout l = random_layout(number, 700).make();
    std::ostringstream text;
    l.dump(text);
    REQUIRE(*Layout::parse_text(text.str()) == l);
  }
}

TEST_CASE("transposed_twice_is_the_layout_and_its_values_in_order") {
  for_all([](const RandomLayout& r, const Layout& l) {
    const auto once = l.transposed();
    REQUIRE(once.layout.verify().ok());
    const auto twice = once.layout.transposed();
    REQUIRE(twice.layout == l);
    for (std::size_t n = 0; n < twice.value_order.size(); ++n)
      REQUIRE(once.value_order[twice.value_order[n]] == static_cast<std::int32_t>(n));
    for (std::int64_t h = 0; h < r.heads; ++h)
      for (std::int64_t i = 0; i < r.grid_rows; ++i)
        for (std::int64_t j = 0; j < r.grid_cols; ++j)
          if (once.layout.present(h, j, i) != l.present(h, i, j)) FAIL("block " << h << ' ' << i << ' ' << j);
  });
}

TEST_CASE("value_order_names_the_same_block_in_the_original") {
  for_all([](const RandomLayout&, const Layout& l) {
    const auto t = l.transposed();
    // Walk the transposed layout; block (j, i) must be the value_order-th of the original, which is (i, j).
    std::vector<std::pair<std::int64_t, std::int32_t>> original;  // (head x rows + row, col)
    for (std::int64_t row = 0; row < l.heads() * l.grid_rows(); ++row)
      for (std::int64_t n = l.row_offsets()[row]; n < l.row_offsets()[row + 1]; ++n)
        original.emplace_back(row, l.block_cols()[n]);
    bool same = true;
    for (std::int64_t row = 0; row < t.layout.heads() * t.layout.grid_rows(); ++row)
      for (std::int64_t n = t.layout.row_offsets()[row]; n < t.layout.row_offsets()[row + 1]; ++n) {
        const auto [original_row, col] = original[t.value_order[n]];
        const std::int64_t head = row / l.grid_cols(), j = row % l.grid_cols();
        same = same && col == j && original_row == head * l.grid_rows() + t.layout.block_cols()[n];
      }
    REQUIRE(same);
  });
}

TEST_CASE("bits_bsr_coordinates_and_elements_agree") {
  for_all([](const RandomLayout& r, const Layout& l) {
    REQUIRE(*Layout::from_bsr(l.row_offsets(), l.block_cols(), r.grid_cols, r.block, r.heads, r.size) == l);
    if (r.heads > 1) return;
    std::vector<std::int32_t> rows, cols, columns;
    for (std::int64_t n = r.grid_rows * r.grid_cols; n-- > 0;)  // backwards: the order is free
      if (r.bits[n] != 0) {
        rows.push_back(static_cast<std::int32_t>(n / r.grid_cols));
        cols.push_back(static_cast<std::int32_t>(n % r.grid_cols));
      }
    REQUIRE(*Layout::from_coo(rows, cols, r.grid_rows, r.grid_cols, r.block, r.size) == l);
    // One element in each block, at its last place inside the matrix.
    std::vector<std::int64_t> offsets{0};
    for (std::int64_t row = 0; row < r.size.rows; ++row) {
      const std::int64_t i = row / r.block.rows;
      if (row == std::min((i + 1) * r.block.rows, r.size.rows) - 1)
        for (std::int64_t n = l.row_offsets()[i]; n < l.row_offsets()[i + 1]; ++n)
          columns.push_back(static_cast<std::int32_t>(
              std::min((l.block_cols()[n] + std::int64_t{1}) * r.block.cols, r.size.cols) - 1));
      offsets.push_back(static_cast<std::int64_t>(columns.size()));
    }
    REQUIRE(*Layout::from_csr(offsets, columns, r.size.cols, r.block) == l);
    if (r.size.rows * r.size.cols > 1 << 20) return;
    std::vector<std::uint8_t> elements(r.size.rows * r.size.cols, 0);
    for (std::int64_t row = 0; row < r.size.rows; ++row)
      for (std::int64_t n = offsets[row]; n < offsets[row + 1]; ++n) elements[row * r.size.cols + columns[n]] = 1;
    REQUIRE(*Layout::from_elements(elements, r.size.rows, r.size.cols, r.block) == l);
  });
}

TEST_CASE("hashes_are_equal_exactly_when_layouts_are") {
  std::vector<Layout> all;
  for (std::uint64_t number = 0; number < kCases; ++number) all.push_back(random_layout(number, 3).make());
  for (const Layout& a : all)
    for (const Layout& b : all) {
      bool same = a.heads() == b.heads() && a.grid_rows() == b.grid_rows() && a.grid_cols() == b.grid_cols() &&
                  a.block() == b.block() && a.rows() == b.rows() && a.cols() == b.cols();
      same = same && std::ranges::equal(a.row_offsets(), b.row_offsets()) && std::ranges::equal(a.block_cols(), b.block_cols());
      if ((a.hash() == b.hash()) != same || (a == b) != same) FAIL(a.hash().hex() << " and " << b.hash().hex());
    }
}

TEST_CASE("every_file_format_reads_back") {
  for_all([](const RandomLayout& r, const Layout& l) {
    for (const std::string path : {"a.txt", "a.npy", "a.npz", "a.smtx", "a.mtx", "a.layout"}) {
      const auto bytes = bsgen::layout::format_mask(l, path);
      const bool one_matrix = path == "a.npz" || path == "a.smtx" || path == "a.mtx";
      REQUIRE(bytes.ok() == (r.heads == 1 || !one_matrix));
      if (!bytes) continue;
      const auto read = bsgen::test::read(path, *bytes, {.block = r.block, .size = r.size});
      INFO(path << ": " << read.status().message());
      REQUIRE(read);
      REQUIRE(*read == l);
    }
  });
}

TEST_CASE("keep_agrees_with_sorting_all_blocks") {
  for (std::uint64_t number = 0; number < 100; ++number) {
    bsgen::layout::Draws draws(number, 1001);
    const std::int64_t rows = 1 + draws.below(50), cols = 1 + draws.below(50);
    const int edge = static_cast<int>(1 + draws.below(9));
    const double keep = static_cast<double>(draws.below(101)) / 100;
    std::vector<std::uint8_t> elements(rows * cols);
    for (auto& e : elements) e = draws.below(10) == 0;
    const Layout pruned = *Layout::from_elements(elements, rows, cols, {edge, edge}, keep);
    const std::int64_t grid_cols = (cols + edge - 1) / edge, grid = (rows + edge - 1) / edge * grid_cols;
    std::vector<std::pair<std::int64_t, std::int64_t>> order;  // (-elements, index)
    for (std::int64_t n = 0; n < grid; ++n) order.emplace_back(0, n);
    for (std::int64_t n = 0; n < rows * cols; ++n)
      if (elements[n] != 0) --order[n / cols / edge * grid_cols + n % cols / edge].first;
    std::sort(order.begin(), order.end());
    std::vector<std::uint8_t> expected(grid, 0);
    for (std::int64_t n = 0; n < std::ceil(keep * static_cast<double>(grid)); ++n)
      expected[order[n].second] = order[n].first < 0;
    INFO("case " << number);
    REQUIRE(pruned == *Layout::from_bits(expected, grid / grid_cols, grid_cols, {edge, edge}, 1, {rows, cols}));
  }
}
