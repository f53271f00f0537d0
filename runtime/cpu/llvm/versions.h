// What LLVM 16 to 19 call differently.
#pragma once

#include <llvm/Config/llvm-config.h>
#include <llvm/Support/CodeGen.h>
#include <llvm/TargetParser/Host.h>

namespace bsgen::cpu {

#if LLVM_VERSION_MAJOR >= 18
inline constexpr auto kOptimise = llvm::CodeGenOptLevel::Default;
inline constexpr auto kAssemblyFile = llvm::CodeGenFileType::AssemblyFile, kObjectFile = llvm::CodeGenFileType::ObjectFile;
#else
inline constexpr auto kOptimise = llvm::CodeGenOpt::Default;
inline constexpr auto kAssemblyFile = llvm::CGFT_AssemblyFile, kObjectFile = llvm::CGFT_ObjectFile;
#endif

inline llvm::StringMap<bool> host_features() {
#if LLVM_VERSION_MAJOR >= 19
  return llvm::sys::getHostCPUFeatures();
#else
  llvm::StringMap<bool> features;
  llvm::sys::getHostCPUFeatures(features);
  return features;
#endif
}

}  // namespace bsgen::cpu
