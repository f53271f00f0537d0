#include <algorithm>
#include <array>
#include <set>

#include "compiler/analysis/layout_profile.h"
#include "tests/support/catch.h"
#include "tests/support/random_layout.h"

using namespace bsgen;
using namespace bsgen::analysis;

TEST_CASE("profiles_agree_with_counting_block_by_block") {
  for (std::uint64_t number = 0; number < 300; ++number) {
    const auto r = test::random_layout(number);
    const Layout l = r.make();
    const LayoutProfile p = profile(l);
    INFO("case " << number);
    REQUIRE(p.verify().ok());
    std::int64_t right = 0, lower = 0, elements = 0;
    std::array<std::set<std::array<std::int64_t, 3>>, 5> fprop, bprop;
    for (std::int64_t h = 0; h < r.heads; ++h)
      for (std::int64_t i = 0; i < r.grid_rows; ++i)
        for (std::int64_t j = 0; j < r.grid_cols; ++j) {
          if (!l.present(h, i, j)) continue;
          right += l.present(h, i, j + 1);
          lower += l.present(h, i + 1, j);
          elements += std::min<std::int64_t>(r.block.rows, r.size.rows - i * r.block.rows) *
                      std::min<std::int64_t>(r.block.cols, r.size.cols - j * r.block.cols);
          for (std::size_t w = 0; w < 5; ++w) {
            fprop[w].insert({h, i, j / kPanelWidths[w]});
            bprop[w].insert({h, j, i / kPanelWidths[w]});
          }
        }
    REQUIRE(p.right_neighbours == right);
    REQUIRE(p.lower_neighbours == lower);
    REQUIRE(p.num_elements == elements);
    for (std::size_t w = 0; w < 5; ++w) {
      REQUIRE(p.fprop_unions[w] == static_cast<std::int64_t>(fprop[w].size()));
      REQUIRE(p.bprop_unions[w] == static_cast<std::int64_t>(bprop[w].size()));
    }
  }
}

TEST_CASE("transposing_swaps_what_a_profile_says_of_rows_and_columns") {
  for (std::uint64_t number = 0; number < 200; ++number) {
    const Layout l = test::random_layout(number).make();
    const LayoutProfile p = profile(l), t = profile(l.transposed().layout);
    INFO("case " << number);
    REQUIRE(p.rows == t.cols);
    REQUIRE(p.cols == t.rows);
    REQUIRE(p.fprop_unions == t.bprop_unions);
    REQUIRE(p.right_neighbours == t.lower_neighbours);
    REQUIRE(p.num_elements == t.num_elements);
  }
}
