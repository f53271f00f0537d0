// A libnvrtc of the version in FAKE_NVRTC_VERSION ("99.1"), which knows two architectures and
// compiles nothing.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

using NvrtcResult = int;
using NvrtcProgram = struct NvrtcProgramTag*;

// Every function that bsgen binds, declared as it will be called.
extern "C" {
#define BSGEN_NVRTC_FUNCTION(result, name, parameters) result name parameters;
#include "compiler/nvrtc/nvrtc_api.def"
#undef BSGEN_NVRTC_FUNCTION

const char* nvrtcGetErrorString(NvrtcResult) {
  return "FAKE_ERROR";
}
NvrtcResult nvrtcVersion(int* major, int* minor) {
  const char* version = std::getenv("FAKE_NVRTC_VERSION");
  return version && std::sscanf(version, "%d.%d", major, minor) == 2 ? 0 : 1;
}
NvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  return *count = 2, 0;
}
NvrtcResult nvrtcGetSupportedArchs(int* architectures) {
  return architectures[0] = 80, architectures[1] = 90, 0;
}
NvrtcResult nvrtcCreateProgram(NvrtcProgram*, const char*, const char*, int, const char* const*,
                               const char* const*) {
  return 1;
}
NvrtcResult nvrtcDestroyProgram(NvrtcProgram*) {
  return 0;
}
NvrtcResult nvrtcCompileProgram(NvrtcProgram, int, const char* const*) {
  return 1;
}
NvrtcResult nvrtcGetPTXSize(NvrtcProgram, std::size_t*) {
  return 1;
}
NvrtcResult nvrtcGetPTX(NvrtcProgram, char*) {
  return 1;
}
NvrtcResult nvrtcGetProgramLogSize(NvrtcProgram, std::size_t*) {
  return 1;
}
NvrtcResult nvrtcGetProgramLog(NvrtcProgram, char*) {
  return 1;
}
}
