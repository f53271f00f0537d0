// `bsgen run` as a user meets it: a right kernel passes, a wrong one fails, and what is given in place of it is what runs.
#include "tests/support/catch.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/run_tool.h"

using bsgen::test::read_file;
using bsgen::test::run_tool;
using bsgen::test::TemporaryFolder;
using bsgen::test::ToolResult;
using nlohmann::json;

namespace {

void write_file(const std::filesystem::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) text.replace(at, what.size(), by);
  return text;
}

// A run needs NVRTC; where there is none the tool says so with exit status 3.
bool no_nvrtc() {
  static const bool missing = run_tool("run full:1x1 --block 16 --tokens 1 --device sim --no-cache").status == 3;
  return missing;
}

}  // namespace

#define NEEDS_NVRTC() \
  if (no_nvrtc()) BSGEN_SKIP("NVRTC was not found; bsgen doctor says where it was looked for")

TEST_CASE("a_run_ends_where_its_budget_of_instructions_does") {
  NEEDS_NVRTC();
  const std::string run = "run full:2x2 --block 16 --tokens 9 --no-cache --device ";
  const ToolResult cut = run_tool(run + "sim --budget 50");
  CHECK(cut.status == 1);
  CHECK(cut.out.find("its cta has executed more than 50 warp instructions, and a larger budget (SimOptions::instruction_budget, bsgen run --budget) allows more") !=
        std::string::npos);
  CHECK(run_tool(run + "sim --budget 1000000").status == 0);
  const ToolResult none = run_tool(run + "sim --budget 0");
  CHECK(none.status == 2);
  CHECK(none.err == "bsgen: run: --budget 0 is out of range; it is at least 1 warp instruction, without the option 2^26 for each warp\n");
}

TEST_CASE("a_run_on_sim_prints_exactly_the_promised_json_keys") {
  NEEDS_NVRTC();
  const ToolResult run = run_tool("run random:4x4:density=0.5,seed=1 --block 16 --tokens 9 --device sim --no-cache --json");
  REQUIRE(run.status == 0);
  const json object = json::parse(run.out);
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  std::vector<std::string> wanted = {"schema", "device", "arch", "op", "dtype", "out_dtype", "tier", "rows", "cols", "block", "nonzero_blocks", "tokens",
                                     "worst_error", "worst_at", "relative_error", "passed", "output_digest", "diagnostics", "counters",
                                     "schedules", "occupancy", "prediction", "device_note"};
  std::sort(wanted.begin(), wanted.end());
  CHECK(keys == wanted);
  CHECK(object["schema"] == 1);
  CHECK(object["passed"] == true);
  CHECK(object["arch"] == "sm_80");
  CHECK(object["out_dtype"] == "bf16");
  CHECK(object["worst_error"].get<double>() <= 1);
  CHECK(object["output_digest"].get<std::string>().size() == 32);
  CHECK(object["diagnostics"].empty());
  for (const char* counter : {"global_read_bytes", "global_write_bytes", "floor_bytes", "shared_wavefronts", "shared_wavefronts_ideal", "mma_flops_issued",
                              "mma_flops_useful", "warp_instructions", "global_read_sectors", "global_write_sectors", "requested_bytes", "active_lanes", "skipped", "waits", "classes"})
    CHECK(object["counters"].contains(counter));
  CHECK(object["counters"]["mma_flops_useful"] == 2 * 9 * 8 * 256);
  CHECK(object["counters"]["global_read_sectors"].get<int>() * 32 == object["counters"]["global_read_bytes"]);
  int executed = 0;
  for (const auto& [kind, count] : object["counters"]["classes"].items()) executed += count.get<int>();
  CHECK(object["counters"]["warp_instructions"] == executed);
  CHECK(object["device_note"] == "");
}

