// Toolchain: the function tables of one release's libnvrtc and libnvJitLink. Internal to
// compiler/nvrtc.
//
// The few types of the two libraries are declared here, so that bsgen builds where there is no CUDA
// toolkit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "compiler/nvrtc/compile.h"

namespace bsgen::nvrtc {

using NvrtcResult = int;
using NvrtcProgram = struct NvrtcProgramTag*;
inline constexpr NvrtcResult kNvrtcInvalidOption = 5;
inline constexpr NvrtcResult kNvrtcBuiltinFailure = 7;

struct NvrtcApi {
#define BSGEN_NVRTC_FUNCTION(result, name, parameters) result(*name) parameters = nullptr;
#include "compiler/nvrtc/nvrtc_api.def"
#undef BSGEN_NVRTC_FUNCTION
};

using NvJitLinkResult = int;
using NvJitLinkHandle = struct NvJitLinkTag*;
enum NvJitLinkInput : int { kNvJitLinkInputPtx = 2 };

struct NvJitLinkApi {
#define BSGEN_NVJITLINK_FUNCTION(result, name, parameters) result(*name) parameters = nullptr;
#include "compiler/nvrtc/nvjitlink_api.def"
#undef BSGEN_NVJITLINK_FUNCTION
};

class Toolchain {
 public:
  ToolchainInfo info;
  NvrtcApi nvrtc;
  NvJitLinkApi nvjitlink;  // all null where info.nvjitlink_major is 0

  bool has_nvjitlink() const { return info.nvjitlink_major != 0; }
};

// What goes together: NVRTC of 12.4 or newer, nvJitLink (if any) not older than NVRTC. kMissing
// names the versions.
Status check_versions(const ToolchainInfo& info);

}  // namespace bsgen::nvrtc
