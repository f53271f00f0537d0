#include <cmath>

#include "bsgen/layout.h"
#include "tests/support/catch.h"

using bsgen::Layout;

namespace {
// 4 x 6 elements in 2 x 2 blocks: counts 1 0 3 / 2 0 1.
const std::vector<std::uint8_t> kElements{1, 0, 0, 0, 1, 1,   //
                                          0, 0, 0, 0, 0, 9,   //
                                          1, 1, 0, 0, 0, 0,   //
                                          0, 0, 0, 0, 0, 1};
std::vector<std::int64_t> present(const Layout& l) {
  std::vector<std::int64_t> found;
  for (std::int64_t i = 0; i < l.grid_rows(); ++i)
    for (std::int64_t j = 0; j < l.grid_cols(); ++j)
      if (l.present(0, i, j)) found.push_back(i * l.grid_cols() + j);
  return found;
}
std::vector<std::int64_t> kept(double keep) { return present(*Layout::from_elements(kElements, 4, 6, {2, 2}, keep)); }
}  // namespace

TEST_CASE("a_block_is_present_if_it_holds_an_element") {
  CHECK(present(*Layout::from_elements(kElements, 4, 6, {2, 2})) == std::vector<std::int64_t>{0, 2, 3, 5});
  const std::vector<std::int64_t> offsets{0, 3, 4, 6, 7};
  const std::vector<std::int32_t> columns{5, 0, 4, 5, 1, 0, 5};  // any order within a row
  CHECK(*Layout::from_csr(offsets, columns, 6, {2, 2}) == *Layout::from_elements(kElements, 4, 6, {2, 2}));
}

TEST_CASE("keep_leaves_the_fullest_blocks_and_prefers_the_lower_index_in_a_tie") {
  CHECK(kept(0).empty());
  CHECK(kept(0.01) == std::vector<std::int64_t>{2});         // ceil(0.06) = 1
  CHECK(kept(2.0 / 6) == std::vector<std::int64_t>{2, 3});
  CHECK(kept(0.5) == std::vector<std::int64_t>{0, 2, 3});    // 0 and 5 hold one element each
  CHECK(kept(0.6) == std::vector<std::int64_t>{0, 2, 3, 5});
}

TEST_CASE("keep_never_keeps_a_block_without_an_element") {
  CHECK(kept(1) == std::vector<std::int64_t>{0, 2, 3, 5});
}

TEST_CASE("keep_outside_0_to_1_is_refused") {
  for (double keep : {-0.1, 1.1, std::nan(""), HUGE_VAL})
    CHECK_FALSE(Layout::from_elements(kElements, 4, 6, {2, 2}, keep));
}

TEST_CASE("elements_keep_the_matrix_size") {
  const Layout l = *Layout::from_elements(kElements, 4, 6, {3, 4});
  CHECK(l.grid_rows() == 2);
  CHECK(l.grid_cols() == 2);
  CHECK(l.rows() == 4);
  CHECK(l.cols() == 6);
  CHECK(present(l) == std::vector<std::int64_t>{0, 1, 3});
}

TEST_CASE("csr_that_contradicts_itself_is_refused") {
  const std::vector<std::int32_t> columns{0, 1};
  const auto make = [&](std::vector<std::int64_t> offsets) { return Layout::from_csr(offsets, columns, 4, {2, 2}); };
  CHECK(make({0, 1, 2}));
  CHECK_FALSE(make({1, 1, 2}));
  CHECK_FALSE(make({0, 3, 2}));
  CHECK_FALSE(make({0, -1, 2}));
  CHECK_FALSE(make({0, 1, 1}));
  CHECK_FALSE(make({}));
  CHECK_FALSE(Layout::from_csr(std::vector<std::int64_t>{0, 2}, std::vector<std::int32_t>{0, 4}, 4, {2, 2}));
  CHECK_FALSE(Layout::from_csr(std::vector<std::int64_t>{0, 2}, std::vector<std::int32_t>{-1, 3}, 4, {2, 2}));
}
