#include <cmath>

#include "bsgen/layout.h"
#include "tests/support/catch.h"

using bsgen::Layout;

namespace {

Layout make(const std::string& spec) {
  auto layout = bsgen::read_mask(spec, {});
  INFO(layout.status().message());
  REQUIRE(layout);
  CHECK(layout->verify().ok());
  return *layout;
}

// Whether the generator's mask is exactly {(i, j): rule(i, j)}.
template <class Rule>
bool follows(const Layout& l, const Rule& rule) {
  for (std::int64_t i = 0; i < l.grid_rows(); ++i)
    for (std::int64_t j = 0; j < l.grid_cols(); ++j)
      if (l.present(0, i, j) != rule(i, j)) return false;
  return true;
}

std::int64_t column_length(const Layout& l, std::int64_t j) {
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < l.grid_rows(); ++i) n += l.present(0, i, j);
  return n;
}

}  // namespace

TEST_CASE("rule_generators_follow_their_rules_on_every_grid_shape") {
  for (const std::string grid : {"7x7", "5x12", "12x5", "1x9", "9x1"}) {
    CHECK(follows(make("banded:" + grid + ":width=3"), [](auto i, auto j) { return std::abs(i - j) <= 1; }));
    CHECK(follows(make("banded:" + grid + ":width=1"), [](auto i, auto j) { return i == j; }));
    CHECK(follows(make("blockdiag:" + grid + ":size=3"), [](auto i, auto j) { return i / 3 == j / 3; }));
    CHECK(follows(make("causal:" + grid), [](auto i, auto j) { return j <= i; }));
    CHECK(follows(make("strided:" + grid + ":stride=4"), [](auto i, auto j) { return (i - j) % 4 == 0; }));
    CHECK(follows(make("longformer:" + grid + ":window=3,global=2"),
                  [](auto i, auto j) { return std::abs(i - j) <= 1 || i < 2 || j < 2; }));
    CHECK(follows(make("full:" + grid), [](auto, auto) { return true; }));
    CHECK(follows(make("empty:" + grid), [](auto, auto) { return false; }));
  }
}

TEST_CASE("butterflies_join_indices_that_differ_in_one_bit_at_most") {
  const auto rule = [](std::int64_t i, std::int64_t j) { return ((i ^ j) & ((i ^ j) - 1)) == 0; };
  for (const char* spec : {"butterfly:1x1", "butterfly:16x16", "butterfly:4x32", "butterfly:32x4", "butterfly:2x4"})
    CHECK(follows(make(spec), rule));
}

TEST_CASE("random_masks_have_the_rounded_number_of_blocks") {
  for (double density : {0.0, 0.01, 0.1, 0.37, 0.5, 0.999, 1.0}) {
    const Layout l = make("random:13x21:density=" + std::to_string(density));
    CHECK(l.num_blocks() == std::llround(density * 13 * 21));
  }
}

TEST_CASE("random_blocks_fall_everywhere_alike") {
  // 400 masks with 20 of 100 blocks each: every block is expected 80 times, with a deviation of 8.
  std::vector<int> hits(100, 0);
  for (int seed = 0; seed < 400; ++seed) {
    const Layout l = make("random:10x10:density=0.2,seed=" + std::to_string(seed));
    for (int k = 0; k < 100; ++k) hits[k] += l.present(0, k / 10, k % 10);
  }
  for (const int h : hits) CHECK((h > 40 && h < 120));
}

TEST_CASE("the_seed_of_the_options_stands_in_for_one_in_the_text") {
  const Layout seven = make("random:16x16:density=0.3,seed=7");
  CHECK(*bsgen::read_mask("random:16x16:density=0.3", {.seed = 7}) == seven);
  CHECK(*bsgen::read_mask("random:16x16:density=0.3,seed=7", {.seed = 8}) == seven);
  CHECK(*bsgen::read_mask("random:16x16:density=0.3", {}) == make("random:16x16:density=0.3,seed=0"));
  CHECK_FALSE(make("random:16x16:density=0.3,seed=8") == seven);
}

TEST_CASE("bigbird_adds_random_columns_to_rows_that_are_not_global") {
  const Layout longformer = make("longformer:24x24:window=3,global=2");
  const Layout l = make("bigbird:24x24:window=3,global=2,random=4,seed=5");
  for (std::int64_t i = 0; i < 24; ++i) {
    std::int64_t more = 0;
    for (std::int64_t j = 0; j < 24; ++j) {
      if (longformer.present(0, i, j)) CHECK(l.present(0, i, j));
      more += l.present(0, i, j) && !longformer.present(0, i, j);
    }
    CHECK(more == (i < 2 ? 0 : 4));
  }
  CHECK(make("bigbird:6x6:window=1,global=0,random=100,seed=1") == make("full:6x6"));
}

TEST_CASE("smallworld_columns_keep_their_degree_however_much_is_rewired") {
  for (const char* rewire : {"0", "0.1", "1"}) {
    const Layout l = make("smallworld:20x30:degree=6,rewire=" + std::string(rewire) + ",seed=3");
    for (std::int64_t j = 0; j < 30; ++j) CHECK(column_length(l, j) == 6);
  }
  CHECK(make("smallworld:20x20:degree=20,rewire=1") == make("full:20x20"));
  CHECK(make("smallworld:8x8:degree=4") == make("smallworld:8x8:degree=4,rewire=0.1,seed=0"));
}

TEST_CASE("smallworld_without_rewiring_is_a_ring") {
  CHECK(follows(make("smallworld:9x9:degree=3,rewire=0"), [](auto i, auto j) {
    const auto d = (i - j + 9) % 9;
    return d == 0 || d == 1 || d == 8;
  }));
  // Of two rows equally near, the one before.
  CHECK(follows(make("smallworld:9x9:degree=2,rewire=0"), [](auto i, auto j) { return (j - i + 9) % 9 <= 1; }));
  // Column j of 4 sits at row 2 j; of 8 columns over 4 rows at j / 2.
  CHECK(follows(make("smallworld:8x4:degree=1,rewire=0"), [](auto i, auto j) { return i == 2 * j; }));
  CHECK(follows(make("smallworld:4x8:degree=1,rewire=0"), [](auto i, auto j) { return i == j / 2; }));
}

TEST_CASE("scalefree_graphs_are_symmetric_with_a_diagonal_and_the_right_number_of_edges") {
  const std::int64_t n = 40, m = 3;
  const Layout l = make("scalefree:40x40:edges=3,seed=9");
  CHECK(l.num_blocks() == n + 2 * m * (n - m));
  for (std::int64_t i = 0; i < n; ++i) {
    CHECK(l.present(0, i, i));
    for (std::int64_t j = 0; j < n; ++j) CHECK(l.present(0, i, j) == l.present(0, j, i));
  }
}
