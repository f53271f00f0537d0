// A libnvJitLink of the version in FAKE_NVJITLINK_VERSION, which links nothing.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

using NvJitLinkResult = int;
using NvJitLinkHandle = struct NvJitLinkTag*;
enum NvJitLinkInput : int {};

extern "C" {
#define BSGEN_NVJITLINK_FUNCTION(result, name, parameters) result name parameters;
#include "compiler/nvrtc/nvjitlink_api.def"
#undef BSGEN_NVJITLINK_FUNCTION

NvJitLinkResult nvJitLinkVersion(unsigned* major, unsigned* minor) {
  const char* version = std::getenv("FAKE_NVJITLINK_VERSION");
  return version && std::sscanf(version, "%u.%u", major, minor) == 2 ? 0 : 1;
}
NvJitLinkResult nvJitLinkCreate(NvJitLinkHandle*, std::uint32_t, const char**) {
  return 1;
}
NvJitLinkResult nvJitLinkDestroy(NvJitLinkHandle*) {
  return 0;
}
NvJitLinkResult nvJitLinkAddData(NvJitLinkHandle, NvJitLinkInput, const void*, std::size_t,
                                 const char*) {
  return 1;
}
NvJitLinkResult nvJitLinkComplete(NvJitLinkHandle) {
  return 1;
}
NvJitLinkResult nvJitLinkGetErrorLogSize(NvJitLinkHandle, std::size_t*) {
  return 1;
}
NvJitLinkResult nvJitLinkGetErrorLog(NvJitLinkHandle, char*) {
  return 1;
}
NvJitLinkResult nvJitLinkGetInfoLogSize(NvJitLinkHandle, std::size_t*) {
  return 1;
}
NvJitLinkResult nvJitLinkGetInfoLog(NvJitLinkHandle, char*) {
  return 1;
}
NvJitLinkResult nvJitLinkGetLinkedCubinSize(NvJitLinkHandle, std::size_t*) {
  return 1;
}
NvJitLinkResult nvJitLinkGetLinkedCubin(NvJitLinkHandle, void*) {
  return 1;
}
}
