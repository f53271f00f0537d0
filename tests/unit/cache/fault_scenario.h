// One life of a store that passes every kind of change to a folder: it finds damage, renews an entry's time, evicts,
// publishes, counts. What faults are injected into.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "compiler/nvrtc/build_id.h"
#include "tests/support/file_faults/file_faults.h"
#include "tests/unit/cache/cache_fixture.h"

namespace bsgen::test {

inline constexpr int kScenarioKeys = 5;

inline void set_age(const std::string& path, int seconds) {
  const timespec times[2] = {{std::time(nullptr) - seconds, 0}, {std::time(nullptr) - seconds, 0}};
  utimensat(AT_FDCWD, path.c_str(), times, 0);
}

inline std::string sound_entry(int n) {
  return write_entry({make_key(n).record, make_image(n), make_about()});
}

// Key 1 is damaged, 2 was used two hours ago, 4 and 5 still longer ago, 3 is not there; nothing is counted yet.
inline void set_scene(const CacheFolder& folder) {
  for (int n : {1, 2, 4, 5}) write_file(folder.entry(make_key(n)), n == 1 ? sound_entry(n).substr(0, 100) : sound_entry(n));
  fs::permissions(folder.path, fs::perms::owner_all);
  set_age(folder.entry(make_key(2)), 7200);
  set_age(folder.entry(make_key(4)), 8000);
  set_age(folder.entry(make_key(5)), 9000);
}

// Asks for keys 1 to 3. How many answers were wrong; an error is one.
inline int live(const CacheFolder& folder, Log& log, std::uint64_t disk_bytes = 1) {
  int wrong = 0;
  nvrtc::build_of_file("/proc/self/exe");  // something to remember
  KernelStore store({.memory = false, .directory = folder.str(), .disk_bytes = disk_bytes, .logger = log.logger()});
  for (const int n : {2, 1, 3}) {
    const auto result = store.get(make_key(n), make_about(), [n]() -> Expected<KernelImage> { return make_image(n); });
    wrong += !result || !(*result->image == make_image(n));
  }
  return wrong;
}

// A later process without faults: right answers, and all of them from disk the second time. What is wrong, in words.
inline std::string recovers(const CacheFolder& folder) {
  for (int life = 1; life <= 2; ++life) {
    Log log;
    KernelStore store({.memory = false, .directory = folder.str(), .logger = log.logger()});
    for (int n = 1; n <= kScenarioKeys; ++n) {
      const auto result = store.get(make_key(n), make_about(), [n]() -> Expected<KernelImage> { return make_image(n); });
      if (!result || !(*result->image == make_image(n))) return fmt::format("key {} is wrong in life {}", n, life);
      if (life == 2 && result->origin != KernelOrigin::kDisk) return fmt::format("key {} is lost for good", n);
    }
    for (const std::string& line : log.lines)
      if (life == 2 || line.find("is damaged") == std::string::npos || line.find(make_key(1).hex().substr(2)) == std::string::npos)
        return fmt::format("life {} warned: {}", life, line);
  }
  const auto listing = list_cache(folder.str(), true);
  if (!listing || listing->entries.size() != kScenarioKeys) return "not every entry is there";
  for (const auto& item : listing->entries)
    if (item.state != EntryState::kSound) return "entry " + item.key + ": " + item.why;
  for (const Named& left : contents(arrivals_directory(folder.str()))) set_age(left.path, 3700);
  if (!prune_cache(folder.str(), {.max_bytes = 1 << 30}) || !contents(arrivals_directory(folder.str())).empty())
    return "what a dead writer left is not reclaimed";
  return "";
}

}  // namespace bsgen::test
