// BundleTier: what Engine and cached_compile ask before they plan anything: has the bundle this request, and may it be compiled otherwise?
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "runtime/bundle/bundle.h"
#include "runtime/bundle/request.h"

namespace bsgen::runtime {

// Which architectures' kernels will do.
enum class BundleFit {
  kExact,
  kRunsOn,  // those of the request's own first, then any whose cubin the hardware takes (runtime/driver/image_fit.h), the newest first
};

class BundleTier {
 public:
  // path: empty for none. A bundle that cannot be used is an error with jit off, else one warning.
  BundleTier(const std::string& path, bool jit, Logger logger);

  // The kernel; nothing where there is none. A damaged one is an error with jit off, else a warning and nothing.
  Expected<std::optional<BundledKernel>> find(const Layout& layout, const Problem& problem, const CompileOptions& options, const Arch& arch, BundleFit fit);

  // With jit off an error that ends with the line that asks for the request, for the list that bsgen bundle reads. mask: MASK and its options as the
  // caller wrote them; empty: spelled out.
  Status may_compile(const Layout& layout, const Problem& problem, const CompileOptions& options, const Arch& arch, const std::string& mask = {}) const;

  const std::shared_ptr<const Bundle>& bundle() const { return bundle_; }

 private:
  std::string path_;
  bool jit_;
  Logger logger_;
  Status opened_;
  std::shared_ptr<const Bundle> bundle_;
  std::atomic<bool> warned_{false};
};

}  // namespace bsgen::runtime
