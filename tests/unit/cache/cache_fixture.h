// A folder of its own for each test, kernels that no compiler made, and a logger that remembers.
#pragma once

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/cache/cache_files.h"
#include "runtime/cache/counters.h"
#include "runtime/cache/kernel_store.h"
#include "tests/support/catch.h"

namespace bsgen::test {

namespace fs = std::filesystem;
using namespace bsgen::runtime;

struct CacheFolder {
  fs::path path =
      fs::temp_directory_path() / ("bsgen-cache-" + std::to_string(std::random_device{}()) +
                                   std::to_string(std::random_device{}()));
  CacheFolder() { umask(022); }  // folders that tests make themselves are trusted wherever they run
  ~CacheFolder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  std::string str() const { return path.string(); }
  std::string entry(const KernelKey& key) const { return entry_path(path.string(), key.hex()); }
  std::size_t quarantined() const {
    std::error_code error;
    std::size_t count = 0;
    for (fs::directory_iterator it(path / "quarantine", error), end; !error && it != end; ++it)
      ++count;
    return count;
  }
};

struct Log {
  std::mutex mutex;
  std::vector<std::string> lines;
  Logger logger() {
    return [this](LogLevel level, std::string_view text) {
      const std::lock_guard lock(mutex);
      lines.push_back((level == LogLevel::kWarning ? "" : "not a warning: ") + std::string(text));
    };
  }
};

inline KernelKey make_key(int n) {
  Record record;
  record.add("schema", kKeySchema);
  record.add("source sha256", sha256(std::to_string(n)).hex());
  return KernelKey(std::move(record));
}

inline KernelImage make_image(int n) {
  KernelImage image;
  image.arch = {.number = 90, .suffix = 'a'};
  image.entry = "kernel_" + std::to_string(n);
  image.ptx = ".visible .entry kernel_" + std::to_string(n) + "()\n";
  for (int i = 0; i < 64; ++i) image.cubin.push_back(static_cast<std::byte>(i * n));
  image.resources = {.registers = 40 + n,
                     .shared_bytes = 256,
                     .spill_bytes = 8,
                     .local_bytes = 16,
                     .code_bytes = 1024};
  image.nvrtc_ms = 12.345678901234567;
  image.assemble_ms = 0.1;
  return image;
}

inline Record make_about() {
  Record about;
  about.add("op", "fprop");
  return about;
}

inline std::string read_file(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}
inline void write_file(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Runs `work` as user nobody in a child process; its result is the exit status. -1: this process
// may not change its user.
template <class Work>
int as_nobody(Work work) {
  if (geteuid() != 0) return -1;
  const pid_t child = fork();
  if (child == 0) _exit(setgid(65534) != 0 || setuid(65534) != 0 ? 99 : work());
  int state = 0;
  waitpid(child, &state, 0);
  return WIFEXITED(state) ? WEXITSTATUS(state) : 98;
}

}  // namespace bsgen::test
