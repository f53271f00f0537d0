#include "runtime/cache/disk_cache.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

// Asks for two kernels with `directory` as the cache: both must be right, whatever is wrong with
// it, and one warning be said. 0: so it is; else what was not.
int survives(const std::string& directory, std::size_t warnings = 1) {
  Log log;
  int failed = 0;
  {
    KernelStore store({.directory = directory, .logger = log.logger()});
    for (int n = 1; n <= 2; ++n) {
      const auto result = store.get(make_key(n), make_about(),
                                    [n]() -> Expected<KernelImage> { return make_image(n); });
      if (!result || !(*result->image == make_image(n))) failed |= 1;
      const auto again = store.get(make_key(n), make_about(), []() -> Expected<KernelImage> {
        return Status(ErrorCode::kInternal, "compiled twice");
      });
      if (!again || again->origin != KernelOrigin::kMemory) failed |= 2;
    }
  }
  if (log.lines.size() != warnings) failed |= 4;
  for (const auto& line : log.lines)
    if (line.find(directory.empty() ? "default folder" : directory) == std::string::npos)
      failed |= 8;
  return failed;
}

struct Variable {
  std::string name;
  std::optional<std::string> before;
  Variable(const char* variable, const char* value) : name(variable) {
    if (const char* old = getenv(variable)) before = old;
    value ? setenv(variable, value, 1) : unsetenv(variable);
  }
  ~Variable() { before ? setenv(name.c_str(), before->c_str(), 1) : unsetenv(name.c_str()); }
};

}  // namespace

TEST_CASE("the_cache_folder_is_the_named_one_then_xdg_then_home") {
  const Variable xdg("XDG_CACHE_HOME", "/xdg"), home("HOME", "/home/me");
  CHECK(cache_directory("/named") == "/named");
  CHECK(cache_directory("relative/x/") == (fs::current_path() / "relative/x").string());
  CHECK(cache_directory("") == "/xdg/bsgen");
  const Variable no_xdg("XDG_CACHE_HOME", nullptr);
  CHECK(cache_directory("") == "/home/me/.cache/bsgen");
  const Variable relative_xdg("XDG_CACHE_HOME",
                              "xdg");  // the specification has such values ignored
  CHECK(cache_directory("") == "/home/me/.cache/bsgen");
  const Variable no_home("HOME", nullptr);
  CHECK(cache_directory("").empty());
}

TEST_CASE("the_cache_folder_and_its_files_are_private") {
  const CacheFolder folder;
  Log log;
  KernelStore store({.directory = folder.str() + "/a/b", .logger = log.logger()});
  REQUIRE(store.get(make_key(1), make_about(),
                    []() -> Expected<KernelImage> { return make_image(1); }));
  struct stat facts;
  for (const char* made : {"/a", "/a/b", "/a/b/v1"}) {
    REQUIRE(stat((folder.str() + made).c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0700);
  }
  REQUIRE(stat(entry_path(folder.str() + "/a/b", make_key(1).hex()).c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
}

TEST_CASE("a_cache_folder_that_cannot_be_used_costs_one_warning_and_no_result") {
  const CacheFolder folder;
  write_file(folder.path / "file", "x");
  CHECK(survives((folder.path / "file").string()) == 0);         // a file in its place
  CHECK(survives((folder.path / "file/inside").string()) == 0);  // a file in its path
  CHECK(survives("/proc/no-such-folder/cache") == 0);  // a place where nothing can be made
  CHECK(survives("") == 0);                            // no place at all
  CHECK(survives((folder.path / "fine").string(), 0) == 0);
  fs::permissions(folder.path / "fine", fs::perms::all);
  CHECK(survives((folder.path / "fine").string()) == 0);  // one that everybody may write to
}

TEST_CASE("a_read_only_or_foreign_cache_folder_costs_one_warning_and_no_result") {
  const CacheFolder folder;
  fs::create_directories(folder.path / "read-only");
  fs::create_directories(folder.path / "foreign");
  fs::permissions(folder.path,
                  fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  if (as_nobody([] { return 0; }) != 0) BSGEN_SKIP("this user cannot become another");
  REQUIRE(chown((folder.path / "read-only").c_str(), 65534, 65534) == 0);
  fs::permissions(folder.path / "read-only", fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(as_nobody([&] { return survives((folder.path / "read-only").string()); }) == 0);
  CHECK(as_nobody([&] { return survives((folder.path / "foreign").string()); }) == 0);
}

TEST_CASE("a_full_disk_costs_one_warning_and_no_result") {
  const CacheFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    // Writes past 256 bytes fail from here on, as they do where no space is left.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{256, 256};
    _exit(setrlimit(RLIMIT_FSIZE, &limit) != 0 ? 99 : survives(folder.str()));
  }
  int state = 0;
  waitpid(child, &state, 0);
  CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
  const auto listing = list_cache(folder.str(), true);
  REQUIRE(listing);
  CHECK(listing->entries.empty());  // nothing half-written
  std::size_t files = 0;
  for (const auto& item : fs::recursive_directory_iterator(folder.path / "v1")) files += item.is_regular_file();
  CHECK(files == 0);
}

TEST_CASE("links_and_pipes_in_place_of_entries_are_not_followed") {
  const CacheFolder folder, other;
  Log log;
  write_file(other.path / "entry", write_entry({make_key(1).record, make_image(1), make_about()}));
  fs::create_directories(fs::path(folder.entry(make_key(1))).parent_path());
  fs::create_directories(fs::path(folder.entry(make_key(2))).parent_path());
  fs::create_symlink(other.path / "entry", folder.entry(make_key(1)));
  REQUIRE(mkfifo(folder.entry(make_key(2)).c_str(), 0600) == 0);
  KernelStore store({.directory = folder.str(), .logger = log.logger()});
  for (int n = 1; n <= 2; ++n) {
    const auto result = store.get(make_key(n), make_about(),
                                  [n]() -> Expected<KernelImage> { return make_image(n); });
    REQUIRE(result);
    CHECK(result->origin == KernelOrigin::kCompiled);
  }
  CHECK(log.lines.size() == 1);
}

TEST_CASE("damaged_counters_count_from_zero") {
  const CacheFolder folder;
  fs::create_directories(folder.path);
  for (const char* text :
       {"", "hits_disk", "hits_disk x\n\n", "hits_disk 99999999999999999999999\n", "\xff\xff\n"}) {
    write_file(folder.path / "counters", text);
    CHECK(read_counters(folder.str()).hits_disk == 0);
    CacheStats delta;
    delta.hits_disk = 2;
    CHECK(add_counters(folder.str(), delta));
    CHECK(read_counters(folder.str()).hits_disk == 2);
  }
}
