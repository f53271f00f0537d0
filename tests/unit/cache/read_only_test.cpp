// Lower tiers: folders that somebody else fills and this process only reads.
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <map>

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

// Everything that a write, a lock or a read could have left in a folder: names, bytes and every time.
std::map<std::string, std::string> traces(const fs::path& folder) {
  std::map<std::string, std::string> found;
  struct stat facts;
  const auto add = [&](const fs::path& path) {
    REQUIRE(lstat(path.c_str(), &facts) == 0);
    std::string all = fmt::format("{} {}", facts.st_mode, facts.st_size);
    for (const timespec& time : {facts.st_atim, facts.st_mtim, facts.st_ctim}) all += fmt::format(" {}.{}", time.tv_sec, time.tv_nsec);
    found[path.string()] = all;
  };
  add(folder);
  for (const auto& item : fs::recursive_directory_iterator(folder)) add(item.path());
  for (const auto& [path, all] : found) {  // reading the folders just now may have renewed their own times
    struct stat now;
    REQUIRE(lstat(path.c_str(), &now) == 0);
    if (S_ISDIR(now.st_mode)) found[path] = fmt::format("{}.{}", now.st_mtim.tv_sec, now.st_mtim.tv_nsec);
  }
  return found;
}

// A lower tier with kernel `n` in it, which was last read long ago.
void fill(const fs::path& folder, int n) {
  const std::string path = entry_path(folder.string(), make_key(n).hex());
  write_file(path, write_entry({make_key(n).record, make_image(n), make_about()}));
  fs::permissions(folder, fs::perms::owner_all);
  const timespec long_ago[2] = {{1000000, 0}, {2000000, 0}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), long_ago, 0) == 0);
}

Expected<KernelStore::Result> ask(KernelStore& store, int n) {
  return store.get(make_key(n), make_about(), [n]() -> Expected<KernelImage> { return make_image(n); });
}

}  // namespace

TEST_CASE("a_hit_in_a_read_only_cache_leaves_no_trace_in_any_folder") {
  const CacheFolder upper, lower;
  fill(lower.path, 1);
  const auto before = traces(lower.path);
  Log log;
  {
    KernelStore store({.memory = false, .directory = upper.str(), .read_only_directories = {lower.str()}, .logger = log.logger()});
    for (int i = 0; i < 3; ++i) {
      const auto result = ask(store, 1);
      REQUIRE(result);
      CHECK(result->origin == KernelOrigin::kDisk);
      CHECK(*result->image == make_image(1));
    }
    CHECK(store.counts().hits_read_only == 3);
    CHECK(store.counts().hits_disk == 0);
  }
  CHECK(traces(lower.path) == before);
  CHECK(!fs::exists(upper.path));
  CHECK(log.lines.empty());
}

TEST_CASE("read_only_caches_are_asked_in_order_after_the_own_folder") {
  const CacheFolder upper, first, second;
  fill(first.path, 1);
  fill(second.path, 1);
  fill(second.path, 2);
  Log log;
  KernelStore store(
      {.memory = false, .directory = upper.str(), .read_only_directories = {first.str(), second.str()}, .logger = log.logger()});
  REQUIRE(ask(store, 3));  // nowhere: compiled, and kept above
  CHECK(ask(store, 3)->origin == KernelOrigin::kDisk);
  write_file(first.path / "v1/xx", "foreign");
  write_file(entry_path(first.str(), make_key(1).hex()), "damaged, so that the second must answer");
  CHECK(ask(store, 1)->origin == KernelOrigin::kDisk);
  CHECK(ask(store, 2)->origin == KernelOrigin::kDisk);
  CHECK(store.counts().hits_read_only == 2);
  CHECK(store.counts().hits_disk == 1);
  CHECK(store.counts().corrupt == 1);
  CHECK(!fs::exists(first.path / "quarantine"));
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0] == "cache: " + entry_path(first.str(), make_key(1).hex()) +
                            " is damaged: 39 bytes are less than any entry has; the kernel is looked for elsewhere");
}

TEST_CASE("a_read_only_cache_that_others_may_write_to_is_refused_with_one_warning") {
  const CacheFolder upper, lower;
  fill(lower.path, 1);
  fill(lower.path, 2);
  fs::permissions(lower.path, fs::perms::all);
  const auto origins = [&](Trust trust, std::size_t warnings) {
    const CacheFolder own;
    Log log;
    KernelStore store({.directory = own.str(), .read_only_directories = {lower.str()}, .trust = trust, .logger = log.logger()});
    const KernelOrigin first = ask(store, 1)->origin, second = ask(store, 2)->origin;
    CHECK(log.lines.size() == warnings);
    if (warnings)
      CHECK(log.lines[0] ==
            "cache: the read-only " + lower.str() + " cannot be used: everybody may write to it (chmod o-w); kernels are looked for elsewhere");
    return std::pair(first, second);
  };
  CHECK(origins(Trust::kOwn, 1) == std::pair(KernelOrigin::kCompiled, KernelOrigin::kCompiled));
  CHECK(origins(Trust::kShared, 0) == std::pair(KernelOrigin::kDisk, KernelOrigin::kDisk));
}

TEST_CASE("root_s_cache_is_read_by_every_user_and_another_user_s_by_none") {
  const CacheFolder root, foreign;
  fill(root.path, 1);
  fill(foreign.path, 1);
  if (as_nobody([] { return 0; }) != 0) BSGEN_SKIP("this user cannot become another");
  for (const fs::path& folder : {root.path, foreign.path})
    for (const auto& item : fs::recursive_directory_iterator(folder)) fs::permissions(item.path(), fs::perms(0755));
  fs::permissions(root.path, fs::perms(0755));
  fs::permissions(foreign.path, fs::perms(0755));
  REQUIRE(chown(foreign.path.c_str(), 1, 1) == 0);
  const auto origin = [](const CacheFolder& folder) {
    KernelStore store({.directory = "", .read_only_directories = {folder.str()}});
    return static_cast<int>(ask(store, 1)->origin);
  };
  CHECK(as_nobody([&] { return origin(root); }) == static_cast<int>(KernelOrigin::kDisk));
  CHECK(as_nobody([&] { return origin(foreign); }) == static_cast<int>(KernelOrigin::kCompiled));
  REQUIRE(chown(foreign.path.c_str(), 0, 0) == 0);  // the folder root's, the entry another's
  REQUIRE(chown(entry_path(foreign.str(), make_key(1).hex()).c_str(), 1, 1) == 0);
  CHECK(as_nobody([&] { return origin(foreign); }) == static_cast<int>(KernelOrigin::kCompiled));
}
