// Mask in, plan text and CUDA out, whole files. UPDATE_GOLDEN=1 writes them anew; read the difference before you commit it.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "compiler/codegen/generate.h"
#include "compiler/plan/choose.h"
#include "compiler/plan/schedule.h"
#include "tests/support/catch.h"

using namespace bsgen;

namespace {

struct Case {
  const char* name;
  const char* mask;
  BlockShape block;
  Problem problem;
  Tier tier;
  MatrixSize size = {};
};

const Case kCases[] = {
    {"band_structural_fprop", "banded:64x64:width=3", {32, 32}, {}, Tier::kStructural},
    {"butterfly_structural_bprop", "butterfly:16x16", {8, 8}, {.op = Op::kBprop, .dtype = DType::kFp16}, Tier::kStructural},
    {"causal_structural_update", "causal:12x12", {64, 64}, {.op = Op::kUpdate}, Tier::kStructural},
    {"random_constant_fprop", "random:8x8:density=0.3,seed=1", {32, 32}, {.epilogue = "gelu(acc + bias[n]) * scale + residual[m,n]"}, Tier::kConstant},
    {"small_unrolled_fprop", "random:4x4:density=0.3,seed=3", {32, 32}, {}, Tier::kUnrolled},
    {"random_table_ragged", "random:40x40:density=0.2,seed=7", {16, 32}, {.dtype = DType::kTf32, .activations = Activations::kCol}, Tier::kTable, {630, 1270}},
};

void compare(const std::string& file, const std::string& text) {
  const std::string path = std::string(GOLDEN_DIR) + "/" + file;
  if (std::getenv("UPDATE_GOLDEN")) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream golden;
  golden << in.rdbuf();
  INFO(path << " differs; UPDATE_GOLDEN=1 writes it anew");
  CHECK(golden.str() == text);
}

}  // namespace

TEST_CASE("plans_and_cuda_are_what_they_were") {
  for (const Case& c : kCases) {
    INFO(c.name);
    MaskOptions mask;
    mask.block = c.block;
    mask.size = c.size;
    CompileOptions options;
    options.tier = c.tier;
    const Layout layout = *read_mask(c.mask, mask);
    const auto plan = plan::choose(layout, c.problem, *Arch::parse("sm_80"), options);
    REQUIRE(plan.ok());
    const plan::Schedule schedule = plan::make_schedule(*plan, layout);
    const auto source = codegen::generate(*plan, schedule, layout, options);
    REQUIRE(source.ok());
    std::ostringstream plan_text;
    plan->dump(plan_text);
    compare(std::string(c.name) + ".plan", plan_text.str());
    compare(std::string(c.name) + ".cu", source->cuda);
    // No path, and nothing but our own templates.
    CHECK(source->cuda.find(GOLDEN_DIR) == std::string::npos);
    for (const auto& [name, text] : source->headers) CHECK(name.substr(0, 6) == "bsgen/");
  }
}

TEST_CASE("a_kernel_is_compiled_from_the_templates_it_includes_and_no_others") {
  MaskOptions mask;
  const Layout layout = *read_mask("full:4x4", mask);
  const auto headers = [&](const Problem& problem) {
    const auto plan = plan::choose(layout, problem, *Arch::parse("sm_80"), {});
    return codegen::generate(*plan, plan::make_schedule(*plan, layout), layout, {})->headers;
  };
  CHECK(headers({}).contains("bsgen/kernels/dds.cuh"));
  CHECK_FALSE(headers({}).contains("bsgen/kernels/sdd.cuh"));
  CHECK_FALSE(headers({}).contains("bsgen/common/math.cuh"));
  CHECK(headers({.epilogue = "relu(acc)"}).contains("bsgen/common/math.cuh"));
  CHECK_FALSE(headers({.op = Op::kUpdate}).contains("bsgen/kernels/dds.cuh"));
}

TEST_CASE("a_template_folder_that_lacks_a_file_is_refused_by_name") {
  MaskOptions mask;
  const Layout layout = *read_mask("full:4x4", mask);
  CompileOptions options;
  options.template_dir = "/nonexistent";
  const auto plan = plan::choose(layout, {}, *Arch::parse("sm_80"), options);
  const auto source = codegen::generate(*plan, plan::make_schedule(*plan, layout), layout, options);
  CHECK(source.status().code() == ErrorCode::kIo);
  CHECK(source.status().message().find("codegen: cannot read template /nonexistent/bsgen/") == 0);
}
