// SharedLibrary: a library opened with dlopen, and which build of it that is. Internal to
// compiler/nvrtc.
#pragma once

#include <string>

#include "bsgen/status.h"

namespace bsgen::nvrtc {

class SharedLibrary {
 public:
  // Stays open for the life of the process: code of NVRTC may run in its own threads and at exit.
  static Expected<SharedLibrary> open(const std::string& path);

  void* symbol(const char* name) const;
  const std::string& path() const {
    return path_;
  }  // of the file that was mapped, symbolic links followed
  const std::string& build_id() const { return build_id_; }  // build_of_file() of the path

 private:
  void* handle_ = nullptr;
  std::string path_, build_id_;
};

}  // namespace bsgen::nvrtc
