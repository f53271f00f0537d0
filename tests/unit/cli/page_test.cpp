// The page of `bsgen view`: what it says about a mask is what the mask is, it stays small, and
// nobody's name runs as code.
#include "tools/bsgen/view/page.h"

#include <fmt/format.h>

#include "compiler/codegen/generate.h"
#include "compiler/plan/choose.h"
#include "tests/support/catch.h"

namespace bsgen::cli {
namespace {

struct Made {
  PlanRequest request;
  plan::KernelPlan plan;
  plan::Schedule schedule;
  codegen::KernelSource source;
  PageInput input(std::string name) const {
    return {std::move(name), request, plan, schedule, source};
  }
};

Made make(const std::string& mask, int block, Op op, Tier tier = Tier::kTable) {
  MaskOptions mask_options;
  mask_options.block = {block, block};
  Layout layout = *read_mask(mask, mask_options);
  Problem problem;
  problem.op = op;
  CompileOptions options;
  options.tier = tier;
  plan::KernelPlan plan = *plan::choose(layout, problem, Arch{80}, options);
  plan::Schedule schedule = plan::make_schedule(plan, layout);
  codegen::KernelSource source = *codegen::generate(plan, schedule, layout, options);
  return {{std::move(layout), problem, options, Arch{80}, std::nullopt},
          std::move(plan),
          std::move(schedule),
          std::move(source)};
}

std::vector<std::uint8_t> from_base64(const std::string& text) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(alphabet.find(c));
    if ((held += 6) >= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> (held -= 8)));
  }
  return bytes;
}

struct Varints {
  std::vector<std::uint8_t> bytes;
  std::size_t at = 0;
  std::uint64_t next() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      value |= std::uint64_t{bytes.at(at) & 127u} << shift;
      if (!(bytes[at++] & 128)) return value;
    }
  }
  std::int64_t next_signed() {
    const std::uint64_t v = next();
    return v % 2 ? -static_cast<std::int64_t>(v / 2) - 1 : static_cast<std::int64_t>(v / 2);
  }
};

TEST_CASE("the_page_holds_every_block_of_the_mask") {
  const Made made = make("random:40x50:density=0.2,seed=3", 32, Op::kFprop);
  const Json model = page_model(made.input("m"));
  Varints coded{from_base64(model["layout"]["coded"])};
  const Layout& layout = made.request.layout;
  for (std::int64_t row = 0; row < layout.grid_rows(); ++row) {
    const auto first = layout.row_offsets()[row], last = layout.row_offsets()[row + 1];
    REQUIRE(coded.next() == static_cast<std::uint64_t>(last - first));
    std::int64_t col = -1;
    for (auto e = first; e < last; ++e) {
      col += 1 + static_cast<std::int64_t>(coded.next());
      REQUIRE(col == layout.block_cols()[e]);
    }
  }
  CHECK(coded.at == coded.bytes.size());
}

TEST_CASE("the_page_holds_every_panel_in_launch_order") {
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
    const Made made = make("random:40x50:density=0.2,seed=3", 8, op);
    const Json model = page_model(made.input("m"))["plan"];
    Varints coded{from_base64(model["panels_coded"])};
    REQUIRE(model["panels_shown"] == made.schedule.panels.size());
    const std::int64_t grid_n = op == Op::kBprop ? 40 : 50;
    std::int64_t at = 0;
    for (const plan::Panel& panel : made.schedule.panels) {
      at += coded.next_signed();
      REQUIRE(at == panel.head * grid_n + panel.out_block);
      REQUIRE(coded.next() == static_cast<std::uint64_t>(panel.count));
      coded.next();
    }
    CHECK(coded.at == coded.bytes.size());
  }
}

