// The bound on a folder's bytes, kept by those who write to it.
#include "runtime/cache/size_bound.h"

#include <fcntl.h>

#include <thread>

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

std::uint64_t entry_bytes() {
  return write_entry({make_key(1).record, make_image(1), make_about()}).size();
}

void make_old(const std::string& path, int seconds) {
  const timespec times[2] = {{std::time(nullptr) - seconds, 0}, {std::time(nullptr) - seconds, 0}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

void ask(const CacheFolder& folder, int n, std::uint64_t bytes, std::uint64_t* evicted = nullptr) {
  KernelStore store({.memory = false, .directory = folder.str(), .disk_bytes = bytes});
  REQUIRE(store.get(make_key(n), make_about(), [n]() -> Expected<KernelImage> { return make_image(n); }));
  if (evicted) *evicted += store.counts().evicted;
}

// As if the last count had been so long ago.
void count_again(const CacheFolder& folder) {
  fs::remove(folder.path / "size");
}

}  // namespace

TEST_CASE("the_least_recently_used_entries_go_when_a_writer_passes_the_bound") {
  const CacheFolder folder;
  const std::uint64_t bound = 10 * (entry_bytes() + 8);
  for (int n = 0; n < 10; ++n) {
    ask(folder, n, bound);
    make_old(folder.entry(make_key(n)), 10000 - 100 * n);
  }
  make_old(folder.entry(make_key(0)), 90);  // the first was used last
  count_again(folder);
  std::uint64_t evicted = 0;
  ask(folder, 10, bound, &evicted);
  CHECK(evicted == 2);  // down to nine tenths
  CHECK(!fs::exists(folder.entry(make_key(1))));
  CHECK(!fs::exists(folder.entry(make_key(2))));
  for (int n : {0, 3, 4, 5, 6, 7, 8, 9, 10}) CHECK(fs::exists(folder.entry(make_key(n))));
  CHECK(cache_stats(folder.str())->bytes <= bound);
  CHECK(cache_stats(folder.str())->evicted == 2);
}

TEST_CASE("an_entry_younger_than_a_minute_is_never_evicted") {
  const CacheFolder folder;
  for (int n = 0; n < 5; ++n) {
    count_again(folder);
    ask(folder, n, 1);
  }
  for (int n = 0; n < 5; ++n) CHECK(fs::exists(folder.entry(make_key(n))));
}

TEST_CASE("a_folder_within_its_bound_is_counted_once_and_not_for_every_entry") {
  const CacheFolder folder;
  ask(folder, 1, 1 << 20);
  write_file(folder.entry(make_key(2)), "a file that no writer told of");
  const std::string before = read_file(folder.path / "size");
  ask(folder, 3, 1 << 20);
  const std::string after = read_file(folder.path / "size");
  CHECK(before.substr(0, 26) == fmt::format("bytes {:020}", entry_bytes()));
  CHECK(after.substr(0, 26) == fmt::format("bytes {:020}", 2 * entry_bytes()));
  CHECK(before.substr(26) == after.substr(26));  // the time of the count
}

TEST_CASE("a_ledger_that_is_damaged_foreign_or_from_the_future_is_counted_anew") {
  for (const std::string text : {"", "bytes", "bytes 1 counted x\n", "bytes 99999999999999999999 counted 1\n",
                                 "bytes 00000000000000000001 counted 00000009999999999999\n", "\xff\xfe"}) {
    const CacheFolder folder;
    ask(folder, 1, 1 << 20);
    write_file(folder.path / "size", text);
    ask(folder, 2, 1 << 20);
    CHECK(read_file(folder.path / "size").substr(0, 26) == fmt::format("bytes {:020}", 2 * entry_bytes()));
  }
}

TEST_CASE("eviction_passes_over_what_is_not_an_entry") {
  const CacheFolder folder;
  ask(folder, 1, 1 << 20);
  make_old(folder.entry(make_key(1)), 1000);
  const fs::path shelf = fs::path(folder.entry(make_key(1))).parent_path();
  write_file(shelf / "notes.txt", std::string(10000, 'x'));
  write_file(folder.path / "v1/zz/file", std::string(10000, 'x'));
  fs::create_directories(shelf / std::string(62, 'a'));  // named like an entry
  write_file(folder.path / "v1/tmp/left", "by a writer who died");
  make_old((folder.path / "v1/tmp/left").string(), 4000);
  for (const fs::path& path : {shelf / "notes.txt", shelf / std::string(62, 'a')}) make_old(path.string(), 1000);
  count_again(folder);
  ask(folder, 2, 1);
  CHECK(!fs::exists(folder.entry(make_key(1))));
  CHECK(fs::exists(folder.entry(make_key(2))));
  CHECK(fs::exists(shelf / "notes.txt"));
  CHECK(fs::exists(folder.path / "v1/zz/file"));
  CHECK(!fs::exists(folder.path / "v1/tmp/left"));
}

TEST_CASE("writers_of_many_processes_stay_within_the_bound_together") {
  const CacheFolder folder;
  const std::uint64_t bound = 20 * (entry_bytes() + 8);
  fs::create_directories(folder.path);
  fs::permissions(folder.path, fs::perms::owner_all);
  for (int n = 0; n < 20; ++n) {
    ask(folder, n, bound);
    make_old(folder.entry(make_key(n)), 1000);
  }
  count_again(folder);
  std::vector<pid_t> children;
  for (int p = 0; p < 4; ++p) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0; i < 4; ++i) ask(folder, 100 + 4 * p + i, bound);
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  count_again(folder);
  ask(folder, 200, bound);
  CHECK(cache_stats(folder.str())->bytes <= bound);
  for (int n = 100; n < 116; ++n) CHECK(fs::exists(folder.entry(make_key(n))));
}
