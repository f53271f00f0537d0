// A process that compiles a key and never finishes: waiters go on without it.
#include <sys/inotify.h>

#include <chrono>
#include <csignal>
#include <future>
#include <thread>

#include "compiler/nvrtc/build_id.h"
#include "runtime/cache/compiler_builds.h"
#include "runtime/cache/key_lock.h"
#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

using Clock = std::chrono::steady_clock;

// A process that is compiling key 1 and will not stop by itself.
struct Holder {
  pid_t child;
  explicit Holder(const CacheFolder& folder) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
      KernelStore store({.directory = folder.str()});
      (void)store.get(make_key(1), {}, [&]() -> Expected<KernelImage> {
        (void)!write(ends[1], "x", 1);
        for (;;) pause();
      });
      _exit(0);
    }
    char compiling;
    REQUIRE(read(ends[0], &compiling, 1) == 1);
    close(ends[0]);
    close(ends[1]);
  }
  ~Holder() {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
};

Expected<KernelStore::Result> ask(KernelStore& store, int n) {
  return store.get(make_key(n), make_about(), [n]() -> Expected<KernelImage> { return make_image(n); });
}

}  // namespace

TEST_CASE("a_waiter_goes_on_soon_after_the_process_it_waits_for_is_killed") {
  const CacheFolder folder;
  const Holder holder(folder);
  Log log;
  KernelStore store({.directory = folder.str(), .logger = log.logger()});
  auto waiter = std::async(std::launch::async, [&] { return ask(store, 1); });
  CHECK(waiter.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
  kill(holder.child, SIGKILL);
  const auto death = Clock::now();
  const auto result = waiter.get();
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - death).count();
  REQUIRE(result);
  CHECK(result->origin == KernelOrigin::kCompiled);
  CHECK(ms < 1000);  // 21 on an idle machine: a nap of the waiter
  CHECK(store.counts().waits == 1);
  CHECK(store.counts().given_up_waits == 0);
  CHECK(log.lines.empty());
  std::printf("the waiter had its kernel %.1f ms after the holder's death\n", ms);
}

TEST_CASE("a_stopped_process_holds_others_up_for_no_longer_than_their_patience") {
  const CacheFolder folder;
  const Holder holder(folder);
  kill(holder.child, SIGSTOP);
  Log log;
  KernelStore store({.directory = folder.str(), .patience = std::chrono::milliseconds(200), .logger = log.logger()});
  const auto begin = Clock::now();
  const auto result = ask(store, 1);
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  REQUIRE(result);
  CHECK(*result->image == make_image(1));
  CHECK(ms >= 200);
  CHECK(ms < 2000);
  CHECK(store.counts().given_up_waits == 1);
  CHECK(log.lines ==
        std::vector<std::string>{"cache: another process has been compiling " + make_key(1).hex().substr(0, 12) + " for 0 s; it is compiled here as well"});
  CHECK(fs::exists(folder.entry(make_key(1))));
}

TEST_CASE("who_waits_for_one_kernel_holds_up_no_other_kernel") {
  const CacheFolder folder;
  const Holder holder(folder);
  KernelStore store({.directory = folder.str()});
  for (int n = 2; n < 300; ++n) REQUIRE(ask(store, n));
  CHECK(store.counts().waits == 0);
}

TEST_CASE("a_waiter_is_served_what_the_other_process_compiled") {
  const CacheFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    {
      KernelStore store({.directory = folder.str()});
      (void)store.get(make_key(1), make_about(), [&]() -> Expected<KernelImage> {
        write_file(folder.path / "compiling", "");
        std::this_thread::sleep_for(std::chrono::milliseconds(60));
        return make_image(1);
      });
    }
    _exit(0);
  }
  while (!fs::exists(folder.path / "compiling")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  KernelStore store({.directory = folder.str()});
  CHECK(ask(store, 1)->origin == KernelOrigin::kDisk);
  CHECK(store.counts().waits == 1);
  CHECK(store.counts().compiles == 0);
  waitpid(child, nullptr, 0);
}

TEST_CASE("a_lock_is_given_back_although_a_forked_child_has_its_file_open") {
  const CacheFolder folder;
  fs::create_directories(folder.path);
  pid_t child = 0;
  {
    const KeyLock lock = KeyLock::try_take(folder.str(), make_key(1).digest, Trust::kOwn);
    REQUIRE(lock.state() == KeyLock::State::kHeld);
    CHECK(KeyLock::try_take(folder.str(), make_key(1).digest, Trust::kOwn).state() == KeyLock::State::kBusy);
    CHECK(KeyLock::try_take(folder.str(), make_key(2).digest, Trust::kOwn).state() == KeyLock::State::kHeld);
    child = fork();
    if (child == 0)
      for (;;) pause();
  }
  CHECK(KeyLock::try_take(folder.str(), make_key(1).digest, Trust::kOwn).state() == KeyLock::State::kHeld);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_CASE("a_process_that_cannot_publish_makes_nobody_wait") {
  const CacheFolder folder;
  Log log;
  write_file(folder.path / "v1", "a file where the entries belong");
  fs::permissions(folder.path, fs::perms::owner_all);
  KernelStore first({.directory = folder.str(), .logger = log.logger()});
  REQUIRE(ask(first, 1));
  CHECK(first.counts().not_written == 1);
  KernelStore second({.directory = folder.str()});
  const auto inside = first.get(make_key(2), {}, [&]() -> Expected<KernelImage> {
    CHECK(ask(second, 2)->origin == KernelOrigin::kCompiled);  // would wait for ten seconds
    return make_image(2);
  });
  CHECK(inside);
  CHECK(second.counts().waits == 0);
}

TEST_CASE("a_second_process_reads_the_builds_of_the_compilers_without_opening_them") {
  const CacheFolder folder, toolkit;
  fs::create_directories(folder.path);
  fs::create_directories(toolkit.path);
  const std::string library = (toolkit.path / "libnvrtc.so.13").string();
  fs::copy_file("/proc/self/exe", library);
  std::this_thread::sleep_for(std::chrono::milliseconds(150));  // a file that changed this instant is not remembered
  const int watch = inotify_init1(IN_NONBLOCK);
  REQUIRE(inotify_add_watch(watch, library.c_str(), IN_OPEN) >= 0);
  const auto opened = [&] {
    char events[4096];
    return read(watch, events, sizeof events) > 0;
  };
  // Each in a process of its own, for a process remembers by itself as well. 1: the build could not be told.
  const auto identify = [&](bool from_disk) {
    const pid_t child = fork();
    if (child == 0) {
      if (from_disk) recall_compiler_builds(folder.str(), Trust::kOwn);
      const std::string build = nvrtc::build_of_file(library);
      const bool again = build == nvrtc::build_of_file(library);
      keep_compiler_builds(folder.str(), Trust::kOwn);
      _exit(!again || build.empty());
    }
    int state = 0;
    waitpid(child, &state, 0);
    CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
  };
  identify(true);
  CHECK(opened());
  identify(true);
  CHECK(!opened());
  identify(false);
  CHECK(opened());
  std::string kept = read_file(folder.path / "compilers");
  kept[kept.size() / 2] ^= 1;
  write_file(folder.path / "compilers", kept);
  identify(true);  // what is damaged is not believed
  CHECK(opened());
  identify(true);
  CHECK(!opened());
  fs::last_write_time(library, fs::file_time_type::clock::now());
  (void)opened();
  identify(true);
  CHECK(opened());
}
