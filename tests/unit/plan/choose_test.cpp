// What the planner promises: forced tiers, refusals with a way out, one arithmetic for every plan of a problem.
#include "bsgen/layout.h"
#include "compiler/plan/choose.h"
#include "compiler/plan/geometry.h"
#include "compiler/plan/schedule.h"
#include "tests/support/catch.h"

using namespace bsgen;

namespace {

Layout mask(const std::string& generator, BlockShape block = {32, 32}, MatrixSize size = {}) {
  MaskOptions options;
  options.block = block;
  options.size = size;
  return *read_mask(generator, options);
}

Expected<plan::KernelPlan> choose(const Layout& layout, const Problem& problem = {}, Tier tier = Tier::kAuto, const char* arch = "sm_80") {
  CompileOptions options;
  options.tier = tier;
  return plan::choose(layout, problem, *Arch::parse(arch), options);
}

}  // namespace

TEST_CASE("a_closed_form_is_planned_as_structural_code") {
  for (const char* generator : {"banded:64x64:width=3", "blockdiag:40x40:size=4", "causal:33x33", "strided:64x64:stride=8", "butterfly:32x32", "full:16x16"}) {
    INFO(generator);
    const auto plan = choose(mask(generator));
    REQUIRE(plan.ok());
    CHECK(plan->tier == Tier::kStructural);
    CHECK_FALSE(plan->structure.empty());
  }
}

TEST_CASE("a_small_random_mask_goes_into_constant_memory_and_a_large_one_into_a_table") {
  CHECK(choose(mask("random:16x16:density=0.3,seed=1"))->tier == Tier::kConstant);
  CHECK(choose(mask("random:256x256:density=0.3,seed=1"))->tier == Tier::kTable);
}

TEST_CASE("a_mask_of_a_few_blocks_is_unrolled") { CHECK(choose(mask("random:4x4:density=0.3,seed=3"))->tier == Tier::kUnrolled); }

TEST_CASE("a_compile_budget_of_nothing_leaves_only_what_the_caller_forces") {
  CompileOptions options;
  options.compile_budget_ms = 1;
  const auto plan = plan::choose(mask("random:16x16:density=0.3"), {}, *Arch::parse("sm_80"), options);
  CHECK_FALSE(plan.ok());
  options.tier = Tier::kTable;
  CHECK(plan::choose(mask("random:16x16:density=0.3"), {}, *Arch::parse("sm_80"), options).ok());
}

TEST_CASE("a_forced_tier_that_cannot_express_the_layout_is_refused_with_the_reason") {
  const auto structural = choose(mask("random:16x16:density=0.3"), {}, Tier::kStructural);
  CHECK(structural.status().code() == ErrorCode::kUnsupported);
  CHECK(structural.status().message() == "plan: tier structural: the mask has no closed form that bsgen recognises; try --tier auto");
  const auto constant = choose(mask("random:256x256:density=0.3"), {}, Tier::kConstant);
  CHECK(constant.status().code() == ErrorCode::kUnsupported);
  CHECK(constant.status().message().find("constant memory holds 65536") != std::string::npos);
  const auto unrolled = choose(mask("random:64x64:density=0.3"), {}, Tier::kUnrolled);
  CHECK(unrolled.status().message().find("unrolled code holds 64; try --tier auto") != std::string::npos);
}

TEST_CASE("what_no_kernel_does_is_refused_before_anything_is_planned") {
  CHECK(choose(mask("full:4x4", {24, 24})).status().message() == "problem: blocks of 24 x 24 have no kernel; edges are 8, 16, 32, 64 or 128");
  CHECK(choose(mask("full:4x4"), {}, Tier::kAuto, "sm_75").status().message() ==
        "problem: sm_75 has no bf16 tensor cores (they begin with sm_80); use fp16 or fp32");
  CHECK(choose(mask("full:4x4"), {.align = 8}).status().message() == "problem: align 8 is none of 16, 4, 2 bytes");
  CHECK(choose(mask("full:4x4"), {.op = Op::kBprop, .epilogue = "relu(acc)"}).status().message() ==
        "problem: an epilogue is for fprop, not bprop; leave it out");
  CompileOptions options;
  options.plan_tokens = 0;
  CHECK(plan::choose(mask("full:4x4"), {}, *Arch::parse("sm_80"), options).status().message() ==
        "plan: plan_tokens 0 is less than 1; it only guides the choice, any M runs");
}

