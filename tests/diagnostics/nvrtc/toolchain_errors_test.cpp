#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "compiler/nvrtc/compile.h"
#include "compiler/nvrtc/toolchain.h"
#include "tests/support/catch.h"

using namespace bsgen;
namespace fs = std::filesystem;

namespace {

// A folder of made-up libraries. Their copies are opened and stay open; no two tests share a path.
struct Folder {
  fs::path path = fs::canonical(fs::temp_directory_path()) /
                  ("bsgen-toolchain-" + std::to_string(std::random_device{}()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string str() const { return path.string(); }
  void copy(const char* library, const std::string& name) const {
    fs::copy_file(library, path / name);
  }
};

struct Versions {
  Versions(const char* nvrtc, const char* nvjitlink) {
    setenv("FAKE_NVRTC_VERSION", nvrtc, 1);
    setenv("FAKE_NVJITLINK_VERSION", nvjitlink, 1);
  }
  ~Versions() {
    unsetenv("FAKE_NVRTC_VERSION");
    unsetenv("FAKE_NVJITLINK_VERSION");
  }
};

Status missing(const std::string& message) {
  return Status(ErrorCode::kMissing, message);
}

}  // namespace

TEST_CASE("a_folder_without_nvrtc_is_named_with_the_ways_out") {
  const Folder folder;
  CHECK(nvrtc::open_toolchain(folder.str()).status() ==
        missing("nvrtc: libnvrtc not found; looked in " + folder.str() +
                "; install a CUDA toolkit (12.4 or newer), or pip install nvidia-cuda-nvrtc "
                "nvidia-nvjitlink, or name the folder in BSGEN_CUDA_DIR"));
}

TEST_CASE("an_nvrtc_that_cannot_be_opened_is_named_with_the_loader_s_reason") {
  const Folder folder;
  std::ofstream(folder.path / "libnvrtc.so.99") << "not a library";
  const Status status = nvrtc::open_toolchain(folder.str()).status();
  CHECK(status.code() == ErrorCode::kMissing);
  CHECK(status.message().starts_with("nvrtc: libnvrtc not found; looked in " + folder.str() + "; " +
                                     folder.str() + "/libnvrtc.so.99: "));
}

TEST_CASE("an_nvrtc_without_its_builtins_is_told_apart") {
  const Folder folder;
  const Versions versions("99.1", "99.1");
  folder.copy(FAKE_NVRTC, "libnvrtc.so.99");
  CHECK(nvrtc::open_toolchain(folder.str()).status() ==
        missing("nvrtc: " + folder.str() +
                "/libnvrtc.so.99 needs libnvrtc-builtins.so.99.1 beside it, which cannot be "
                "opened; install the whole of CUDA 99.1's NVRTC"));
}

TEST_CASE("an_nvrtc_that_is_too_old_is_told_with_its_version") {
  const Folder folder;
  const Versions versions("12.3", "12.3");
  folder.copy(FAKE_NVRTC, "libnvrtc.so.12");
  CHECK(nvrtc::open_toolchain(folder.str()).status() ==
        missing("nvrtc: " + folder.str() +
                "/libnvrtc.so.12 is version 12.3, bsgen needs 12.4 or newer"));
}

TEST_CASE("an_nvjitlink_older_than_nvrtc_is_told_with_both_versions") {
  const Folder folder;
  const Versions versions("99.1", "99.0");
  folder.copy(FAKE_NVRTC, "libnvrtc.so.99");
  folder.copy(FAKE_NVRTC, "libnvrtc-builtins.so.99.1");
  folder.copy(FAKE_NVJITLINK, "libnvJitLink.so.99");
  CHECK(nvrtc::open_toolchain(folder.str()).status() ==
        missing("nvjitlink: " + folder.str() +
                "/libnvJitLink.so.99 is version 99.0, older than NVRTC 99.1 (" + folder.str() +
                "/libnvrtc.so.99) whose PTX it would assemble; install both from one release"));
}

TEST_CASE("a_library_that_lacks_a_function_is_told_with_its_name") {
  const Folder folder;
  folder.copy(FAKE_NVJITLINK, "libnvrtc.so.99");
  CHECK(nvrtc::open_toolchain(folder.str()).status() ==
        missing("nvrtc: " + folder.str() +
                "/libnvrtc.so.99 has no nvrtcGetErrorString; CUDA 12.4 or newer has it"));
}

TEST_CASE("a_toolchain_that_failed_to_open_is_looked_for_again") {
  const Folder folder;
  const Versions versions("99.1", "99.1");
  CHECK(!nvrtc::open_toolchain(folder.str()));
  folder.copy(FAKE_NVRTC, "libnvrtc.so.99");
  folder.copy(FAKE_NVRTC, "libnvrtc-builtins.so.99.1");
  const auto opened = nvrtc::open_toolchain(folder.str());
  INFO(opened.status().message());
  REQUIRE(opened);
  CHECK(nvrtc::info(**opened).nvjitlink_major == 0);  // none there: the driver will assemble
  CHECK(nvrtc::info(**opened).architectures == std::vector<int>{80, 90});
  CHECK(!nvrtc::info(**opened).nvrtc_build_id.empty());
  CHECK(*nvrtc::open_toolchain(folder.str()) == *opened);
}

TEST_CASE("an_architecture_that_nvrtc_does_not_know_is_told_with_those_it_knows") {
  const Folder folder;
  const Versions versions("99.1", "99.1");
  folder.copy(FAKE_NVRTC, "libnvrtc.so.99");
  folder.copy(FAKE_NVRTC, "libnvrtc-builtins.so.99.1");
  const auto opened = nvrtc::open_toolchain(folder.str());
  REQUIRE(opened);
  const codegen::KernelSource source{.entry = "k", .name = "k.cu", .cuda = "", .headers = {}};
  CHECK(nvrtc::compile(**opened, source, *Arch::parse("sm_123")).status() ==
        Status(ErrorCode::kUnsupported,
               "nvrtc: sm_123 is not known to NVRTC 99.1, which knows sm_80, sm_90"));
}
