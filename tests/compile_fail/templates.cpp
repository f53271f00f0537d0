// Every static_assert under templates/: generated kernels compile; the same with one parameter that breaks a rule does not, and
// the error is the rule's own words.
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "bsgen/compiler.h"
#include "compiler/codegen/templates.h"
#include "compiler/nvrtc/compile.h"
#include "tests/support/catch.h"

namespace {

using namespace bsgen;

constexpr Arch kArch{.number = 80};

// A change to a generated file, and what it must be refused with.
struct Broken {
  std::string header;                // that holds the rule
  std::string rule;                  // the message of its static_assert
  std::vector<std::string> changes;  // "kNumStages = 1": in place of what stands there; else appended to the file
};

const std::string kDds = "bsgen/kernels/dds.cuh", kSdd = "bsgen/kernels/sdd.cuh";

const std::vector<Broken>& broken_dds() {
  static const std::vector<Broken> list = {
      {kDds, "Params: kBlockK and kBlockN are at least 8", {"kBlockN = 4", "kPanel = 8"}},
      {kDds, "Params: kTileM is a multiple of 16 rows per warp", {"kTileM = 120"}},
      {kDds, "Params: kPanel * kBlockN is a multiple of 8 columns per warp", {"kWarpsN = 3"}},
      {kDds, "Params: kSlice is a multiple of the tensor-core step", {"kSlice = 8"}},
      {kDds, "Params: a slice holds one block or an aligned pair", {"kBlockK = 8", "kSlice = 32"}},
      {kDds, "Params: a stage that is part of a block holds one slice", {"kSlice = 16", "kSlicesPerStage = 2"}},
      {kDds, "Params: kPanel has at most 32 presence bits", {"kPanel = 64"}},
      {kDds, "Params: kNumStages is at least 2", {"kNumStages = 1"}},
      {kDds, "Params: kAlign is 16, 4 or 2 bytes", {"kAlign = 8"}},
      {kDds, "Params: kOutAlign is 16, 4 or 2 bytes", {"kOutAlign = 8"}},
      {kDds, "Params: kSharedBytes differs from what the tile needs", {"kSharedBytes = 1024"}},
      {"bsgen/schedule/entries.cuh", "TableSchedule: records are whole 16-byte units",
       {"constexpr int probe = bsgen::dev::TableSchedule<6>::kUnroll;"}},
      {"bsgen/tile/shared_tile.cuh", "SharedTile: rows are 16, 32, 64, ... bytes",
       {"constexpr int probe = bsgen::dev::SharedTile<8, 48>::kRows;"}},
      {"bsgen/tile/multiply.cuh", "Multiply: fp32 and tf32 have headers of their own, multiply_fp32.cuh and multiply_tf32.cuh",
       {"constexpr int probe = bsgen::dev::Multiply<bsgen::dev::tf32>::kStep;"}},
  };
  return list;
}

const std::vector<Broken>& broken_sdd() {
  static const std::vector<Broken> list = {
      {kSdd, "Params: kGather * kBlockK is a multiple of 16 rows per warp", {"kWarpsM = 3"}},
      {kSdd, "Params: kPanel * kBlockN is a multiple of 8 columns per warp", {"kWarpsN = 3"}},
      {kSdd, "Params: kSlice is a multiple of the tensor-core step", {"kSlice = 8"}},
      {kSdd, "Params: a warp has at most 32 presence bits", {"kGather = 32", "kPanel = 8"}},
      {kSdd, "Params: kNumStages is at least 2", {"kNumStages = 1"}},
      {kSdd, "Params: kAlign is 16, 4 or 2 bytes", {"kAlign = 8"}},
      {kSdd, "Params: kOutAlign is 16, 4 or 2 bytes", {"kOutAlign = 8"}},
      {kSdd, "Params: kSharedBytes differs from what the tile needs", {"kSharedBytes = 1024"}},
      {kSdd, "Params: kPromote is a multiple of kSlice", {"kPromote = 40"}},
      {"bsgen/tile/load_run.cuh", "load_run: a run is whole 16-byte units",
       {"__device__ void probe(float (&run)[3]) { bsgen::dev::load_run<bsgen::dev::fp32, 16, false>(0, 3, run); }"}},
  };
  return list;
}

codegen::KernelSource generated(Op op) {
  const auto layout = Layout::from_bits({0, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0}, 4, 4, {32, 32});
  const auto compiled = compile(*layout, {.op = op, .dtype = DType::kBf16}, kArch, {.tier = Tier::kTable});
  INFO(compiled.status().message());
  REQUIRE(compiled);
  return compiled->source;
}

void change(std::string& cuda, const std::string& text) {
  static const std::regex assignment("(k[A-Za-z]+) = [0-9]+");
  std::smatch match;
  if (!std::regex_match(text, match, assignment)) {
    cuda += text + "\n";
    return;
  }
  const std::regex place("\\b" + match[1].str() + " = [0-9]+");
  INFO("no " << match[1].str() << " in\n" << cuda);
  REQUIRE(std::regex_search(cuda, place));
  cuda = std::regex_replace(cuda, place, text);
}

void check_refused(const nvrtc::Toolchain& toolchain, const codegen::KernelSource& source, const Broken& broken) {
  codegen::KernelSource edited = source;
  for (const std::string& text : broken.changes) change(edited.cuda, text);
  const auto image = nvrtc::compile(toolchain, edited, kArch);
  INFO(broken.rule << "\n" << edited.cuda << image.status().message());
  CHECK(image.status().code() == ErrorCode::kCompileFailed);
  CHECK(image.status().message().find(broken.rule) != std::string::npos);
}

void check_all(Op op, const std::vector<Broken>& list) {
  const auto toolchain = nvrtc::open_toolchain("");
  if (!toolchain) BSGEN_SKIP(toolchain.status().message());
  const codegen::KernelSource source = generated(op);  // the twin: it compiles
  for (const Broken& broken : list) check_refused(**toolchain, source, broken);
}

}  // namespace

