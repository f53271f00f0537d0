#include "compiler/nvrtc/shared_library.h"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "compiler/support/hash.h"

namespace bsgen::nvrtc {
namespace {

#if defined(__x86_64__)
constexpr ElfW(Half) kThisMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr ElfW(Half) kThisMachine = EM_AARCH64;
#else
#error "CUDA has no libraries for this machine"
#endif

std::string hex(const unsigned char* bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

// The NT_GNU_BUILD_ID note of a PT_NOTE segment: name size, description size, type, then both
// padded to 4.
std::string build_id_in(const unsigned char* at, std::size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t name = (std::size_t{note.n_namesz} + 3) & ~std::size_t{3},
                      text = (std::size_t{note.n_descsz} + 3) & ~std::size_t{3};
    if (sizeof note + name + text > size) return {};
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(at + sizeof note, "GNU", 4) == 0)
      return hex(at + sizeof note + name, note.n_descsz);
    at += sizeof note + name + text;
    size -= sizeof note + name + text;
  }
  return {};
}

// For a library without a build-id: its size and a hash of its first and last 256 KiB (headers,
// symbols, section table).
std::string file_identity(const std::string& path) {
  constexpr std::streamoff kEnds = 256 * 1024;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  std::string ends(static_cast<std::size_t>(std::min(size, 2 * kEnds)), '\0');
  const std::streamoff head = std::min(size, kEnds),
                       tail = static_cast<std::streamoff>(ends.size()) - head;
  file.seekg(0).read(ends.data(), head);
  file.seekg(size - tail).read(ends.data() + head, tail);
  return fmt::format("{}-{}", size, hash_text(ends).hex());
}

}  // namespace

std::string build_of_file(const std::string& path) {
  constexpr std::size_t kMostNoteBytes = 4096, kMostSegments = 256;
  std::ifstream file(path, std::ios::binary);
  ElfW(Ehdr) header{};
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!file || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_machine != kThisMachine || header.e_type != ET_DYN)
    return {};
  for (std::size_t i = 0; i < header.e_phnum && i < kMostSegments; ++i) {
    ElfW(Phdr) segment{};
    file.seekg(static_cast<std::streamoff>(header.e_phoff + i * sizeof segment))
        .read(reinterpret_cast<char*>(&segment), sizeof segment);
    if (!file) return {};
    if (segment.p_type != PT_NOTE) continue;
    std::string note(std::min<std::size_t>(segment.p_filesz, kMostNoteBytes), '\0');
    file.seekg(static_cast<std::streamoff>(segment.p_offset))
        .read(note.data(), static_cast<std::streamsize>(note.size()));
    if (!file) return {};
    if (std::string id =
            build_id_in(reinterpret_cast<const unsigned char*>(note.data()), note.size());
        !id.empty())
      return id;
  }
  return file_identity(path);
}

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
