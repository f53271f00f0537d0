#include "runtime/bundle/bundle_tier.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/driver/image_fit.h"

namespace bsgen::runtime {

BundleTier::BundleTier(const std::string& path, bool jit, Logger logger) : path_(path), jit_(jit), logger_(std::move(logger)) {
  if (path.empty()) return;
  auto bundle = Bundle::open(path);
  if (bundle)
    bundle_ = *std::move(bundle);
  else
    opened_ = bundle.status();
  if (jit_ && !opened_.ok() && logger_) logger_(LogLevel::kWarning, opened_.message() + "; kernels are compiled instead");
}

Expected<std::optional<BundledKernel>> BundleTier::find(const Layout& layout, const Problem& problem, const CompileOptions& options, const Arch& arch,
                                                        BundleFit fit) {
  if (!jit_) BSGEN_TRY(opened_);
  // Who brings templates of his own wants them compiled.
  if (!bundle_ || !options.template_dir.empty()) return std::optional<BundledKernel>();
  BSGEN_ASSIGN(std::string request, request_bytes({layout.hash(), problem, options, arch}));
  std::vector<Arch> candidates = {arch};
  if (fit == BundleFit::kRunsOn)
    for (const Arch& other : bundle_->architectures())
      if (!(other == arch) && cuda::cubin_fits(other, arch)) candidates.push_back(other);
  std::sort(candidates.begin() + 1, candidates.end(), [](const Arch& a, const Arch& b) { return std::pair(a.number, a.suffix) > std::pair(b.number, b.suffix); });
  for (const Arch& candidate : candidates) {
    set_arch(request, candidate);
    const auto place = bundle_->find(request);
    if (!place) continue;
    auto kernel = bundle_->load(*place);
    Status wrong = kernel.status();
    if (kernel && !(kernel->plan.layout_hash == layout.hash()))
      wrong = Status(ErrorCode::kCheckFailed, fmt::format("bundle: {}: the kernel of \"{}\" is for another layout; make it anew with bsgen bundle", path_,
                                                          bundle_->line(*place)));
    if (wrong.ok()) {
      if (kernel->plan.shared_bytes <= arch.max_shared_bytes()) return std::optional(*std::move(kernel));
      continue;  // another chip's plan may ask for more shared memory than this one has
    }
    if (!jit_) return wrong;
    if (logger_ && !warned_.exchange(true)) logger_(LogLevel::kWarning, wrong.message() + "; it is compiled instead");
    break;
  }
  return std::optional<BundledKernel>();
}

Status BundleTier::may_compile(const Layout& layout, const Problem& problem, const CompileOptions& options, const Arch& arch,
                               const std::string& mask) const {
  if (jit_) return {};
  const std::string where = bundle_ ? fmt::format("bundle {} has no kernel for this request", path_) : std::string("there is no bundle (BSGEN_BUNDLE)");
  const std::string named = mask.empty() ? mask_text(layout) : mask;
  const std::string file = mask.empty() && named.find(".layout ") != std::string::npos ? ", with the layout's text form as that file" : "";
  return Status(ErrorCode::kMissing, fmt::format("jit: off, and {}; add this line to the list that bsgen bundle compiles{}: {} {}", where, file, named,
                                                 request_options(problem, options, arch)));
}

}  // namespace bsgen::runtime