TEST_CASE("a_run_is_reproducible_and_its_seed_matters") {
  NEEDS_NVRTC();
  const std::string base = "run banded:4x4:width=3 --block 16 --tokens 20 --device sim --no-cache --json";
  const auto digest = [&](const std::string& more) { return json::parse(run_tool(base + more).out)["output_digest"].get<std::string>(); };
  CHECK(digest("") == digest(""));
  CHECK(digest("") != digest(" --seed 7"));
  CHECK(digest("") == digest(" --activations col"));
  CHECK(digest("") == digest(" --tier table"));
}

TEST_CASE("edited_cuda_and_ptx_run_in_place_of_the_generated_kernel") {
  NEEDS_NVRTC();
  const TemporaryFolder folder;
  const std::string mask = " random:4x4:density=0.5,seed=3 --block 16 --arch sm_80 --tier constant --no-cache ";
  const std::string run = "run" + mask + "--tokens 9 --device sim ";
  const std::string cuda = (folder / "kernel.cu").string(), ptx = (folder / "kernel.ptx").string();
  REQUIRE(run_tool("compile" + mask + "--emit cuda -o " + cuda).status == 0);
  REQUIRE(run_tool("compile" + mask + "--emit ptx -o " + ptx).status == 0);
  CHECK(run_tool(run + "--cuda " + cuda).status == 0);
  CHECK(run_tool(run + "--ptx " + ptx).status == 0);

  const std::string bad = (folder / "bad.ptx").string();
  write_file(bad, replaced(read_file(ptx), "mma.sync", "mma.sinc"));
  const ToolResult unknown = run_tool(run + "--ptx " + bad);
  CHECK(unknown.status == 2);
  CHECK(unknown.err.find("ptx line") != std::string::npos);

  // A wrong kernel: negative outputs become 0.
  write_file(bad, replaced(read_file(ptx), "cvt.rn.bf16x2.f32", "cvt.rn.relu.bf16x2.f32"));
  const ToolResult wrong = run_tool(run + "--ptx " + bad + " --json");
  CHECK(wrong.status == 1);
  CHECK(json::parse(wrong.out)["passed"] == false);
  CHECK(wrong.err.find("the reference is") != std::string::npos);

  write_file(bad, read_file(cuda) + "\nint broken = ;\n");
  const ToolResult broken = run_tool(run + "--cuda " + bad);
  CHECK(broken.status == 2);
  CHECK(broken.err.find("int broken = ;") != std::string::npos);
  CHECK(run_tool(run + "--cuda " + cuda + " --ptx " + ptx).status == 2);
  CHECK(run_tool(run + "--ptx " + (folder / "none.ptx").string()).status == 2);
}

TEST_CASE("a_kernel_that_someone_broke_is_caught_and_shown") {
  NEEDS_NVRTC();
  const TemporaryFolder folder;
  const std::string mask = " random:8x8:density=0.3,seed=7 --block 32 --arch sm_80 --tier constant --no-cache ";
  const std::string run = "run" + mask + "--tokens 77 --device sim ";
  const std::string cuda = (folder / "kernel.cu").string(), ptx = (folder / "kernel.ptx").string(), bad = (folder / "bad").string();
  REQUIRE(run_tool("compile" + mask + "--emit cuda -o " + cuda).status == 0);
  REQUIRE(run_tool("compile" + mask + "--emit ptx -o " + ptx).status == 0);

  // A wait that is too weak: the finding quotes the PTX and the template line, and its own words replay it.
  REQUIRE(read_file(ptx).find("cp.async.wait_group 1;") != std::string::npos);
  write_file(bad, replaced(read_file(ptx), "cp.async.wait_group 1;", "cp.async.wait_group 2;"));
  const ToolResult weak = run_tool(run + "--ptx " + bad + " --json");
  CHECK(weak.status == 1);
  const json finding = json::parse(weak.out)["diagnostics"][0];
  CHECK(finding["kind"] == "shared_race");
  CHECK(finding["ptx_text"].get<std::string>().rfind("ldmatrix", 0) == 0);
  CHECK(finding["cuda"].size() > 1);
  const ToolResult replayed = run_tool(run + "--ptx " + bad + " " + finding["show"].get<std::string>());
  CHECK(replayed.status == 1);
  // What happens there is the first of several copies of the instruction.
  const std::string message = finding["message"];
  const std::size_t others = message.find(" and 3 more instructions of the same line of CUDA (ptx lines ");
  CHECK(finding["instructions"] == 4);
  CHECK(finding["ptx_lines"].size() == 4);
  REQUIRE(others != std::string::npos);
  CHECK(replayed.out.find("          finding: " + message.substr(0, others) + "\n") != std::string::npos);

  // CUDA that walks to the next block row.
  REQUIRE(read_file(cuda).find("return kEntries[panel.first + e][0];") != std::string::npos);
  write_file(bad + ".cu", replaced(read_file(cuda), "return kEntries[panel.first + e][0];", "return kEntries[panel.first + e][0] + 1;"));
  const ToolResult wrong = run_tool(run + "--cuda " + bad + ".cu --json");
  CHECK(wrong.status == 1);
  CHECK(json::parse(wrong.out)["worst_error"].get<double>() > 1);
}

