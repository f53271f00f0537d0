#include "runtime/compile/compile_job.h"

#include <fmt/format.h>

#include <optional>

#include "compiler/nvrtc/compile.h"
#include "runtime/cache/entry.h"
#include "runtime/cache/record.h"

namespace bsgen::runtime {
namespace {

struct ReceivedJob {
  codegen::KernelSource source;
  Arch arch;
  std::string cuda_dir;
  ToolchainIdentity toolchain;
};

std::optional<ReceivedJob> read_job(std::string_view bytes) {
  const auto record = Record::parse(bytes);
  if (!record) return std::nullopt;
  ReceivedJob job;
  std::string header;
  for (const auto& [label, value] : record->fields()) {
    if (label == "entry") job.source.entry = value;
    else if (label == "name") job.source.name = value;
    else if (label == "cuda") job.source.cuda = value;
    else if (label == "header") header = value;
    else if (label == "text") job.source.headers[header] = value;
    else if (label == "cuda dir") job.cuda_dir = value;
    else if (label == "nvrtc") job.toolchain.nvrtc = value;
    else if (label == "builtins") job.toolchain.builtins = value;
    else if (label == "nvjitlink") job.toolchain.nvjitlink = value;
    else if (label == "compile option") job.toolchain.compile_options.push_back(value);
    else if (label == "assemble option") job.toolchain.assemble_options.push_back(value);
    else if (label == "arch") {
      const auto arch = Arch::parse(value);
      if (!arch) return std::nullopt;
      job.arch = *arch;
    }
  }
  if (job.source.entry.empty()) return std::nullopt;
  return job;
}

std::string write_answer(const Expected<KernelImage>& image) {
  std::string bytes;
  put_u32(bytes, static_cast<std::uint32_t>(image.ok() ? ErrorCode::kOk : image.status().code()));
  if (image.ok()) bytes += write_entry({{}, *image, {}});
  else bytes += image.status().message();
  return bytes;
}

}  // namespace

Expected<KernelImage> compile_here(const CompileJob& job) {
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(job.cuda_dir));
  // Else the image would be kept under the key of another compiler.
  if (!(identity(nvrtc::info(*toolchain), job.arch) == job.toolchain))
    return Status(ErrorCode::kMissing, fmt::format("nvrtc: {} is not the library that was there when this kernel was requested; request it again",
                                                   nvrtc::info(*toolchain).nvrtc_path));
  return nvrtc::compile(*toolchain, job.source, job.arch);
}

std::string write_job(const CompileJob& job) {
  Record record;
  record.add("entry", job.source.entry);
  record.add("name", job.source.name);
  record.add("cuda", job.source.cuda);
  for (const std::string& name : included_headers(job.source)) {
    record.add("header", name);
    record.add("text", job.source.headers.at(name));
  }
  record.add("arch", job.arch.name());
  record.add("cuda dir", job.cuda_dir);
  record.add("nvrtc", job.toolchain.nvrtc);
  record.add("builtins", job.toolchain.builtins);
  record.add("nvjitlink", job.toolchain.nvjitlink);
  for (const std::string& option : job.toolchain.compile_options) record.add("compile option", option);
  for (const std::string& option : job.toolchain.assemble_options) record.add("assemble option", option);
  return record.bytes();
}

std::string answer_job(std::string_view bytes) {
  const auto job = read_job(bytes);
  if (!job) return write_answer(Status(ErrorCode::kInternal, "compiler: the request cannot be read; host and helper are of different versions"));
  return write_answer(compile_here({job->source, job->arch, job->cuda_dir, job->toolchain}));
}

// An image comes as a cache entry, with its digest: a helper that was cut off or mixed up is found out.
Expected<KernelImage> read_answer(std::string_view answer) {
  std::uint32_t code = 0;
  if (!take_u32(answer, code)) return Status(ErrorCode::kInternal, "compiler: the helper's answer cannot be read");
  if (code != static_cast<std::uint32_t>(ErrorCode::kOk)) return Status(static_cast<ErrorCode>(code), std::string(answer));
  EntryReading reading = read_entry(answer);
  if (reading.state != EntryState::kSound) return Status(ErrorCode::kInternal, "compiler: the helper's answer cannot be read: " + reading.why);
  return std::move(reading.entry.image);
}

}  // namespace bsgen::runtime
