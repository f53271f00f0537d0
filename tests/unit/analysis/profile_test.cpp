#include <sstream>

#include "compiler/analysis/layout_profile.h"
#include "tests/support/catch.h"

using bsgen::Layout;
using bsgen::analysis::LayoutProfile;
using bsgen::analysis::profile;

namespace {
// ##.#
// ....
// #.##
const Layout kLayout = *Layout::from_bits({1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1}, 3, 4, {8, 16}, 1, {23, 60});
}  // namespace

TEST_CASE("lengths_are_counted_over_rows_and_columns") {
  const LayoutProfile p = profile(kLayout);
  CHECK(p.verify().ok());
  CHECK(p.rows.counts == std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 1}, {3, 2}});
  CHECK(p.rows.empty == 1);
  CHECK(p.rows.median == 3);
  CHECK(p.rows.mean == 2);
  CHECK(p.rows.imbalance == 1.5);
  CHECK(p.cols.counts == std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 2}, {2, 2}});
  CHECK(p.cols.min == 1);
  CHECK(p.cols.max == 2);
  CHECK(p.cols.median == 1.5);
  CHECK(p.cols.empty == 0);
}

TEST_CASE("unions_are_operand_tiles_that_a_panel_loads") {
  const LayoutProfile p = profile(kLayout);
  CHECK(p.fprop_unions == std::array<std::int64_t, 5>{6, 4, 2, 2, 2});
  CHECK(p.bprop_unions == std::array<std::int64_t, 5>{6, 6, 4, 4, 4});
  CHECK(p.reuse_fprop(2) == 1.5);
  CHECK(p.reuse_bprop(4) == 1.5);
}

TEST_CASE("neighbours_are_counted_within_a_head") {
  const LayoutProfile p = profile(kLayout);
  CHECK(p.right_neighbours == 2);
  CHECK(p.lower_neighbours == 0);
  const LayoutProfile stack = profile(*Layout::from_bits({1, 1, 1, 1}, 1, 2, {8, 8}, 2));
  CHECK(stack.right_neighbours == 2);
  CHECK(stack.lower_neighbours == 0);
  CHECK(stack.bprop_unions[1] == 4);
}

TEST_CASE("elements_beyond_the_matrix_are_not_useful") {
  // Rows 8, 8, 7 high; columns 16, 16, 16, 12 wide.
  CHECK(profile(kLayout).num_elements == 8 * (16 + 16 + 12) + 7 * (16 + 16 + 12));
}

TEST_CASE("a_mask_without_blocks_has_a_profile") {
  const LayoutProfile p = profile(*Layout::from_bits({0, 0}, 1, 2, {8, 8}));
  CHECK(p.verify().ok());
  CHECK(p.rows.imbalance == 0);
  CHECK(p.reuse_fprop(16) == 0);
  CHECK(p.right_adjacency() == 0);
}

TEST_CASE("a_profile_prints_itself") {
  std::ostringstream out;
  profile(kLayout).dump(out);
  CHECK(out.str() ==
        "heads 1\ngrid 3 x 4\nblocks 6\ndensity 0.500000\n"
        "row length min 0 median 3 max 3 mean 2.000 imbalance 1.500 empty 1\n"
        "column length min 1 median 1.5 max 2 mean 1.500 imbalance 1.333 empty 0\n"
        "reuse in panels of 1: fprop 1.000 bprop 1.000\nreuse in panels of 2: fprop 1.500 bprop 1.000\n"
        "reuse in panels of 4: fprop 3.000 bprop 1.500\nreuse in panels of 8: fprop 3.000 bprop 1.500\n"
        "reuse in panels of 16: fprop 3.000 bprop 1.500\nadjacency right 0.333 lower 0.000\nstructure none\n");
}
