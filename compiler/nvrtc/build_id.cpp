#include "compiler/nvrtc/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <mutex>

#include "compiler/support/fork_safe_mutex.h"
#include "compiler/support/hash.h"
#include "compiler/support/made_once.h"

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

std::string read_build(const std::string& path) {
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

// What a file is recognised by without opening it: device, inode, size, times of its contents and of its inode.
std::string stamp_of(const struct stat& facts) {
  return fmt::format("{} {} {} {}.{:09} {}.{:09}", facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec,
                     facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec);
}

// A file that changed this moment may change again without its times telling.
bool settled(const struct stat& facts) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return (now.tv_sec - facts.st_ctim.tv_sec) * 1000 + (now.tv_nsec - facts.st_ctim.tv_nsec) / 1000000 > 100;
}

struct Known {
  std::string stamp, build;
};
struct Memory {
  ForkSafeMutex mutex;
  std::map<std::string, Known> by_path;
};
constinit MadeOnce<Memory> memory;  // kernels may still be requested while static objects are being destroyed

// Takes the text up to `end` (and `end`) off the front.
std::string_view take(std::string_view& text, char end) {
  const auto at = text.find(end);
  const std::string_view front = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return front;
}

}  // namespace

std::string build_of_file(const std::string& path) {
  struct stat facts;
  if (stat(path.c_str(), &facts) != 0) return {};
  const std::string stamp = stamp_of(facts);
  Memory& known = memory.get();
  {
    const std::lock_guard lock(known.mutex);
    if (const auto it = known.by_path.find(path); it != known.by_path.end() && it->second.stamp == stamp) return it->second.build;
  }
  std::string build = read_build(path);
  if (!build.empty() && settled(facts)) {
    const std::lock_guard lock(known.mutex);
    known.by_path[path] = {stamp, build};
  }
  return build;
}

std::string remembered_builds() {
  Memory& known = memory.get();
  const std::lock_guard lock(known.mutex);
  std::string text;
  for (const auto& [path, file] : known.by_path)
    if (path.find('\n') == std::string::npos) text += fmt::format("{}\t{}\t{}\n", file.stamp, file.build, path);
  return text;
}

void remember_builds(std::string_view text) {
  Memory& known = memory.get();
  const std::lock_guard lock(known.mutex);
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view stamp = take(line, '\t'), build = take(line, '\t');
    if (!build.empty() && !line.empty()) known.by_path.try_emplace(std::string(line), Known{std::string(stamp), std::string(build)});
  }
}

}  // namespace bsgen::nvrtc
