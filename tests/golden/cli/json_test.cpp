// --json prints one object with these keys in this order; keys are only ever added.
#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

namespace bsgen::test {
namespace {

using Json = nlohmann::ordered_json;

std::string keys(const Json& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) text += (text.empty() ? "" : " ") + key;
  return text;
}

const char* const kPlanKeys =
    "schema op dtype out_dtype activations align accumulate epilogue arch heads rows cols block "
    "nonzero_blocks density layout_hash plan_tokens "
    "tier tile arithmetic structure layout_class threads dynamic_shared_bytes panels entry reasons";

Json run_json(const std::string& arguments, int status = 0) {
  const ToolResult result = run_tool(arguments);
  INFO("bsgen " << arguments << "\n" << result.err);
  REQUIRE(result.status == status);
  return Json::parse(result.out);
}

TEST_CASE("explain_keys") {
  const Json json = run_json("explain random:16x16:density=0.2 --json");
  CHECK(json["schema"] == 1);
  CHECK(keys(json) == std::string(kPlanKeys) + " plan_ms batch_invariant candidates");
  CHECK(keys(json["tile"]) ==
        "tokens gather panel warps_m warps_n slice slices_per_stage num_stages");
  CHECK(keys(json["arithmetic"]) == "instruction k_step promote_every");
  REQUIRE(json["candidates"].size() > 1);
  CHECK(keys(json["candidates"][0]) ==
        "tile tier predicted_us bound shared_bytes estimated_registers compile_ms chosen verdict");
}

TEST_CASE("exactly_one_candidate_is_chosen_and_it_is_the_plan") {
  for (const char* mask : {"random:16x16:density=0.2", "banded:32x32:width=3", "full:4x4"}) {
    const Json json = run_json(std::string("explain --json ") + mask);
    int chosen = 0;
    for (const Json& candidate : json["candidates"])
      if (candidate["chosen"]) {
        ++chosen;
        CHECK(candidate["tile"] == json["tile"]);
        CHECK(candidate["tier"] == json["tier"]);
      }
    INFO(mask);
    CHECK(chosen == 1);
  }
}

TEST_CASE("compile_report_keys") {
  const ToolResult tried = run_tool("compile full:2x2 --json --no-cache");
  if (tried.status == 3) BSGEN_SKIP("NVRTC was not found: " + tried.err);
  const Json json = run_json("compile full:2x2 --json --no-cache");
  CHECK(keys(json) == std::string(kPlanKeys) +
                          " registers shared_bytes spill_bytes local_bytes code_bytes plan_ms "
                          "codegen_ms nvrtc_ms assemble_ms source key");
  CHECK(json["source"] == "compiled");
  CHECK(keys(run_json("compile full:2x2 --emit report --no-cache")) == keys(json));
}

TEST_CASE("compile_writes_the_file_and_the_object") {
  const TemporaryFolder folder;
  const std::string path = (folder / "k.cu").string();
  const Json json = run_json("compile full:2x2 --emit cuda --json -o " + path);
  CHECK(json["output"] == path);
  CHECK(read_file(path) == run_tool("compile full:2x2 --emit cuda").out);
}

TEST_CASE("view_keys") {
  const TemporaryFolder folder;
  const Json json = run_json("view full:2x2 --json -o " + (folder / "p.html").string());
  CHECK(keys(json) == "schema output bytes nonzero_blocks compiled passed");
  CHECK(json["bytes"] == std::filesystem::file_size(folder / "p.html"));
}

// A kernel of our own in PTX, so that this needs no NVRTC.
Json run_rows(const std::string& more) {
  const TemporaryFolder folder;
  const std::string mask = "full:1x1 --block 32 --dtype fp32 --arch sm_80 ", path = (folder / "k.ptx").string();
  std::string text = read_file(BSGEN_ROWS_PTX);
  text.replace(text.find("ENTRY("), 5, run_json("explain " + mask + "--json")["entry"].get<std::string>());
  std::ofstream(path) << text;
  return run_json("run " + mask + "--tokens 4 --device sim --json --ptx " + path + " " + more);
}

TEST_CASE("run_keys_on_the_simulated_device") {
  const Json json = run_rows("");
  const std::string all =
      "schema device arch op dtype out_dtype tier rows cols block nonzero_blocks tokens worst_error worst_at relative_error passed output_digest diagnostics "
      "counters device_note schedules occupancy prediction";
  CHECK(keys(json) == all);
  CHECK(json["schedules"] == Json({"early", "late"}));
  CHECK(keys(json["occupancy"]) ==
        "ctas_per_sm limit warps_per_sm max_warps_per_sm registers shared_bytes threads by_registers by_shared_memory by_threads by_ctas");
  CHECK(json["occupancy"]["registers"].is_null());  // nothing was assembled
  CHECK(keys(json["prediction"]) == "kind gpu clock_confirmed sources predicted_us bound roofline_us roofline_fraction stretch resources");
  CHECK(json["prediction"]["kind"] == "predicted, not measured");
  CHECK(json["prediction"]["gpu"] == "A100");
  CHECK(keys(json["prediction"]["resources"][0]) == "name predicted_us rate_confirmed");
  CHECK(keys(run_rows("--profile --trace steps=3")) == all + " profile trace");
}

TEST_CASE("profile_and_trace_keys_and_sums") {
  const Json json = run_rows("--profile --trace warp=2,from=26,steps=3 --gpu H200 --schedule seed:3");
  CHECK(json["schedules"] == Json({"seed:3"}));
  CHECK(json["prediction"]["gpu"] == "H200");
  const Json& profile = json["profile"];
  CHECK(keys(profile) == "classes cuda_lines instructions");
  CHECK(keys(profile["instructions"][0]) ==
        "ptx_line opcode class predicted_share executions skipped active_lanes waits requested_bytes global_read_bytes global_write_bytes global_read_sectors "
        "global_write_sectors shared_wavefronts shared_wavefronts_ideal mma_flops cuda_file cuda_line");
  CHECK(keys(json["counters"]) ==
        "global_read_bytes global_write_bytes floor_bytes shared_wavefronts shared_wavefronts_ideal mma_flops_issued mma_flops_useful warp_instructions global_read_sectors "
        "global_write_sectors requested_bytes active_lanes skipped waits classes");
  std::uint64_t executed = 0, of_classes = 0, read = 0, lanes = 0, waits = 0, asked = 0, sectors = 0, skipped = 0;
  double share = 0, before = 1;
  for (const Json& each : profile["instructions"]) {
    executed += each["executions"].get<std::uint64_t>();
    read += each["global_read_bytes"].get<std::uint64_t>();
    lanes += each["active_lanes"].get<std::uint64_t>();
    waits += each["waits"].get<std::uint64_t>();
    asked += each["requested_bytes"].get<std::uint64_t>();
    sectors += each["global_write_sectors"].get<std::uint64_t>();
    skipped += each["skipped"].get<std::uint64_t>();
    share += each["predicted_share"].get<double>();
    CHECK(each["predicted_share"].get<double>() <= before);  // hottest first
    before = each["predicted_share"].get<double>();
  }
  for (const auto& [name, count] : profile["classes"].items()) of_classes += count.get<std::uint64_t>();
  CHECK(share == Approx(1));
  CHECK(executed == json["counters"]["warp_instructions"]);
  CHECK(of_classes == executed);
  const Json& totals = json["counters"];
  CHECK(totals["classes"] == profile["classes"]);
  CHECK(totals["active_lanes"] == lanes);
  CHECK(totals["waits"] == waits);
  CHECK(totals["skipped"] == skipped);
  CHECK(totals["requested_bytes"] == asked);
  CHECK(totals["global_write_sectors"] == sectors);
  CHECK(totals["global_write_sectors"].get<std::uint64_t>() * 32 == totals["global_write_bytes"]);
  CHECK(read == json["counters"]["global_read_bytes"]);
  // Four warps run the loop of eight instructions 32 times.
  for (const Json& each : profile["instructions"])
    if (each["opcode"] == "fma.rn.f32") CHECK(each["executions"] == 4 * 32);

  REQUIRE(json["trace"].size() == 3);
  const Json& step = json["trace"][0];
  CHECK(keys(step) == "number ptx_line cuda_line cuda_file text active mask changes accesses events findings");
  CHECK(step["text"] == "ld.global.f32 %f1, [%rd8]");
  CHECK(keys(step["changes"][0]) == "register bytes before after");
  CHECK(step["changes"][0]["before"].is_null());
  CHECK(step["changes"][0]["after"].size() == 32);
  CHECK(keys(step["accesses"][0]) == "verb bytes object offset");
  CHECK(step["accesses"][0]["object"][31] == "x");
}

TEST_CASE("bench_keys") {
  const Json json = run_json("bench --suite foundation --only planning --json",
                             run_tool("bench --suite foundation --only planning").status);
  CHECK(keys(json) == "schema full suite ok figures");
  REQUIRE(json["figures"].size() == 2);
  CHECK(keys(json["figures"][0]) == "area what asked measured verdict how values");
}

}  // namespace
}  // namespace bsgen::test
