// KernelKey: what names one compiled kernel. Everything that the image depends on is in it, and
// nothing else.
//
// The image is a function of the generated source, the headers that it includes, the architecture,
// the compilers' options and the compilers themselves (compiler/nvrtc/compile.h), so these are the
// fields. Layout, problem, plan and CompileOptions act through the source alone: two requests whose
// source is equal share an entry, as two layouts of one class do in tier table.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/kernel_source.h"
#include "compiler/nvrtc/compile.h"
#include "runtime/cache/record.h"
#include "runtime/cache/sha256.h"

namespace bsgen::runtime {

inline constexpr int kKeySchema = 1;  // raised when fields or their meaning change

struct KernelKey {
  Record record;  // all fields, readable; stored in the entry and compared on a hit
  Digest digest;  // of its bytes

  explicit KernelKey(Record fields) : record(std::move(fields)), digest(sha256(record.bytes())) {}
  std::string hex() const { return digest.hex(); }
  bool operator==(const KernelKey&) const = default;
};

// What of the toolchain the image depends on.
struct ToolchainIdentity {
  std::string nvrtc, builtins, nvjitlink;  // build-ids; nvjitlink is empty where there is none
  std::vector<std::string> compile_options, assemble_options;
  bool operator==(const ToolchainIdentity&) const = default;
};
ToolchainIdentity identity(const nvrtc::ToolchainInfo& toolchain, const Arch& arch);

KernelKey kernel_key(const codegen::KernelSource& source, const Arch& arch,
                     const ToolchainIdentity& toolchain);

// The headers of `source` that its text includes, directly or not, in the order of their names. An
// #include that is conditional counts.
std::vector<std::string> included_headers(const codegen::KernelSource& source);

}  // namespace bsgen::runtime
