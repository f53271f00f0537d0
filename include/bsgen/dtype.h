// Element types and the architectures that kernels are made for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bsgen/status.h"

namespace bsgen {

// Types of operands and outputs. tf32 tensors are fp32 in memory; the kernel rounds each operand to nearest, ties away,
// before the tensor core. Accumulation is fp32 for all of them.
enum class DType : std::uint8_t { kFp32, kTf32, kFp16, kBf16 };

std::string_view name(DType dtype);                 // "fp32", "tf32", "fp16", "bf16"
Expected<DType> parse_dtype(std::string_view text);  // the same four words
constexpr int size_bytes(DType dtype) { return dtype == DType::kFp32 || dtype == DType::kTf32 ? 4 : 2; }

// A GPU architecture: compute capability times ten and an optional suffix, "sm_80", "sm_90a", "sm_100f".
struct Arch {
  int number = 80;
  char suffix = '\0';  // '\0', 'a' (this chip only) or 'f' (its family)

  static Expected<Arch> parse(std::string_view text);  // "sm_90a"; whether NVRTC knows it is NVRTC's to say
  std::string name() const;                             // "sm_90a"
  std::string virtual_name() const;                     // "compute_90a"

  bool has_bf16() const { return number >= 80; }      // mma.sync with bf16 and tf32 operands
  bool has_cp_async() const { return number >= 80; }  // asynchronous global -> shared copies
  // Shared memory one cta may ask for, bytes (CUDA programming guide, compute capabilities table).
  int max_shared_bytes() const;
  int max_shared_bytes_per_sm() const;

  bool operator==(const Arch&) const = default;
};

}  // namespace bsgen
