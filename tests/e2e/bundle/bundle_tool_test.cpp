// Bundles by the command line: made with NVRTC, served without.
#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

namespace bsgen::test {
namespace {

const char* const kList =
    "# what a small model asks for\n"
    "\n"
    "banded:8x8:width=3 --dtype fp32\n"
    "  random:8x8:density=0.3 --seed 5 --dtype fp32 --epilogue 'relu(acc + bias[n])'\n";

// Neither compilers nor a cache.
const std::string kOffline = "BSGEN_JIT=off BSGEN_CUDA_DIR=/nonexistent BSGEN_CACHE_DIR=/nonexistent BSGEN_LOG=error ";

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

struct Workshop {
  TemporaryFolder folder;
  std::string list = (folder / "requests.txt").string(), bundle = (folder / "kernels.bundle").string(), cache = (folder / "cache").string();

  ToolResult make(const std::string& text, const std::string& more = "--arch sm_80,sm_90") const {
    write(list, text);
    return run_tool("bundle '" + list + "' " + more + " --json -o '" + bundle + "'", "BSGEN_CACHE_DIR='" + cache + "'");
  }
  ToolResult offline(const std::string& arguments) const { return run_tool(arguments, kOffline + "BSGEN_BUNDLE='" + bundle + "'"); }
};

bool without_nvrtc(const ToolResult& result) { return result.status == 3 && result.err.find("nvrtc") != std::string::npos; }

}  // namespace

TEST_CASE("a_bundle_serves_without_compilers_and_a_miss_names_the_line_that_mends_it") {
  const Workshop at;
  const ToolResult made = at.make(kList);
  if (without_nvrtc(made)) BSGEN_SKIP("NVRTC not found");
  INFO(made.err);
  REQUIRE(made.status == 0);
  const auto json = nlohmann::json::parse(made.out);
  CHECK(json["kernels"] == 4);
  CHECK(json["compiled"] == 4);
  CHECK(json["architectures"] == std::vector<std::string>{"sm_80", "sm_90"});

  const ToolResult served = at.offline("run banded:8x8:width=3 --dtype fp32 --tokens 16 --device sim --json");
  INFO(served.err);
  CHECK(served.status == 0);
  CHECK(at.offline("compile random:8x8:density=0.3,seed=5 --dtype fp32 --arch sm_90 --epilogue 'relu( acc+bias[n] )' --json").out.find("\"source\": \"bundle\"") !=
        std::string::npos);

  const ToolResult missed = at.offline("run random:8x8:density=0.3 --seed 5 --op bprop --tokens 16 --device sim --json");
  CHECK(missed.status == 3);
  const std::string before = "add this line to the list that bsgen bundle compiles: ";
  REQUIRE(missed.err.find(before) != std::string::npos);
  const std::string line = missed.err.substr(missed.err.find(before) + before.size());
  CHECK(line == "random:8x8:density=0.3 --seed 5 --op bprop --arch sm_80\n");
  REQUIRE(at.make(kList + line).status == 0);
  CHECK(at.offline("run random:8x8:density=0.3 --seed 5 --op bprop --tokens 16 --device sim --json").status == 0);
}

TEST_CASE("what_a_bundle_shows_makes_the_same_bundle_again") {
  const Workshop at;
  const ToolResult made = at.make(kList);
  if (without_nvrtc(made)) BSGEN_SKIP("NVRTC not found");
  REQUIRE(made.status == 0);
  const auto digest = nlohmann::json::parse(made.out)["digest"];
  const ToolResult shown = run_tool("bundle --show '" + at.bundle + "'");
  REQUIRE(shown.status == 0);
  const ToolResult again = at.make(shown.out, "");
  INFO(shown.out << again.err);
  REQUIRE(again.status == 0);
  CHECK(nlohmann::json::parse(again.out)["compiled"] == 0);
  CHECK(nlohmann::json::parse(again.out)["digest"] == digest);
  CHECK(run_tool("bundle --verify '" + at.bundle + "'").status == 0);
  std::string bytes = read_file(at.bundle);
  bytes[bytes.size() - 100] ^= 4;
  std::filesystem::remove(at.bundle);
  write(at.bundle, bytes);
  const ToolResult damaged = run_tool("bundle --verify '" + at.bundle + "'");
  CHECK(damaged.status == 1);
  CHECK(damaged.out.find("1 damaged") != std::string::npos);
}

TEST_CASE("a_list_that_is_wrong_is_refused_by_its_line") {
  const Workshop at;
  const auto refused = [&](const std::string& text, const std::string& more = "--arch sm_80") {
    const ToolResult result = at.make(text, more);
    CHECK(result.status == 2);
    CHECK(!std::filesystem::exists(at.bundle));
    return result.err;
  };
  CHECK(refused("full:2x2\nfull:2x2 --epiloge acc\n") == "bsgen: no option --epiloge; the nearest is --epilogue (while reading " + at.list + " line 2)\n");
  CHECK(refused("full:2x2 --tokens 4\n").find("no option --tokens") != std::string::npos);
  CHECK(refused("full:2x2 --cache-dir x\n").find("no option --cache-dir") != std::string::npos);
  CHECK(refused("full:2x2 'x\n").find("a quotation mark ' is not closed (while reading " + at.list + " line 1)") != std::string::npos);
  CHECK(refused("fall:2x2\n").find("did you mean full") != std::string::npos);
  CHECK(refused("full:2x2\n", "").find("no architecture; give --arch") != std::string::npos);
  CHECK(refused("# nothing\n").find("has no request") != std::string::npos);
  CHECK(run_tool("bundle").status == 2);
  CHECK(run_tool("bundle --show x --verify y").status == 2);
  CHECK(run_tool("bundle '" + at.list + "' --arch sm_80").err.find("-o FILE is missing") != std::string::npos);
}

}  // namespace bsgen::test
