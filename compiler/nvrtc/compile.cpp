#include "compiler/nvrtc/compile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "compiler/nvrtc/error_message.h"
#include "compiler/nvrtc/inside_compilers.h"
#include "compiler/nvrtc/toolchain.h"

namespace bsgen::nvrtc {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::vector<const char*> pointers(const std::vector<std::string>& strings) {
  std::vector<const char*> out;
  for (const std::string& s : strings) out.push_back(s.c_str());
  return out;
}

Status check_architecture(const ToolchainInfo& info, const Arch& arch) {
  if (std::find(info.architectures.begin(), info.architectures.end(), arch.number) !=
      info.architectures.end())
    return {};
  return Status(
      ErrorCode::kUnsupported,
      fmt::format("nvrtc: {} is not known to NVRTC {}.{}, which knows sm_{}", arch.name(),
                  info.nvrtc_major, info.nvrtc_minor, fmt::join(info.architectures, ", sm_")));
}

// One nvrtcProgram, destroyed on every way out.
class Program {
 public:
  explicit Program(const NvrtcApi& api) : api_(api) {}
  ~Program() {
    if (program_) api_.nvrtcDestroyProgram(&program_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  NvrtcResult create(const codegen::KernelSource& source) {
    std::vector<const char*> names, texts;
    for (const auto& [name, text] : source.headers) {
      names.push_back(name.c_str());
      texts.push_back(text.c_str());
    }
    return api_.nvrtcCreateProgram(&program_, source.cuda.c_str(), source.name.c_str(),
                                   static_cast<int>(names.size()), texts.data(), names.data());
  }
  NvrtcResult compile(const std::vector<std::string>& options) {
    return api_.nvrtcCompileProgram(program_, static_cast<int>(options.size()),
                                    pointers(options).data());
  }
  std::string log() const { return read(api_.nvrtcGetProgramLogSize, api_.nvrtcGetProgramLog); }
  std::string ptx() const { return read(api_.nvrtcGetPTXSize, api_.nvrtcGetPTX); }

 private:
  // Both texts come with a NUL at their end, which their size counts.
  template <class Size, class Get>
  std::string read(Size size_of, Get get) const {
    std::size_t size = 0;
    if (!program_ || size_of(program_, &size) != 0 || size == 0) return {};
    std::string text(size, '\0');
    if (get(program_, text.data()) != 0) return {};
    text.resize(text.find_last_not_of('\0') + 1);
    return text;
  }

  const NvrtcApi& api_;
  NvrtcProgram program_ = nullptr;
};

std::string_view text_of(const codegen::KernelSource& source, const std::string& file) {
  if (file == source.name) return source.cuda;
  const auto header = source.headers.find(file);
  return header == source.headers.end() ? std::string_view() : std::string_view(header->second);
}

// NVRTC writes the working directory before every file name of the line table (.file 1
// "/home/me/k.cu"). The PTX must not depend on where it was made, so the names become those that
// the source was given.
std::string without_directories(std::string_view ptx, const codegen::KernelSource& source) {
  constexpr std::string_view kDirective = "\t.file\t";
  std::string out;
  out.reserve(ptx.size());
  while (!ptx.empty()) {
    const auto end = ptx.find('\n');
    std::string_view line = ptx.substr(0, end == std::string_view::npos ? end : end + 1);
    ptx.remove_prefix(line.size());
    const auto open = line.find('"'), close = line.rfind('"');
    if (!line.starts_with(kDirective) || open == std::string_view::npos || close == open) {
      out += line;
      continue;
    }
    const std::string_view path = line.substr(open + 1, close - open - 1);
    std::string_view known;
    const auto consider = [&](std::string_view name) {
      if (path.size() > name.size() && path.ends_with(name) &&
          path[path.size() - name.size() - 1] == '/' && name.size() > known.size())
        known = name;
    };
    consider(source.name);
    for (const auto& [name, text] : source.headers) consider(name);
    out += line.substr(0, open + 1);
    out += known.empty() ? path : known;
    out += line.substr(close);
  }
  return out;
}

Status compile_error(const Toolchain& toolchain, const codegen::KernelSource& source,
                     const Arch& arch, NvrtcResult result, const std::string& log) {
  const ToolchainInfo& info = toolchain.info;
  // NVRTC lists plain numbers only; whether a suffix exists shows when it refuses the option.
  if (arch.suffix && log.find("arch") != std::string::npos &&
      log.find(source.name) == std::string::npos)
    return Status(
        ErrorCode::kUnsupported,
        fmt::format(
            "nvrtc: {} is not known to NVRTC {}.{}; it knows sm_{}, some of them with a suffix",
            arch.name(), info.nvrtc_major, info.nvrtc_minor,
            fmt::join(info.architectures, ", sm_")));
  if (result == kNvrtcBuiltinFailure)
    return Status(ErrorCode::kMissing,
                  fmt::format("nvrtc: {} cannot open its libnvrtc-builtins.so.{}.{}: {}",
                              info.nvrtc_path, info.nvrtc_major, info.nvrtc_minor, log));
  const auto entries = parse_nvrtc_log(log);
  std::string message;
  if (std::any_of(entries.begin(), entries.end(),
                  [](const LogEntry& e) { return e.severity == LogEntry::Severity::kError; }))
    message =
        error_message(fmt::format("nvrtc: {} does not compile for {}", source.name, arch.name()),
                      entries, [&](const std::string& file) { return text_of(source, file); });
  else
    message = fmt::format("nvrtc: {} does not compile for {}: {}\n{}", source.name, arch.name(),
                          toolchain.nvrtc.nvrtcGetErrorString(result), log);
  message += fmt::format(
      "\noptions (NVRTC {}.{}): {}\nto repeat: write the source with `bsgen compile --emit cuda -o "
      "{}` and the same arguments, edit it, give it to "
      "`bsgen run --cuda {}`",
      info.nvrtc_major, info.nvrtc_minor, fmt::join(compile_options(toolchain.info, arch), " "),
      source.name, source.name);
  return Status(ErrorCode::kCompileFailed, std::move(message));
}

}  // namespace

Expected<KernelImage> compile_ptx(const Toolchain& toolchain, const codegen::KernelSource& source,
                                  const Arch& arch) {
  BSGEN_TRY(check_architecture(toolchain.info, arch));
  const InsideCompilers inside;
  BSGEN_TRY(inside.status());
  const auto begin = Clock::now();
  Program program(toolchain.nvrtc);
  if (const NvrtcResult result = program.create(source); result != 0)
    return Status(ErrorCode::kInternal,
                  fmt::format("nvrtc: {} cannot be handed over: {}", source.name,
                              toolchain.nvrtc.nvrtcGetErrorString(result)));
  if (const NvrtcResult result = program.compile(compile_options(toolchain.info, arch));
      result != 0)
    return compile_error(toolchain, source, arch, result, program.log());
  KernelImage image;
  image.arch = arch;
  image.entry = source.entry;
  image.ptx = without_directories(program.ptx(), source);
  image.nvrtc_ms = ms_since(begin);
  return image;
}

Expected<KernelImage> compile(const Toolchain& toolchain, const codegen::KernelSource& source,
                              const Arch& arch) {
  BSGEN_ASSIGN(KernelImage unassembled, compile_ptx(toolchain, source, arch));
  BSGEN_ASSIGN(KernelImage image,
               assemble(toolchain, std::move(unassembled.ptx), source.entry, arch));
  image.nvrtc_ms = unassembled.nvrtc_ms;
  return image;
}

}  // namespace bsgen::nvrtc