TEST_CASE("names_and_code_never_leave_their_place") {
  Made made = make("full:2x2", 32, Op::kFprop);
  const std::string attack =
      "</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- ' \" & @MODEL@ @SCRIPT@ "
      "\xE2\x80\xA8 \xFF";
  made.request.problem.epilogue = attack;
  made.plan.problem.epilogue = attack;
  made.plan.reasons.push_back(attack);
  made.source.cuda += "// " + attack + "\n";
  KernelImage image;
  image.ptx = "// " + attack + "\n";
  PageInput input = made.input(attack);
  input.image = &image;
  const std::string page = make_page(input);
  // Exactly the two script elements of our own, no image, no comment.
  const auto occurrences = [&](const std::string& what) {
    std::size_t n = 0;
    for (std::size_t at = page.find(what); at != std::string::npos; at = page.find(what, at + 1))
      ++n;
    return n;
  };
  CHECK(occurrences("<script") == 2);
  CHECK(occurrences("</script") == 2);
  CHECK(occurrences("<img") == 0);
  CHECK(occurrences("<!--") == 0);
  CHECK(occurrences("alert(1)") > 0);  // it is there, as text
  // The model reads back as what was put in, but for the byte that no JSON may hold.
  const std::size_t begin = page.find('>', page.find("id=\"model\"")) + 1;
  const Json model = Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  const std::string name = model["name"];
  CHECK(name.substr(0, attack.size() - 1) == attack.substr(0, attack.size() - 1));
}

TEST_CASE("the_page_asks_nothing_of_a_network") {
  const std::string page = make_page(make("full:2x2", 32, Op::kFprop).input("m"));
  for (const char* needle :
       {"src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest", "https://"}) {
    INFO(needle);
    CHECK(page.find(needle) == std::string::npos);
  }
  CHECK(page.find("default-src 'none'") != std::string::npos);
}

TEST_CASE("a_page_of_600000_blocks_takes_at_most_5_mb") {
  for (const char* mask :
       {"random:2450x2450:density=0.1,seed=1", "random:24500x24500:density=0.001,seed=1"}) {
    const Made made = make(mask, 32, Op::kFprop);
    REQUIRE(made.request.layout.num_blocks() >= 600000);
    PageInput input = made.input(mask);
    KernelImage image;
    image.ptx = std::string(3000000, 'x');  // longer than any budget
    input.image = &image;
    const std::string page = make_page(input);
    INFO(mask << ": " << page.size());
    CHECK(page.size() <= 5000000);
  }
}

TEST_CASE("a_run_brings_its_prediction_its_occupancy_and_the_heat_of_its_lines") {
  const Made made = make("full:2x2", 32, Op::kFprop);
  KernelImage image;
  image.ptx = "one\ntwo\nthree\nfour\n";
  PageInput input = made.input("m");
  input.image = &image;
  PageRun& run = input.run.emplace();
  run.verdict.passed = true;
  run.report.instructions.resize(3);
  sim::InstructionProfile& integer = run.report.instructions[0];
  integer.ptx_line = 2, integer.kind = sim::InstructionClass::kInteger, integer.executions = 300, integer.active_lanes = 4800;
  integer.global_read_bytes = 256, integer.global_write_bytes = 64, integer.requested_bytes = 100, integer.mma_flops = 5000, integer.skipped = 7;  // of other kinds of instructions, here in one
  sim::InstructionProfile& shared = run.report.instructions[1];
  shared.ptx_line = 3, shared.kind = sim::InstructionClass::kShared, shared.executions = 100, shared.active_lanes = 3200, shared.waits = 2;
  shared.shared_wavefronts = 225, shared.shared_wavefronts_ideal = 100;
  run.report.instructions[2].ptx_line = 4;  // never executed
  const Json model = page_model(input)["run"];
  // An SM issues four warp instructions a clock and serves one wavefront: 75 clocks and 225.
  REQUIRE(model["heat"].size() == 2);
  CHECK(model["heat"][0] == Json({2, 0.75, 100, 32.0, 0, 225, 100, 2, 0, 0, "shared"}));
  CHECK(model["heat"][1] == Json({1, 0.25, 300, 16.0, 320, 0, 0, 0, 100, 5000, "integer"}));
  CHECK(model["totals"] == Json({{"global_read_sectors", 8}, {"global_write_sectors", 2}, {"requested_bytes", 100}, {"active_lanes", 8000}, {"skipped", 7}, {"waits", 2}, {"classes", {{"integer", 300}, {"shared", 100}}}}));
  CHECK(model["prediction"]["kind"] == "predicted, not measured");
  CHECK(model["occupancy"].contains("limit"));
}

TEST_CASE("an_empty_mask_has_a_page_too") {
  const std::string page = make_page(make("empty:4x4", 32, Op::kFprop).input("nothing"));
  CHECK(page.find("\"blocks\":0") != std::string::npos);
}

}  // namespace
}  // namespace bsgen::cli
