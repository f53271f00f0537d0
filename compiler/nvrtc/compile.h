// KernelSource -> KernelImage, through NVRTC (CUDA -> PTX) and nvJitLink (PTX -> cubin), both
// opened at run time.
//
//   BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(cuda_dir));
//   BSGEN_ASSIGN(KernelImage image, nvrtc::compile(*toolchain, source, arch));
//
// Every function may be called from any thread; NVRTC itself serialises its front end. A child of
// fork() may compile unless some thread was inside the compilers when it was forked: there their locks stay taken, and
// compile() is refused with kUnsupported instead of waiting for ever.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bsgen/dtype.h"
#include "bsgen/kernel.h"
#include "bsgen/status.h"
#include "compiler/codegen/kernel_source.h"

namespace bsgen::nvrtc {

// This process was forked while its parent compiled.
bool broken_by_fork();

// One folder's NVRTC and nvJitLink, of one release. Opened once, shared, never closed.
class Toolchain;

// Where to look, first to last: `cuda_dir` if not empty (then only there), the build's own wheels,
// CUDA_PATH / CUDA_HOME, /usr/local/cuda, the loader's path, Python's site-packages/nvidia. The
// first NVRTC found decides. kMissing names every place tried, or what is wrong with what was
// found. A failure is not remembered.
Expected<const Toolchain*> open_toolchain(const std::string& cuda_dir);

struct ToolchainInfo {
  int nvrtc_major = 0, nvrtc_minor = 0, nvjitlink_major = 0,
      nvjitlink_minor = 0;  // 0 0: nvJitLink not found
  std::string nvrtc_path, builtins_path, nvjitlink_path;
  std::string nvrtc_build_id, builtins_build_id, nvjitlink_build_id;  // ELF build-ids (hex)
  std::vector<int> architectures;                                     // nvrtcGetSupportedArchs
  double load_ms = 0;  // what opening the libraries took, never part of a compile's time
};
const ToolchainInfo& info(const Toolchain& toolchain);

// The same without opening anything, read from the files (0.2 ms instead of 40), as far as names
// and build-ids tell: no architectures, no version of nvJitLink. Where the files do not tell
// enough, the toolchain is opened after all.
Expected<ToolchainInfo> identify_toolchain(const std::string& cuda_dir);

// The options every compile uses: -fmad=false, -lineinfo, -default-device, --no-cache where known,
// std. Part of the key.
std::vector<std::string> compile_options(const ToolchainInfo& toolchain, const Arch& arch);

// Of the assembler. Part of the key.
std::vector<std::string> assemble_options(const Arch& arch);

// CUDA -> PTX -> cubin. On a CUDA error: kCompileFailed with each diagnostic and the offending
// source lines around it. The bytes depend on the arguments alone: not on the working directory,
// the environment or the thread.
Expected<KernelImage> compile(const Toolchain& toolchain, const codegen::KernelSource& source,
                              const Arch& arch);

// The same without the assembly: all that the simulated device needs.
Expected<KernelImage> compile_ptx(const Toolchain& toolchain, const codegen::KernelSource& source,
                                  const Arch& arch);

// PTX as a user may have edited it -> image; fails with the assembler's message and the PTX lines
// it names. Without nvJitLink the image has no cubin and an empty report.
Expected<KernelImage> assemble(const Toolchain& toolchain, std::string ptx,
                               const std::string& entry, const Arch& arch);

// SASS text of a cubin through nvdisasm, where one is found; kMissing says where it was looked for.
Expected<std::string> disassemble(std::span<const std::byte> cubin,
                                  const std::string& cuda_dir = {});
Expected<std::string> find_disassembler(const std::string& cuda_dir = {});  // its path

}  // namespace bsgen::nvrtc
