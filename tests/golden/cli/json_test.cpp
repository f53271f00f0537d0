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

TEST_CASE("bench_keys") {
  const Json json = run_json("bench --suite foundation --only planning --json",
                             run_tool("bench --suite foundation --only planning").status);
  CHECK(keys(json) == "schema full suite ok figures");
  REQUIRE(json["figures"].size() == 2);
  CHECK(keys(json["figures"][0]) == "area what asked measured verdict how values");
}

}  // namespace
}  // namespace bsgen::test
