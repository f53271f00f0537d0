// The command line over one cache folder: made, hit, explained, counted, carried elsewhere.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

using namespace bsgen::test;
using Json = nlohmann::json;

namespace {

const std::string kMask = "banded:4x4:width=3 --block 16 --arch sm_80";

Json run_json(const std::string& arguments, const std::string& before = "") {
  const ToolResult result = run_tool(arguments + " --json", before);
  CAPTURE(arguments, result.err);
  REQUIRE(result.status == 0);
  return Json::parse(result.out);
}

Json compile(const TemporaryFolder& cache, const std::string& mask, const std::string& before = "") {
  return run_json("compile " + mask + " --emit report --cache-dir '" + cache.path().string() + "'", before);
}

bool missing_toolchain() {
  static const bool missing = run_tool("compile full:1x1 --no-cache --emit ptx").status == 3;
  return missing;
}

// What the loader has to say of a process: LD_DEBUG=files names every library that is opened, of this process alone.
struct LoaderLog {
  TemporaryFolder folder;
  std::string before() const { return "LD_DEBUG=files LD_DEBUG_OUTPUT='" + (folder / "loader").string() + "'"; }
  bool names(const std::string& library) const {
    for (const auto& file : std::filesystem::directory_iterator(folder.path()))
      if (read_file(file.path()).find(library) != std::string::npos) return true;
    return false;
  }
};

}  // namespace

TEST_CASE("a_second_process_takes_the_kernel_from_disk_and_opens_no_compiler") {
  if (missing_toolchain()) BSGEN_SKIP("NVRTC is not installed");
  const TemporaryFolder cache;
  const LoaderLog first, second;
  CHECK(compile(cache, kMask, first.before())["source"] == "compiled");
  CHECK(compile(cache, kMask, second.before())["source"] == "disk");
  for (const char* library : {"libnvrtc", "libnvJitLink"}) {
    CHECK(first.names(library));
    CHECK(second.names("libc.so"));  // it does list what is opened
    CHECK_FALSE(second.names(library));
  }
  const Json stats = run_json("cache stats --cache-dir '" + cache.path().string() + "'");
  CHECK(stats["entries"] == 1);
  CHECK(stats["hits_disk"] == 1);
  CHECK(stats["compiles"] == 1);
  int compiles = 0;
  for (const Json& part : stats["compile_ms"]) compiles += part["compiles"].get<int>();
  CHECK(compiles == 1);
}

TEST_CASE("two_keys_are_told_apart_and_a_cache_is_carried_to_another_folder") {
  if (missing_toolchain()) BSGEN_SKIP("NVRTC is not installed");
  const TemporaryFolder cache, other;
  const std::string in = " --cache-dir '" + cache.path().string() + "'", out = " --cache-dir '" + other.path().string() + "'";
  const std::string a = compile(cache, kMask)["key"], b = compile(cache, "banded:4x4:width=3 --block 16 --arch sm_90")["key"];
  const Json difference = run_json("cache explain " + a.substr(0, 12) + " " + b.substr(0, 12) + in);
  CHECK(difference["equal"] == false);
  CHECK(difference["field"] == "arch");
  CHECK(difference["a"] == "sm_80");
  CHECK(difference["b"] == "sm_90");
  CHECK(run_json("cache explain " + a + " " + a + in)["equal"] == true);
  CHECK(run_tool("cache explain " + a + " 00zz" + in).status == 2);

  const std::string pack = " '" + (other / "pack").string() + "'";
  REQUIRE(run_tool("cache export " + a.substr(0, 12) + " -o" + pack + in).status == 0);
  const Json imported = run_json("cache import" + pack + out);
  CHECK(imported["added"] == 1);
  CHECK(compile(other, kMask)["source"] == "disk");
  CHECK(run_tool("cache import '" BSGEN_TOOL "'" + out).status == 2);  // no pack
  CHECK(run_tool("cache verify" + out).status == 0);
}

TEST_CASE("a_read_only_cache_named_by_the_environment_serves_kernels") {
  if (missing_toolchain()) BSGEN_SKIP("NVRTC is not installed");
  const TemporaryFolder lower, upper;
  CHECK(compile(lower, kMask)["source"] == "compiled");
  CHECK(compile(upper, kMask, "BSGEN_CACHE_READ_ONLY='/nowhere:" + lower.path().string() + "'")["source"] == "disk");
  CHECK(run_json("cache stats --cache-dir '" + upper.path().string() + "'")["entries"] == 0);
}
