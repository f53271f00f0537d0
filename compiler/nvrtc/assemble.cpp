// PTX -> cubin through nvJitLink.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <string_view>

#include "compiler/nvrtc/compile.h"
#include "compiler/nvrtc/error_message.h"
#include "compiler/nvrtc/inside_compilers.h"
#include "compiler/nvrtc/ptx_entries.h"
#include "compiler/nvrtc/resource_report.h"
#include "compiler/nvrtc/toolchain.h"

namespace bsgen::nvrtc {
namespace {

// One link, destroyed on every way out.
class Link {
 public:
  explicit Link(const NvJitLinkApi& api) : api_(api) {}
  ~Link() {
    if (link_) api_.nvJitLinkDestroy(&link_);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  bool run(const std::string& ptx, const std::string& name,
           const std::vector<std::string>& options) {
    std::vector<const char*> pointers;
    for (const std::string& option : options) pointers.push_back(option.c_str());
    return api_.nvJitLinkCreate(&link_, static_cast<std::uint32_t>(pointers.size()),
                                pointers.data()) == 0 &&
           api_.nvJitLinkAddData(link_, kNvJitLinkInputPtx, ptx.c_str(), ptx.size() + 1,
                                 name.c_str()) == 0 &&
           api_.nvJitLinkComplete(link_) == 0;
  }
  std::string error_log() const {
    return read(api_.nvJitLinkGetErrorLogSize, api_.nvJitLinkGetErrorLog);
  }
  std::string info_log() const {
    return read(api_.nvJitLinkGetInfoLogSize, api_.nvJitLinkGetInfoLog);
  }
  std::vector<std::byte> cubin() const {
    std::size_t size = 0;
    if (api_.nvJitLinkGetLinkedCubinSize(link_, &size) != 0) return {};
    std::vector<std::byte> bytes(size);
    if (api_.nvJitLinkGetLinkedCubin(link_, bytes.data()) != 0) return {};
    return bytes;
  }

 private:
  template <class Size, class Get>
  std::string read(Size size_of, Get get) const {
    std::size_t size = 0;
    if (!link_ || size_of(link_, &size) != 0 || size == 0) return {};
    std::string text(size + 1, '\0');
    if (get(link_, text.data()) != 0) return {};
    text.resize(text.find_last_not_of('\0') + 1);
    return text;
  }

  const NvJitLinkApi& api_;
  NvJitLinkHandle link_ = nullptr;
};

Status assembly_error(const Toolchain& toolchain, const std::string& ptx, const std::string& entry,
                      const Arch& arch, const std::string& log) {
  const ToolchainInfo& info = toolchain.info;
  auto entries = parse_ptxas_log(log);
  // "aborted due to errors" only closes the list.
  if (entries.size() > 1)
    std::erase_if(entries, [](const LogEntry& e) {
      return e.line == 0 && e.text.starts_with("Ptx assembly aborted");
    });
  for (LogEntry& e : entries) e.file = entry + ".ptx";
  std::string message;
  if (entries.empty())
    message = fmt::format("nvjitlink: {}.ptx does not assemble for {}: {}", entry, arch.name(),
                          log.empty() ? "no reason given" : log);
  else
    message =
        error_message(fmt::format("nvjitlink: {}.ptx does not assemble for {}", entry, arch.name()),
                      entries, [&](const std::string&) { return std::string_view(ptx); });
  message += fmt::format("\noptions (nvJitLink {}.{}): {}", info.nvjitlink_major,
                         info.nvjitlink_minor, fmt::join(assemble_options(arch), " "));
  return Status(ErrorCode::kCompileFailed, std::move(message));
}

}  // namespace

std::vector<std::string> assemble_options(const Arch& arch) {
  // -Xptxas=-v and not -verbose: the latter makes the linker of CUDA 12.4 print to standard output.
  return {"-arch=" + arch.name(), "-lineinfo", "-Xptxas=-v"};
}

Expected<KernelImage> assemble(const Toolchain& toolchain, std::string ptx,
                               const std::string& entry, const Arch& arch) {
  while (ptx.ends_with('\0')) ptx.pop_back();
  BSGEN_TRY(check_entry(ptx, entry));
  KernelImage image;
  image.arch = arch;
  image.entry = entry;
  image.ptx = std::move(ptx);
  if (!toolchain.has_nvjitlink()) return image;
  const InsideCompilers inside;
  BSGEN_TRY(inside.status());
  const auto begin = std::chrono::steady_clock::now();
  Link link(toolchain.nvjitlink);
  if (!link.run(image.ptx, entry + ".ptx", assemble_options(arch)))
    return assembly_error(toolchain, image.ptx, entry, arch, link.error_log());
  image.cubin = link.cubin();
  const auto from_cubin = read_cubin_resources(image.cubin, entry);
  if (!from_cubin)
    return Status(ErrorCode::kInternal,
                  fmt::format("nvjitlink: the cubin of {} does not hold that kernel", entry));
  image.resources = parse_ptxas_resources(link.info_log(), entry).value_or(*from_cubin);
  image.resources.code_bytes = from_cubin->code_bytes;
  image.assemble_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return image;
}

}  // namespace bsgen::nvrtc
