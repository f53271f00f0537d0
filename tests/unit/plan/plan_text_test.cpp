// The text form of a plan: what is dumped reads back equal, and what somebody broke is refused with the line's name.
#include <sstream>

#include "compiler/plan/choose.h"
#include "tests/support/catch.h"

using namespace bsgen;

namespace {

plan::KernelPlan sample(const Problem& problem = {}, const char* generator = "random:24x20:density=0.2,seed=5") {
  MaskOptions options;
  options.block = {16, 32};
  return *plan::choose(*read_mask(generator, options), problem, *Arch::parse("sm_80"), {});
}

std::string text(const plan::KernelPlan& plan) {
  std::ostringstream out;
  plan.dump(out);
  return out.str();
}

std::string replaced(std::string s, const std::string& from, const std::string& to) {
  const auto at = s.find(from);
  REQUIRE(at != std::string::npos);
  return s.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a_dumped_plan_reads_back_equal") {
  for (const Problem& problem : {Problem{}, Problem{.op = Op::kBprop, .dtype = DType::kFp16}, Problem{.op = Op::kUpdate, .accumulate = true},
                                 Problem{.dtype = DType::kTf32, .activations = Activations::kCol, .align = 4},
                                 Problem{.out_dtype = DType::kFp32, .epilogue = "gelu(acc + bias[n])"}}) {
    plan::KernelPlan plan = sample(problem);
    const auto back = plan::KernelPlan::parse(text(plan));
    REQUIRE(back.ok());
    plan.candidates.clear();
    plan.options.compile_budget_ms = back->options.compile_budget_ms;
    plan.options.tier = back->options.tier;
    CHECK(*back == plan);
  }
}

TEST_CASE("a_broken_plan_is_refused_with_what_is_wrong") {
  const std::string good = text(sample());
  CHECK(plan::KernelPlan::parse("").status().message() == "plan: the text does not begin with \"bsgen plan 1\"; dump a plan with --emit plan");
  CHECK(plan::KernelPlan::parse(replaced(good, "num_panels", "panels")).status().message() ==
        "plan: the text has no line \"num_panels ...\"; dump a plan with --emit plan");
  CHECK(plan::KernelPlan::parse(replaced(good, "stages ", "stages 9")).status().code() == ErrorCode::kInvalidArgument);
  CHECK(plan::KernelPlan::parse(replaced(good, "op fprop", "op fprob")).status().message() == "op: \"fprob\" is none of fprop, bprop, update");
  CHECK(plan::KernelPlan::parse(good + "arch sm_80\n").status().message() == "plan: arch stands there twice");
  CHECK(plan::KernelPlan::parse(replaced(good, "tier ", "tier x")).status().code() == ErrorCode::kInvalidArgument);
  CHECK(plan::KernelPlan::parse(replaced(good, "shared_bytes ", "shared_bytes 1")).status().message().find("does not follow from the tile") !=
        std::string::npos);
}

TEST_CASE("every_truncation_of_a_plan_is_refused_or_says_the_same") {
  const std::string good = text(sample());
  for (std::size_t n = 0; n < good.find("num_panels"); ++n) CHECK_FALSE(plan::KernelPlan::parse(good.substr(0, n)).ok());
}

TEST_CASE("a_plan_for_another_layout_is_refused") {
  const plan::KernelPlan plan = sample();
  MaskOptions options;
  options.block = {16, 32};
  CHECK(plan::check_against(plan, *read_mask("random:24x20:density=0.2,seed=5", options)).ok());
  const Status other = plan::check_against(plan, *read_mask("random:24x20:density=0.2,seed=6", options));
  CHECK(other.code() == ErrorCode::kInvalidArgument);
  CHECK(other.message().find("plan: made for layout ") == 0);
}
