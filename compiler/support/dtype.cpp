#include "bsgen/dtype.h"

#include <fmt/format.h>

#include <charconv>

namespace bsgen {

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::kFp32: return "fp32";
    case DType::kTf32: return "tf32";
    case DType::kFp16: return "fp16";
    case DType::kBf16: return "bf16";
  }
  return "?";
}

Expected<DType> parse_dtype(std::string_view text) {
  for (DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16})
    if (text == name(dtype)) return dtype;
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("dtype: \"{}\" is none of fp32, tf32, fp16, bf16", text));
}

Expected<Arch> Arch::parse(std::string_view text) {
  const auto refuse = [&] {
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("arch: \"{}\" is not an architecture; write sm_80, sm_90a, sm_100f", text));
  };
  if (text.substr(0, 3) != "sm_") return refuse();
  Arch arch;
  const char* begin = text.data() + 3;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, arch.number);
  if (error != std::errc() || rest == begin || *begin == '-' || arch.number > 9999) return refuse();
  if (end - rest > 1) return refuse();
  if (rest != end) {
    if (*rest != 'a' && *rest != 'f') return refuse();
    arch.suffix = *rest;
  }
  if (arch.number < 75)
    return Status(ErrorCode::kUnsupported,
                  fmt::format("arch: {} is older than sm_75, the first that bsgen makes kernels for", text));
  return arch;
}

std::string Arch::name() const {
  return suffix ? fmt::format("sm_{}{}", number, suffix) : fmt::format("sm_{}", number);
}
std::string Arch::virtual_name() const { return "compute_" + name().substr(3); }

int Arch::max_shared_bytes() const {
  switch (number) {
    case 75: return 64 * 1024;
    case 80: case 87: return 163 * 1024;
    case 90: case 100: case 103: case 110: return 227 * 1024;
    default: return 99 * 1024;  // 86, 88, 89, 120, 121 and whatever comes: the least of the newer ones
  }
}

int Arch::max_shared_bytes_per_sm() const {
  switch (number) {
    case 75: return 64 * 1024;
    case 80: case 87: return 164 * 1024;
    case 90: case 100: case 103: case 110: return 228 * 1024;
    default: return 100 * 1024;
  }
}

}  // namespace bsgen
