// CompileJob: what the compilers are given, and the two messages that carry it to a helper process and back.
#pragma once

#include <string>
#include <string_view>

#include "bsgen/kernel.h"
#include "bsgen/status.h"
#include "compiler/codegen/kernel_source.h"
#include "runtime/cache/kernel_key.h"

namespace bsgen::runtime {

struct CompileJob {
  const codegen::KernelSource& source;
  Arch arch;
  std::string cuda_dir;
  const ToolchainIdentity& toolchain;  // that the kernel's key names; another one is refused
};

// NVRTC and nvJitLink, in this process.
Expected<KernelImage> compile_here(const CompileJob& job);

// host -> helper. Holds those headers that the source includes.
std::string write_job(const CompileJob& job);
// helper: what compile_here() says of a job, as the answer's bytes. Never fails: what it cannot read, it answers so.
std::string answer_job(std::string_view job);
// helper -> host
Expected<KernelImage> read_answer(std::string_view answer);

}  // namespace bsgen::runtime
