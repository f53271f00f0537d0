// KernelImage's own checks and its text form.
#include <fmt/format.h>

#include <ostream>

#include "bsgen/kernel.h"
#include "compiler/nvrtc/ptx_entries.h"
#include "compiler/nvrtc/resource_report.h"

namespace bsgen {

Status KernelImage::verify() const {
  const auto refuse = [&](std::string why) {
    return Status(ErrorCode::kCheckFailed, "image: " + std::move(why));
  };
  if (entry.empty()) return refuse("it names no entry");
  if (ptx.find('\0') != std::string::npos) return refuse("the PTX of " + entry + " holds a NUL");
  BSGEN_TRY(nvrtc::check_entry(ptx, entry));
  if (!cubin.empty() && !nvrtc::read_cubin_resources(cubin, entry))
    return refuse(
        fmt::format("{} bytes of cubin are no CUDA object with kernel {}", cubin.size(), entry));
  return {};
}

// A summary as PTX comments, then the PTX: the whole is still PTX.
void KernelImage::dump(std::ostream& out) const {
  out << fmt::format("// image {} for {}: {} bytes of PTX, {} bytes of cubin\n", entry, arch.name(),
                     ptx.size(), cubin.size());
  if (!cubin.empty())
    out << fmt::format(
        "// {} registers, {} bytes of static shared memory, {} bytes spilled, {} bytes of local "
        "memory, {} bytes of code\n",
        resources.registers, resources.shared_bytes, resources.spill_bytes, resources.local_bytes,
        resources.code_bytes);
  out << ptx;
}

}  // namespace bsgen
