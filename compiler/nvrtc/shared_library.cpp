#include "compiler/nvrtc/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "compiler/support/hash.h"

namespace bsgen::nvrtc {
namespace {

std::string hex(const unsigned char* bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

// The NT_GNU_BUILD_ID note in a mapped PT_NOTE segment: name size, description size, type, then both padded to 4.
std::string build_id_in(const unsigned char* at, std::size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t name = (note.n_namesz + 3u) & ~3u, text = (note.n_descsz + 3u) & ~3u;
    if (sizeof note + name + text > size) return {};
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(at + sizeof note, "GNU", 4) == 0)
      return hex(at + sizeof note + name, note.n_descsz);
    at += sizeof note + name + text;
    size -= sizeof note + name + text;
  }
  return {};
}

struct Wanted {
  ElfW(Addr) base;
  std::string build_id;
};

std::string mapped_build_id(const link_map& library) {
  Wanted wanted{library.l_addr, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        Wanted& wanted = *static_cast<Wanted*>(data);
        if (info->dlpi_addr != wanted.base) return 0;
        for (int i = 0; i < info->dlpi_phnum && wanted.build_id.empty(); ++i)
          if (const auto& segment = info->dlpi_phdr[i]; segment.p_type == PT_NOTE)
            wanted.build_id = build_id_in(reinterpret_cast<const unsigned char*>(info->dlpi_addr + segment.p_vaddr), segment.p_memsz);
        return 1;
      },
      &wanted);
  return wanted.build_id;
}

// For a library without a build-id: its size and a hash of its first and last 256 KiB (headers, symbols, section table).
std::string file_identity(const std::string& path) {
  constexpr std::streamoff kEnds = 256 * 1024;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  std::string ends(static_cast<std::size_t>(std::min(size, 2 * kEnds)), '\0');
  const std::streamoff head = std::min(size, kEnds), tail = static_cast<std::streamoff>(ends.size()) - head;
  file.seekg(0).read(ends.data(), head);
  file.seekg(size - tail).read(ends.data() + head, tail);
  return fmt::format("{}-{}", size, hash_text(ends).hex());
}

}  // namespace

Expected<SharedLibrary> SharedLibrary::open(const std::string& path) {
  SharedLibrary library;
  library.handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library.handle_) {
    const char* why = dlerror();
    return Status(ErrorCode::kMissing, why ? why : path + " cannot be opened");
  }
  link_map* map = nullptr;
  if (dlinfo(library.handle_, RTLD_DI_LINKMAP, &map) != 0 || !map) return Status(ErrorCode::kMissing, path + " cannot be inspected");
  std::error_code error;
  library.path_ = std::filesystem::canonical(map->l_name, error).string();
  if (error) library.path_ = map->l_name;
  library.build_id_ = mapped_build_id(*map);
  if (library.build_id_.empty()) library.build_id_ = file_identity(library.path_);
  return library;
}

void* SharedLibrary::symbol(const char* name) const { return dlsym(handle_, name); }

}  // namespace bsgen::nvrtc
