// What the cache tells its logger and the command line, word by word.
#include <sys/stat.h>

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

const std::string kWayOut =
    "; kernels are kept in memory only; name another folder with --cache-dir or BSGEN_CACHE_DIR";

std::vector<std::string> warnings_of(const std::string& directory) {
  Log log;
  KernelStore store({.directory = directory, .logger = log.logger()});
  for (int n = 1; n <= 3; ++n)
    REQUIRE(store.get(make_key(n), {}, [n]() -> Expected<KernelImage> { return make_image(n); }));
  return log.lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a_cache_folder_that_is_a_file_is_told") {
  const CacheFolder folder;
  write_file(folder.path / "file", "x");
  const std::string path = (folder.path / "file").string();
  CHECK(warnings_of(path) ==
        Lines{"cache: " + path + " cannot be used: it is not a folder" + kWayOut});
}

TEST_CASE("a_cache_folder_that_everybody_may_write_to_is_told") {
  const CacheFolder folder;
  fs::create_directories(folder.path);
  fs::permissions(folder.path, fs::perms::all);
  CHECK(warnings_of(folder.str()) ==
        Lines{"cache: " + folder.str() + " cannot be used: everybody may write to it (chmod o-w)" +
              kWayOut});
}

TEST_CASE("a_cache_folder_that_its_group_may_write_to_is_told") {
  const CacheFolder folder;
  fs::create_directories(folder.path);
  fs::permissions(folder.path, fs::perms::owner_all | fs::perms::group_write);
  CHECK(warnings_of(folder.str()) ==
        Lines{"cache: " + folder.str() + " cannot be used: its group may write to it (chmod g-w)" + kWayOut});
}

TEST_CASE("a_cache_folder_behind_a_link_of_this_user_is_used_and_behind_another_s_is_told") {
  const CacheFolder folder;
  fs::create_directories(folder.path / "real");
  fs::permissions(folder.path / "real", fs::perms::owner_all);
  const std::string link = (folder.path / "link").string();
  fs::create_directory_symlink(folder.path / "real", link);
  CHECK(warnings_of(link).empty());
  if (geteuid() != 0) return;
  REQUIRE(lchown(link.c_str(), 1, 1) == 0);
  CHECK(warnings_of(link) == Lines{"cache: " + link + " cannot be used: it is a link of user 1, this process runs as user 0" + kWayOut});
}

TEST_CASE("a_process_without_any_cache_folder_is_told") {
  CHECK(warnings_of("") == Lines{"cache: the default folder cannot be used: neither XDG_CACHE_HOME "
                                 "nor HOME names a folder" +
                                 kWayOut});
}

TEST_CASE("a_foreign_cache_folder_is_told_with_both_users") {
  const CacheFolder folder;
  fs::create_directories(folder.path);
  fs::permissions(folder.path,
                  fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  if (as_nobody([] { return 0; }) != 0) BSGEN_SKIP("this user cannot become another");
  const int result = as_nobody([&] {
    Log log;
    KernelStore store({.directory = folder.str(), .logger = log.logger()});
    (void)store.get(make_key(1), {}, []() -> Expected<KernelImage> { return make_image(1); });
    return log.lines ==
                   Lines{"cache: " + folder.str() +
                         " cannot be used: it belongs to user 0, this process runs as user 65534" +
                         kWayOut}
               ? 0
               : 1;
  });
  CHECK(result == 0);
}

TEST_CASE("a_damaged_cache_entry_is_told_with_what_became_of_it") {
  const CacheFolder folder;
  write_file(folder.entry(make_key(2)), std::string(200, 'x'));
  CHECK(warnings_of(folder.str()) == Lines{"cache: " + folder.entry(make_key(2)) +
                                           " is damaged: its SHA-256 does not match; moved to "
                                           "quarantine; the kernel is compiled again"});
}

TEST_CASE("a_short_cache_entry_is_told_with_its_length") {
  const CacheFolder folder;
  write_file(folder.entry(make_key(2)), "x");
  CHECK(warnings_of(folder.str()) == Lines{"cache: " + folder.entry(make_key(2)) +
                                           " is damaged: 1 bytes are less than any entry has; "
                                           "moved to quarantine; the kernel is compiled again"});
}

TEST_CASE("upkeep_refuses_folders_that_it_cannot_trust_or_read") {
  const CacheFolder folder;
  write_file(folder.path / "file", "x");
  const std::string path = (folder.path / "file").string();
  CHECK(list_cache(path, true).status() ==
        Status(ErrorCode::kInvalidArgument, "cache: " + path + " is not a folder"));
  CHECK(cache_stats("").status() ==
        Status(ErrorCode::kInvalidArgument,
               "cache: neither XDG_CACHE_HOME nor HOME names a folder; name one with --cache-dir"));
  fs::permissions(folder.path, fs::perms::all);
  CHECK(
      clear_cache(folder.str()).status() ==
      Status(ErrorCode::kInvalidArgument,
             "cache: " + folder.str() + " is not touched: everybody may write to it (chmod o-w)"));
}