TEST_CASE("arithmetic_does_not_follow_from_tile_or_tier") {
  const Layout layout = mask("banded:16x16:width=3");
  for (DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16}) {
    const Problem problem{.dtype = dtype, .out_dtype = DType::kFp32};
    const auto base = choose(layout, problem, Tier::kTable);
    for (Tier tier : {Tier::kStructural, Tier::kConstant, Tier::kUnrolled}) CHECK(choose(layout, problem, tier)->arithmetic == base->arithmetic);
    CompileOptions one_token;
    one_token.plan_tokens = 1;
    const auto narrow = plan::choose(layout, problem, *Arch::parse("sm_80"), one_token);
    CHECK(narrow->arithmetic == base->arithmetic);
    CHECK_FALSE(narrow->tile == base->tile);
  }
}

TEST_CASE("fp32_outputs_of_the_tensor_core_are_joined_in_fp32_every_128_elements") {
  CHECK(choose(mask("full:8x8"), {.dtype = DType::kBf16})->arithmetic.promote_every == 0);
  CHECK(choose(mask("full:8x8"), {.op = Op::kUpdate})->arithmetic.promote_every == 128);
  CHECK(choose(mask("full:8x8"), {.dtype = DType::kTf32})->arithmetic.promote_every == 128);
  CHECK(choose(mask("full:8x8"), {.dtype = DType::kFp32})->arithmetic.promote_every == 0);
}

TEST_CASE("two_layouts_of_one_class_share_entry_and_code_in_tier_table_only") {
  const Layout a = mask("random:64x64:density=0.1,seed=1"), b = mask("random:64x64:density=0.1,seed=2");
  CHECK(choose(a, {}, Tier::kTable)->entry() == choose(b, {}, Tier::kTable)->entry());
  CHECK(choose(a, {}, Tier::kTable)->code_hash() == choose(b, {}, Tier::kTable)->code_hash());
  const Layout c = mask("random:16x16:density=0.1,seed=1"), d = mask("random:16x16:density=0.1,seed=2");
  CHECK_FALSE(choose(c, {}, Tier::kConstant)->code_hash() == choose(d, {}, Tier::kConstant)->code_hash());
  CHECK_FALSE(choose(a, {}, Tier::kTable)->code_hash() == choose(a, {.dtype = DType::kFp16}, Tier::kTable)->code_hash());
  CHECK_FALSE(choose(a, {}, Tier::kTable)->code_hash() == choose(a, {}, Tier::kTable, "sm_90")->code_hash());
}

TEST_CASE("a_full_mask_gets_a_tile_whose_intensity_covers_the_l2") {
  const auto plan = choose(mask("full:16x16", {128, 128}));
  const double rows = plan->tile.tokens, cols = plan->tile.panel * 128;
  CHECK(1 / (1 / rows + 1 / cols) >= 64);
}

TEST_CASE("every_tier_and_every_close_tile_stands_among_the_candidates_with_its_verdict") {
  const auto plan = choose(mask("random:16x16:density=0.3"));
  int chosen = 0;
  std::vector<Tier> tiers;
  for (const auto& c : plan->candidates) {
    CHECK_FALSE(c.verdict.empty());
    chosen += c.verdict == "chosen";
    tiers.push_back(c.tier);
  }
  CHECK(chosen == 1);
  CHECK(plan->candidates.size() > 8);
  for (Tier tier : {Tier::kStructural, Tier::kUnrolled, Tier::kConstant, Tier::kTable})
    CHECK(std::find(tiers.begin(), tiers.end(), tier) != tiers.end());
}