TEST_CASE("each_rule_of_dds_refuses_what_breaks_it") { check_all(Op::kFprop, broken_dds()); }

TEST_CASE("each_rule_of_sdd_refuses_what_breaks_it") { check_all(Op::kUpdate, broken_sdd()); }

TEST_CASE("every_kernel_compiles_with_nvrtc") {
  const auto toolchain = nvrtc::open_toolchain("");
  if (!toolchain) BSGEN_SKIP(toolchain.status().message());
  codegen::KernelSource source = generated(Op::kFprop);
  std::ifstream file(BSGEN_ALL_KERNELS);
  source.cuda.assign(std::istreambuf_iterator<char>(file), {});
  source.headers = {codegen::embedded_templates().begin(), codegen::embedded_templates().end()};
  source.entry = "fprop_bf16";
  const auto image = nvrtc::compile(**toolchain, source, kArch);
  INFO(image.status().message());
  REQUIRE(image);
  for (const char* type : {"fp32", "tf32", "fp16", "bf16"})
    for (const char* kernel : {"fprop_%", "fprop_%_col_gelu", "bprop_%", "update_%", "update_%_col"}) {
      std::string name = kernel;
      name.replace(name.find('%'), 1, type);
      CHECK(image->ptx.find(".entry " + name + "(") != std::string::npos);
    }
}

TEST_CASE("every_static_assert_of_the_templates_is_tried") {
  std::set<std::string> tried, declared;
  for (const auto* list : {&broken_dds(), &broken_sdd()})
    for (const Broken& broken : *list) tried.insert(broken.header + ": " + broken.rule);
  const std::regex rule("static_assert\\([^;]*\"([^\"]*)\"\\)");
  for (const auto& [header, text] : codegen::embedded_templates())
    for (std::sregex_iterator it(text.begin(), text.end(), rule), end; it != end; ++it) declared.insert(header + ": " + (*it)[1].str());
  CHECK(tried == declared);
}
