// Schedules by hand, and that verify() notices what is wrong with one.
#include "compiler/plan/choose.h"
#include "compiler/plan/geometry.h"
#include "compiler/plan/schedule.h"
#include "tests/support/catch.h"

using namespace bsgen;

namespace {

plan::KernelPlan plan_for(const Layout& layout, Op op = Op::kFprop) {
  CompileOptions options;
  options.tier = Tier::kTable;
  return *plan::choose(layout, {.op = op}, *Arch::parse("sm_80"), options);
}

Layout small() {
  return *Layout::from_bits({1, 0, 1,  //
                             0, 1, 1},
                            2, 3, {32, 32});
}

}  // namespace

TEST_CASE("fprop_gathers_block_rows_of_a_column_and_bprop_block_columns_of_a_row") {
  plan::KernelPlan plan = plan_for(small());
  plan.tile.panel = 1;
  const plan::Schedule f = plan::make_schedule(plan, small());
  REQUIRE(f.panels.size() == 3);
  CHECK(f.panels[0].out_block == 2);  // two blocks: the longest first
  CHECK(f.panels[0].count == 2);
  CHECK(std::vector<std::int32_t>(f.entries.begin(), f.entries.end()) ==
        std::vector<std::int32_t>{0, 1, 0, -1, 1, 1, 2, -1, 0, 1, 1, -1, 1, 1, 3, -1});

  plan = plan_for(small(), Op::kBprop);
  plan.tile.panel = 2;
  const plan::Schedule b = plan::make_schedule(plan, small());
  REQUIRE(b.panels.size() == 1);
  CHECK(b.entries == std::vector<std::int32_t>{0, 1, 0, -1, 1, 2, -1, 2, 2, 3, 1, 3});
}

TEST_CASE("pairs_of_8_wide_blocks_share_an_entry") {
  const Layout layout = *Layout::from_bits({1, 1, 0, 1, 1, 0}, 6, 1, {8, 8});
  plan::KernelPlan plan = plan_for(layout);
  plan.tile.panel = 1;
  REQUIRE(plan::blocks_per_slice(plan::geometry(plan), plan.tile) == 2);
  const plan::Schedule s = plan::make_schedule(plan, layout);
  CHECK(s.entries == std::vector<std::int32_t>{0, 3, 0, 1, 1, 2, -1, 2, 2, 1, 3, -1});
}

TEST_CASE("update_splits_a_column_into_ctas_of_gather_rows") {
  const Layout layout = *Layout::from_bits(std::vector<std::uint8_t>(10, 1), 10, 1, {32, 32});
  plan::KernelPlan plan = plan_for(layout, Op::kUpdate);
  plan.tile.panel = 1;
  plan.tile.gather = 4;
  const plan::Schedule s = plan::make_schedule(plan, layout);
  REQUIRE(s.panels.size() == 3);
  CHECK(s.panels[0].count == 4);
  CHECK(s.panels[2].count == 2);
}

TEST_CASE("the_table_is_panels_then_entries") {
  const plan::KernelPlan plan = plan_for(small());
  const plan::Schedule s = plan::make_schedule(plan, small());
  CHECK(s.table().size() == s.panels.size() * 16 + s.entries.size() * 4);
}

TEST_CASE("a_wrong_schedule_is_noticed") {
  const plan::KernelPlan plan = plan_for(small());
  const plan::Schedule good = plan::make_schedule(plan, small());
  REQUIRE(good.verify(plan, small()).ok());
  plan::Schedule bad = good;
  bad.panels.back().count = 0;
  CHECK(bad.verify(plan, small()).message().find("is never visited") != std::string::npos);
  bad = good;
  bad.panels.back() = bad.panels.front();
  CHECK_FALSE(bad.verify(plan, small()).ok());
  bad = good;
  bad.entries[1] = 0;
  CHECK(bad.verify(plan, small()).message().find("has a value and is not in the mask") != std::string::npos);
  bad = good;
  bad.entries[2] = -1;
  CHECK(bad.verify(plan, small()).message().find("is in the mask and has no value") != std::string::npos);
  bad = good;
  bad.entries[0] = 5;
  CHECK_FALSE(bad.verify(plan, small()).ok());
}
