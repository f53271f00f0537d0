// Over random layouts, problems and tiers: a plan verifies, its schedule visits every present block exactly once in ascending
// order, and plan and schedule follow from the layout alone.
#include "compiler/plan/choose.h"
#include "compiler/plan/schedule.h"
#include "tests/support/catch.h"
#include "tests/support/random_layout.h"

using namespace bsgen;

TEST_CASE("every_nonzero_block_is_visited_exactly_once_in_ascending_order") {
  constexpr int kCases = 400;
  int planned = 0;
  for (std::uint64_t number = 0; number < kCases; ++number) {
    const test::RandomLayout random = test::random_layout(number);
    if (random.block.rows < 8 || random.block.cols < 8) continue;
    const Layout layout = random.make();
    for (Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
      for (Tier tier : {Tier::kTable, Tier::kConstant, Tier::kUnrolled, Tier::kStructural}) {
        INFO("layout " << number << ", " << name(op) << ", tier " << name(tier));
        CompileOptions options;
        options.tier = tier;
        options.plan_tokens = 1 + static_cast<std::int64_t>(number * 37 % 5000);
        const Problem problem{.op = op, .dtype = static_cast<DType>(number % 4), .activations = number % 2 ? Activations::kCol : Activations::kRow};
        const auto plan = plan::choose(layout, problem, *Arch::parse(number % 3 ? "sm_80" : "sm_90"), options);
        if (!plan.ok()) {
          CHECK(tier != Tier::kTable);
          continue;
        }
        ++planned;
        const plan::Schedule schedule = plan::make_schedule(*plan, layout);
        const Status verdict = schedule.verify(*plan, layout);
        INFO(verdict.message());
        REQUIRE(verdict.ok());
        CHECK(schedule == plan::make_schedule(*plan, layout));
        CHECK(plan::check_against(*plan, layout).ok());
      }
  }
  CHECK(planned > 600);
}
