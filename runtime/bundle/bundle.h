// Bundle: kernels compiled ahead of time, in one read-only file that is mapped.
//
//   BSGEN_ASSIGN(const auto bundle, Bundle::open("model.bundle"));
//   if (const auto found = bundle->find(*request_bytes(request))) BSGEN_ASSIGN(BundledKernel kernel, bundle->load(*found));
//
// Immutable, so any number of threads may use one. The file is replaced by renaming another over it, never changed in place: a file that gets
// shorter under a mapping ends every process that reads it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/dtype.h"
#include "compiler/plan/kernel_plan.h"
#include "runtime/bundle/format.h"
#include "runtime/cache/entry.h"

namespace bsgen::runtime {

struct BundledKernel {
  plan::KernelPlan plan;
  Entry entry;  // image, and the key with the builds of the compilers that made it
};

class Bundle {
 public:
  // Maps the file and checks everything but the kernels. kIo: it cannot be read; kCheckFailed: it is damaged; kMissing: it was made by another build of bsgen.
  static Expected<std::shared_ptr<const Bundle>> open(const std::string& path);
  ~Bundle();
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;

  // The place of a request; nothing where the bundle lacks it. No allocation, no system call.
  std::optional<std::size_t> find(std::string_view request_bytes) const;
  // The kernel at a place, verified. kCheckFailed where it is damaged.
  Expected<BundledKernel> load(std::size_t place) const;

  std::size_t size() const { return items_.size(); }
  std::string_view line(std::size_t place) const;  // in the input's syntax
  const std::vector<Arch>& architectures() const { return architectures_; }
  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_.size(); }
  std::string digest() const;  // hex; pins every byte

 private:
  Bundle() = default;
  Status check_layout();
  Status read_manifest();

  std::string path_;
  std::span<const std::byte> bytes_;
  const BundleHeader* header_ = nullptr;
  std::span<const BundleItem> items_;
  std::vector<Arch> architectures_;
};

}  // namespace bsgen::runtime
