// No waste: what the simulated device counts of generated kernels, held to the limits that the design names.
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

namespace {

nlohmann::json run(const std::string& arguments) {
  INFO("bsgen run " << arguments);
  const bsgen::test::ToolResult result = bsgen::test::run_tool("run " + arguments + " --device sim --no-cache --json");
  INFO(result.err);
  REQUIRE(result.status == 0);
  return nlohmann::json::parse(result.out);
}

bool missing_toolchain() { return bsgen::test::run_tool("compile full:1x1 --no-cache --emit ptx").status == 3; }

}  // namespace

TEST_CASE("shared_memory_of_every_kernel_family_is_free_of_bank_conflicts") {
  if (missing_toolchain()) BSGEN_SKIP("NVRTC is not found");
  for (const char* op : {"fprop", "bprop", "update"})
    for (const char* dtype : {"bf16", "tf32", "fp32"})
      for (const char* block : {"8", "16", "64", "16x32"})
        for (const char* activations : {"row", "col"}) {
          const auto json = run(std::string("random:16x16:density=0.3 --tokens 70 --op ") + op + " --dtype " + dtype + " --block " + block +
                                " --activations " + activations);
          INFO(op << " " << dtype << " " << block << " " << activations);
          CHECK(json["counters"]["shared_wavefronts"] == json["counters"]["shared_wavefronts_ideal"]);
        }
}

TEST_CASE("a_full_mask_gives_55_flop_for_each_byte_read") {
  if (missing_toolchain()) BSGEN_SKIP("NVRTC is not found");
  const auto counters = run("full:8x8 --block 128 --tokens 256")["counters"];
  CHECK(counters["mma_flops_useful"].get<double>() / counters["global_read_bytes"].get<double>() >= 55);
  CHECK(counters["mma_flops_useful"] == counters["mma_flops_issued"]);
}

TEST_CASE("blocks_of_16_and_more_issue_no_tensor_core_step_in_vain") {
  if (missing_toolchain()) BSGEN_SKIP("NVRTC is not found");
  for (const char* block : {"16", "32", "64"}) {
    const auto counters = run(std::string("random:16x16:density=0.2 --tokens 256 --block ") + block)["counters"];
    CHECK(counters["mma_flops_useful"] == counters["mma_flops_issued"]);
  }
}
