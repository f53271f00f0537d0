#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

void put(const CacheFolder& folder, int n, std::int64_t age_seconds) {
  const std::string path = folder.entry(make_key(n));
  write_file(path, write_entry({make_key(n).record, make_image(n), make_about()}));
  const timespec times[2] = {{std::time(nullptr) - age_seconds, 0},
                             {std::time(nullptr) - age_seconds, 0}};
  utimensat(AT_FDCWD, path.c_str(), times, 0);
}
bool there(const CacheFolder& folder, int n) {
  return fs::exists(folder.entry(make_key(n)));
}

}  // namespace

TEST_CASE("pruning_by_size_removes_the_least_recently_used_entries") {
  const CacheFolder folder;
  put(folder, 1, 300);
  put(folder, 2, 100);
  put(folder, 3, 200);
  const std::uint64_t size = fs::file_size(folder.entry(make_key(2)));
  const auto result = prune_cache(folder.str(), {.max_bytes = size + 10});
  REQUIRE(result);
  CHECK(result->removed == 2);
  CHECK(result->kept == 1);
  CHECK(result->kept_bytes == size);
  CHECK((!there(folder, 1) && there(folder, 2) && !there(folder, 3)));
  CHECK(prune_cache(folder.str(), {.max_bytes = 0})->removed == 1);
}

TEST_CASE("pruning_by_age_keeps_what_was_used_since") {
  const CacheFolder folder;
  put(folder, 1, 7200);
  put(folder, 2, 100);
  CHECK(prune_cache(folder.str(), {.older_than_seconds = 3600})->removed == 1);
  CHECK((!there(folder, 1) && there(folder, 2)));
}

TEST_CASE("a_disk_hit_renews_the_time_of_an_old_entry") {
  const CacheFolder folder;
  put(folder, 1, 7200);
  KernelStore store({.directory = folder.str()});
  REQUIRE(store.get(make_key(1), make_about(), []() -> Expected<KernelImage> {
    return Status(ErrorCode::kInternal, "not on disk");
  }));
  CHECK(list_cache(folder.str(), false)->entries.at(0).age_seconds < 60);
}

TEST_CASE("what_dead_writers_left_behind_is_swept_and_what_living_ones_write_is_not") {
  const CacheFolder folder;
  write_file(folder.path / "v1/tmp/old", "x");
  write_file(folder.path / "v1/tmp/new", "x");
  const timespec times[2] = {{std::time(nullptr) - 7200, 0}, {std::time(nullptr) - 7200, 0}};
  utimensat(AT_FDCWD, (folder.path / "v1/tmp/old").c_str(), times, 0);
  CHECK(prune_cache(folder.str(), {}));
  CHECK(!fs::exists(folder.path / "v1/tmp/old"));
  CHECK(fs::exists(folder.path / "v1/tmp/new"));
}

TEST_CASE("clearing_removes_the_cache_s_files_and_no_others") {
  const CacheFolder folder;
  put(folder, 1, 0);
  put(folder, 2, 0);
  write_file(folder.path / "quarantine/x.0", "x");
  write_file(folder.path / "counters", "compiles 3\n");
  write_file(folder.path / "my-notes.txt", "x");
  write_file(folder.path / "v1/README", "x");
  const auto result = clear_cache(folder.str());
  REQUIRE(result);
  CHECK(result->removed == 2);
  CHECK(fs::exists(folder.path / "my-notes.txt"));
  CHECK(fs::exists(folder.path / "v1/README"));
  const auto stats = cache_stats(folder.str());
  CHECK((stats->entries == 0 && stats->compiles == 0));
  CHECK(list_cache(folder.str(), true)->quarantined.empty());
}

TEST_CASE("listing_tells_sound_damaged_renamed_and_later_entries_apart_and_changes_nothing") {
  const CacheFolder folder;
  put(folder, 1, 0);
  write_file(folder.entry(make_key(2)), "damaged");
  write_file(folder.entry(make_key(3)),
             write_entry({make_key(1).record, make_image(1), make_about()}));
  write_file(folder.path / "quarantine/abc.0", "x");
  write_file(folder.path / "v1/ab/not-an-entry", "x");
  const auto listing = list_cache(folder.str(), true);
  REQUIRE(listing);
  CHECK(listing->entries.size() == 3);
  for (const auto& item : listing->entries) {
    const bool sound = item.key == make_key(1).hex();
    CHECK((item.state == EntryState::kSound) == sound);
    CHECK(item.why.empty() == sound);
    if (sound) CHECK(*item.meta.find("entry") == "kernel_1");
  }
  CHECK(listing->quarantined == std::vector<std::string>{"abc.0"});
  CHECK(there(folder, 2));
}

TEST_CASE("a_cache_folder_that_does_not_exist_is_empty") {
  const CacheFolder folder;
  CHECK(list_cache(folder.str(), true)->entries.empty());
  CHECK(cache_stats(folder.str())->entries == 0);
  CHECK(clear_cache(folder.str())->removed == 0);
  CHECK(prune_cache(folder.str(), {.max_bytes = 0})->removed == 0);
  CHECK(!fs::exists(folder.path));
}
