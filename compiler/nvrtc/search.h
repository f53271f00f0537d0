// Where CUDA's libraries and tools may lie on this machine. Internal to compiler/nvrtc.
#pragma once

#include <string>
#include <vector>

namespace bsgen::nvrtc {

// Folders that may hold libnvrtc, most wanted first. A root is looked at in every shape that
// toolkits and wheels have: itself, lib, lib64, targets/*/lib, [nvidia/]cu13/lib,
// [nvidia/]cuda_nvrtc/lib.
std::vector<std::string> library_folders(const std::string& cuda_dir);
// The same for nvdisasm: bin of a toolkit, [nvidia/]cu13/bin, [nvidia/]cuda_nvcc/bin, then PATH.
std::vector<std::string> tool_folders(const std::string& cuda_dir);
// The roots themselves, in words, for messages.
std::vector<std::string> search_places(const std::string& cuda_dir);

// The file in `folder` named `stem` + digits ("libnvrtc.so." 13) with the highest number; empty if
// none.
std::string highest_version(const std::string& folder, const std::string& stem);
std::string lowest_version(const std::string& folder, const std::string& stem);

}  // namespace bsgen::nvrtc
