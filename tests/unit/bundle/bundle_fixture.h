// Bundles of kernels that no compiler made: real plans, images that only look like some.
#pragma once

#include <cstring>
#include <sstream>

#include "compiler/plan/choose.h"
#include "runtime/bundle/bundle.h"
#include "runtime/bundle/bundle_writer.h"
#include "runtime/bundle/format.h"
#include "runtime/bundle/request.h"
#include "tests/unit/cache/cache_fixture.h"

namespace bsgen::test {

inline Arch sm(int number, char suffix = '\0') { return {.number = number, .suffix = suffix}; }
inline Layout small_layout() { return *Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32}); }
inline Layout other_layout() { return *Layout::from_bits({1, 0, 1, 1}, 2, 2, {32, 32}); }

inline BundleKernelText bundled(const Layout& layout, const Problem& problem, const Arch& arch, int n = 1, const CompileOptions& options = {}) {
  const plan::KernelPlan plan = *plan::choose(layout, problem, arch, options);
  std::ostringstream text;
  plan.dump(text);
  KernelImage image = make_image(n);
  image.arch = arch;
  image.entry = plan.entry();
  return {*request_bytes({layout.hash(), problem, options, arch}), mask_text(layout) + " " + request_options(problem, options, arch), arch, text.str(),
          write_entry({make_key(n).record, image, make_about()})};
}

// Puts the digest right again after what it covers was changed: the bytes of a writer that lies.
inline void sign(std::string& bytes) {
  runtime::BundleHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  const runtime::Digest digest = runtime::sha256(bytes.substr(0, offsetof(runtime::BundleHeader, digest)) + bytes.substr(sizeof header, header.payload_offset - sizeof header));
  std::memcpy(bytes.data() + offsetof(runtime::BundleHeader, digest), digest.view().data(), sizeof header.digest);
}

// In a folder of its own.
struct BundleFile {
  explicit BundleFile(std::vector<BundleKernelText> kernels) : BundleFile(write_bundle(std::move(kernels))) {}
  explicit BundleFile(const std::string& bytes) { write(bytes); }
  void write(const std::string& bytes) const {
    fs::create_directories(folder.path);
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
  }
  std::string bytes() const {
    std::ostringstream text;
    text << std::ifstream(path(), std::ios::binary).rdbuf();
    return text.str();
  }
  std::string path() const { return (folder.path / "kernels.bundle").string(); }
  CacheFolder folder;
};

}  // namespace bsgen::test