TEST_CASE("guards_are_planned_only_where_tiles_reach_past_the_matrix") {
  const auto whole = choose(mask("random:64x64:density=0.5"), {}, Tier::kTable);
  CHECK(plan::contraction_guard(*whole) == 0);
  CHECK(plan::output_guard(*whole) == 0);
  const auto ragged = choose(mask("random:4x4:density=0.5", {32, 32}, {100, 120}), {}, Tier::kTable);
  CHECK(plan::contraction_guard(*ragged) == 100);
  CHECK(plan::output_guard(*ragged) == 120);
  const auto back = choose(mask("random:4x4:density=0.5", {32, 32}, {100, 120}), {.op = Op::kBprop}, Tier::kTable);
  CHECK(plan::contraction_guard(*back) == 120);
  CHECK(plan::output_guard(*back) == 100);
}

TEST_CASE("the_grid_has_a_cta_per_panel_and_token_tile_in_layers_that_cuda_can_launch") {
  constexpr std::int64_t kMostTokens = 2147418111;
  const auto plan = choose(mask("full:16x16"), {}, Tier::kTable);
  const std::int64_t tile = plan->tile.tokens;
  CHECK(plan::grid(*plan, 0)->empty());
  for (const std::int64_t tokens : {std::int64_t{1}, tile, tile + 1, 65535 * tile, 65535 * tile + 1, 3 * 65535 * tile - 7, kMostTokens}) {
    INFO(tokens << " tokens in tiles of " << tile);
    const auto grid = plan::grid(*plan, tokens);
    REQUIRE(grid);
    CHECK(grid->x == static_cast<std::uint32_t>(plan->num_panels));
    CHECK(grid->y <= 65535);
    CHECK(grid->z <= 65535);
    const std::int64_t tiles = std::int64_t{grid->y} * grid->z;
    CHECK(tiles * tile >= tokens);
    CHECK((tiles - grid->z) * tile < tokens);                      // less than one tile too many in each layer
    CHECK((grid->z == 1 || (grid->z - 1) * 65535 * tile < tokens));  // no layer too many
    CHECK((tiles + 1) * tile <= 2147483647);                       // what device code counts in
  }
  CHECK(plan::grid(*plan, 65535 * tile)->z == 1);
  CHECK(plan::grid(*plan, -1).status().message() == "launch: -1 tokens, a launch takes 0 to 2147418111; split the tokens");
  CHECK_FALSE(plan::grid(*plan, kMostTokens + 1).ok());
  const auto update = choose(mask("full:16x16"), {.op = Op::kUpdate}, Tier::kTable);
  for (const std::int64_t tokens : {0, 1000000}) {
    const auto grid = plan::grid(*update, tokens);
    CHECK(grid->x == static_cast<std::uint32_t>(update->num_panels));
    CHECK(grid->y == 1);
    CHECK(grid->z == 1);
  }
}

TEST_CASE("of_plans_that_are_as_fast_by_prediction_the_one_with_less_traffic_in_shared_memory_is_chosen") {
  const auto plan = choose(mask("random:64x64:density=0.1,seed=1"), {.dtype = DType::kBf16}, Tier::kTable);
  CHECK(plan->tile.warps_m == 4);
  CHECK(plan->tile.warps_n == 1);
  const auto other = std::find_if(plan->candidates.begin(), plan->candidates.end(), [&](const plan::Candidate& c) {
    return c.tile.tokens == plan->tile.tokens && c.tile.panel == plan->tile.panel && c.tile.warps_m == 2 && c.tile.warps_n == 2;
  });
  REQUIRE(other != plan->candidates.end());
  // A tile of 128 x 32 elements of activations is read by two warps instead of one, 32 x 32 of values by two instead of four:
  // (128 (1 + 2) + 32 (1 + 2)) / (128 (1 + 1) + 32 (1 + 4)) = 480 / 416.
  CHECK(other->verdict == "predicted as fast, 15 % more traffic in shared memory");
}
