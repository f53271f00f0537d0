#include "runtime/cache/compiler_builds.h"

#include <unistd.h>

#include "compiler/nvrtc/build_id.h"
#include "runtime/cache/failpoint.h"
#include "runtime/cache/sha256.h"

namespace bsgen::runtime {
namespace {

constexpr std::size_t kHexDigest = 64;

std::string path_of(const std::string& directory) {
  return directory + "/compilers";
}

// The text that ends in the digest of all before: a build read wrongly would be another compiler's.
std::string verified(const std::string& directory, Trust trust) {
  const auto file = read_trusted_file(path_of(directory), trust);
  if (!file || file->size() < kHexDigest) return {};
  const std::string_view text = std::string_view(*file).substr(0, file->size() - kHexDigest);
  return sha256(text).hex() == std::string_view(*file).substr(text.size()) ? std::string(text) : std::string();
}

}  // namespace

void recall_compiler_builds(const std::string& directory, Trust trust) {
  if (!directory.empty() && distrust(directory, trust).empty()) nvrtc::remember_builds(verified(directory, trust));
}

void keep_compiler_builds(const std::string& directory, Trust trust) {
  const std::string text = nvrtc::remembered_builds();
  if (text.empty() || text == verified(directory, trust)) return;
  (void)replace_file(directory, path_of(directory), text + sha256(text).hex(), trust);
  failpoint(Failpoint::kBuildsWritten);
}

void forget_compiler_builds(const std::string& directory) {
  unlink(path_of(directory).c_str());
}

}  // namespace bsgen::runtime
