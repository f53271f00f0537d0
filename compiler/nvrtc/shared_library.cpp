#include "compiler/nvrtc/shared_library.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

#include "compiler/nvrtc/build_id.h"

namespace bsgen::nvrtc {

Expected<SharedLibrary> SharedLibrary::open(const std::string& path) {
  SharedLibrary library;
  library.handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library.handle_) {
    const char* why = dlerror();
    return Status(ErrorCode::kMissing, why ? why : path + " cannot be opened");
  }
  link_map* map = nullptr;
  if (dlinfo(library.handle_, RTLD_DI_LINKMAP, &map) != 0 || !map)
    return Status(ErrorCode::kMissing, path + " cannot be inspected");
  std::error_code error;
  library.path_ = std::filesystem::canonical(map->l_name, error).string();
  if (error) library.path_ = map->l_name;
  library.build_id_ = build_of_file(library.path_);
  return library;
}

void* SharedLibrary::symbol(const char* name) const {
  return dlsym(handle_, name);
}

}  // namespace bsgen::nvrtc