TEST_CASE("a_saved_run_can_be_read_back_and_run_again") {
  NEEDS_NVRTC();
  const TemporaryFolder folder;
  const std::string saved = (folder / "saved").string();
  const std::string options = " --block 16 --tokens 5 --device sim --no-cache --json";
  const ToolResult first = run_tool("run random:3x4:density=0.5,seed=5" + options + " --epilogue 'acc * s + b[n]' --save " + saved);
  REQUIRE(first.status == 0);
  for (const char* name : {"x.npy", "w.npy", "y.npy", "layout.npy", "epilogue_s.npy", "epilogue_b.npy", "README.txt"})
    CHECK(std::filesystem::exists(std::filesystem::path(saved) / name));
  CHECK(read_file(std::filesystem::path(saved) / "x.npy").substr(1, 5) == "NUMPY");
  const ToolResult again = run_tool("run " + saved + "/layout.npy" + options + " --epilogue 'acc * s + b[n]'");
  REQUIRE(again.status == 0);
  CHECK(json::parse(again.out)["output_digest"] == json::parse(first.out)["output_digest"]);
}

TEST_CASE("tokens_of_more_tiles_than_one_side_of_a_grid_holds_are_all_computed") {
  NEEDS_NVRTC();
  // 65,538 tiles of 16 tokens; gridDim.y is at most 65535.
  CHECK(run_tool("run full:1x1 --block 8 --dtype fp16 --tokens 1048600 --plan-tokens 16 --device sim --no-cache").status == 0);
}

TEST_CASE("what_run_cannot_do_is_refused_with_the_promised_status") {
  CHECK(run_tool("run full:2x2 --block 16 --device sim").status == 2);                        // no --tokens
  CHECK(run_tool("run full:2x2 --block 16 --tokens -1 --device sim").status == 2);
  CHECK(run_tool("run full:2x2 --block 16 --tokens 1 --device tpu").status == 2);
  CHECK(run_tool("run full:2x2 --block 16 --tokens 1 --device cuda:99").status == 3);
  CHECK(run_tool("run full:2x2 --block 16 --tokens 1 --device sim --inputs zeros").status == 2);
  const ToolResult epilogue = run_tool("run full:2x2 --block 16 --tokens 1 --device sim --epilogue 'gleu(acc)'");
  CHECK(epilogue.status == 2);
  CHECK(epilogue.err.find("did you mean gelu\n  gleu(acc)\n  ^") != std::string::npos);
}

TEST_CASE("the_demo_mask_runs_in_every_operation") {
  NEEDS_NVRTC();
  int runs = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(BSGEN_DEMO_MASKS, error)) {
    if (entry.path().extension() != ".txt") continue;
    for (const char* op : {"fprop", "bprop", "update"}) {
      const ToolResult run = run_tool("run " + entry.path().string() + " --block 16 --tokens 33 --device sim --no-cache --op " + op);
      INFO(run.out << run.err);
      CHECK(run.status == 0);
      ++runs;
    }
  }
  if (runs == 0) BSGEN_SKIP("tests/data/demo holds no mask");
}
