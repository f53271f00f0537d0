#include "compiler/nvrtc/search.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "compiler/nvrtc/toolchain.h"
#include "tests/support/catch.h"

using namespace bsgen;
namespace fs = std::filesystem;

namespace {

struct TemporaryFolder {
  fs::path path =
      fs::temp_directory_path() / ("bsgen-search-" + std::to_string(std::random_device{}()));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  void touch(const std::string& name) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << "x";
  }
  bool finds(const std::string& folder) const {
    const auto folders = nvrtc::library_folders(path.string());
    return std::find(folders.begin(), folders.end(), (path / folder).string()) != folders.end();
  }
};

}  // namespace

TEST_CASE("toolkits_and_both_shapes_of_wheels_are_searched") {
  const TemporaryFolder root;
  for (const char* folder : {"lib64", "lib", "targets/x86_64-linux/lib", "nvidia/cu13/lib",
                             "nvidia/cuda_nvrtc/lib", "cu13/lib", "cuda_nvrtc/lib"})
    root.touch(std::string(folder) + "/libnvrtc.so.13");
  for (const char* folder : {"lib64", "lib", "targets/x86_64-linux/lib", "nvidia/cu13/lib",
                             "nvidia/cuda_nvrtc/lib", "cu13/lib", "cuda_nvrtc/lib"}) {
    CAPTURE(folder);
    CHECK(root.finds(folder));
  }
  CHECK(!root.finds("other"));
}

TEST_CASE("the_highest_version_in_a_folder_is_taken") {
  const TemporaryFolder root;
  for (const char* name : {"libnvrtc.so.9", "libnvrtc.so.13", "libnvrtc.so.12",
                           "libnvrtc.so.13.0.88", "libnvrtc.so.x", "libnvrtc.so."})
    root.touch(name);
  CHECK(nvrtc::highest_version(root.path.string(), "libnvrtc.so.") ==
        (root.path / "libnvrtc.so.13").string());
  CHECK(nvrtc::highest_version(root.path.string(), "libnvJitLink.so.").empty());
  CHECK(nvrtc::highest_version((root.path / "absent").string(), "libnvrtc.so.").empty());
}

TEST_CASE("libraries_of_one_release_go_together") {
  nvrtc::ToolchainInfo info;
  info.nvrtc_major = info.nvjitlink_major = 13;
  CHECK(nvrtc::check_versions(info) == Status());
  info.nvjitlink_minor = 1;  // newer assembles older PTX
  CHECK(nvrtc::check_versions(info) == Status());
  info.nvjitlink_major = info.nvjitlink_minor = 0;  // none: the driver assembles
  CHECK(nvrtc::check_versions(info) == Status());
}
