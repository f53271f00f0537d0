// The suite `store`: what the kernel store promises a program that embeds it, one function per area.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/cache/kernel_store.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

using namespace runtime;
namespace fs = std::filesystem;
constexpr std::size_t kCubinBytes = 56 << 10, kPtxBytes = 8 << 10;

// A folder of its own, which goes with it.
struct Folder {
  std::string path = (fs::temp_directory_path() / "bsgen-bench-XXXXXX").string();
  Folder() { (void)!mkdtemp(path.data()); }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

KernelKey key_of(int n) {
  Record record;
  record.add("schema", kKeySchema);
  for (int field = 0; field < 30; ++field) record.add("header sha256", sha256(fmt::format("{} {}", n, field)).hex());
  return KernelKey(std::move(record));
}

// Of 64 KiB, PTX included; every byte tells whose it is.
KernelImage image_of(int n) {
  KernelImage image;
  image.arch = {.number = 90, .suffix = 'a'};
  image.entry = fmt::format("kernel_{}", n);
  image.ptx = std::string(kPtxBytes, static_cast<char>('a' + n % 26));
  image.cubin.assign(kCubinBytes, static_cast<std::byte>(n));
  return image;
}

Expected<KernelStore::Result> ask(KernelStore& store, const KernelKey& key, int n) {
  return store.get(key, {}, [n]() -> Expected<KernelImage> { return image_of(n); });
}

// By the processor's own flags.
bool sha_extensions() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("flags") || line.starts_with("Features")) return (line + " ").find(" sha_ni ") != std::string::npos || (line + " ").find(" sha2 ") != std::string::npos;
  return false;
}

Figure figure(std::string area, std::string what, double most_us, const Timed& timed, std::string how) {
  const Samples& samples = timed.quoted();
  return {std::move(area),
          std::move(what),
          most_us > 0 ? fmt::format("at most {} us", short_number(most_us)) : "",
          spread(samples, "us"),
          most_us > 0 ? (samples.median() <= most_us ? Verdict::kOk : Verdict::kMissed) : Verdict::kReported,
          how + timed.note("us"),
          {{"median_us", samples.median()}, {"p10_us", samples.p10()}, {"p90_us", samples.p90()}}};
}

Timed in_us(Timed timed, int calls) {
  for (Samples* samples : {&timed.wall, &timed.cpu})
    for (double& value : samples->values) value *= 1e3 / calls;
  return timed;
}

std::vector<Figure> disk() {
  const Folder folder;
  KernelStore store({.memory = false, .directory = folder.path});
  constexpr int kBatch = 20;
  const KernelKey key = key_of(1), absent = key_of(2);
  bool failed = !ask(store, key, 1);
  const Timed hit = in_us(time_ms(3, 101, [&] {
                            for (int i = 0; i < kBatch; ++i) {
                              const auto result = ask(store, key, 1);
                              failed = failed || !result || result->origin != KernelOrigin::kDisk;
                            }
                          }),
                          kBatch);
  DiskCache probed(folder.path, Trust::kOwn, kDefaultCacheBytes, {});
  const Timed probe = in_us(time_ms(3, 101, [&] {
                              for (int i = 0; i < kBatch; ++i) failed = failed || probed.find(absent).entry.has_value();
                            }),
                            kBatch);
  int next = 100;
  const Timed publish = in_us(time_ms(3, 101, [&] {
                                ++next;
                                failed = failed || !ask(store, key_of(next), next);
                              }),
                              1);
  if (failed) return {not_measured("disk", "hits and misses", "", "a kernel could not be kept in " + folder.path)};
  const bool sha = sha_extensions();
  return {figure("disk", "hit, entry of 64 KiB, SHA-256 and record compared", sha ? 100 : 250, hit,
                 fmt::format("101 batches of {} hits, pages warm, driver's load not counted; this CPU has {}SHA extensions", kBatch, sha ? "" : "no ")),
          figure("disk", "probe for an entry that is not there", 5, probe, fmt::format("101 batches of {} probes, the folder's trust checked in each", kBatch)),
          figure("disk", "miss: two probes, lock, entry of 64 KiB written and published", 0, publish, "101 kernels that no compiler made; nothing is synced")};
}

constexpr int kProcesses = 8, kThreads = 4, kKeys = 6;
struct Shared {
  std::atomic<int> ready{0}, wrong{0}, compiles{0};
  std::atomic<bool> go{false};
};

// One round: how many compiles, or -1 where an answer was wrong.
int race_once(std::chrono::milliseconds patience) {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1;
  Shared& shared = *new (memory) Shared;
  const Folder folder;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = fork();
    if (child == 0) {
      {
        KernelStore store({.directory = folder.path, .patience = patience});
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t)
          threads.emplace_back([&, t] {
            ++shared.ready;
            while (!shared.go) std::this_thread::yield();
            for (int k = 0; k < kKeys; ++k) {
              const int n = (k + t) % kKeys;
              const auto result = store.get(key_of(n), {}, [&]() -> Expected<KernelImage> {
                ++shared.compiles;
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
                return image_of(n);
              });
              if (!result || !(*result->image == image_of(n))) ++shared.wrong;
            }
          });
        for (std::thread& thread : threads) thread.join();
      }
      _exit(0);
    }
    if (child < 0) ++shared.wrong;
    if (child > 0) children.push_back(child);
  }
  while (shared.ready < static_cast<int>(children.size()) * kThreads) std::this_thread::sleep_for(std::chrono::microseconds(200));
  shared.go = true;
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  const int compiles = shared.wrong ? -1 : shared.compiles.load();
  munmap(memory, sizeof(Shared));
  return compiles;
}

Figure race(const SuiteOptions& options, bool locks) {
  const int rounds = options.full ? 1000 : 20;
  int compiles = 0, wrong = 0;
  for (int round = 0; round < rounds; ++round) {
    const int count = race_once(std::chrono::milliseconds(locks ? 60'000 : 0));
    if (count < 0) ++wrong;
    compiles += std::max(count, 0);
  }
  const bool ok = wrong == 0 && (!locks || compiles == rounds * kKeys);
  return {"single flight",
          fmt::format("{} processes x {} threads over {} keys{}", kProcesses, kThreads, kKeys, locks ? "" : ", locks disabled"),
          locks ? "exactly one compile per key" : "no error, equal bytes",
          fmt::format("{} compiles of {} keys, {} rounds with a wrong answer", compiles, rounds * kKeys, wrong),
          ok ? Verdict::kOk : Verdict::kMissed,
          fmt::format("{} rounds, each in a fresh folder; all threads start together; a compile takes 2 ms; --full: 1000 rounds", rounds),
          {{"rounds", rounds}, {"compiles", compiles}, {"wrong", wrong}}};
}

// From a holder's death to the waiter's kernel; milliseconds, negative where it could not be taken.
double after_death_ms() {
  const Folder folder;
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t holder = fork();
  if (holder == 0) {
    KernelStore store({.directory = folder.path});
    (void)store.get(key_of(1), {}, [&]() -> Expected<KernelImage> {
      (void)!write(ends[1], "x", 1);
      for (;;) pause();
    });
    _exit(0);
  }
  char compiling;
  bool good = holder > 0 && read(ends[0], &compiling, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  std::chrono::steady_clock::time_point death;
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    death = std::chrono::steady_clock::now();
    if (holder > 0) kill(holder, SIGKILL);
  });
  KernelStore store({.directory = folder.path});
  good = good && ask(store, key_of(1), 1).ok();
  const auto served = std::chrono::steady_clock::now();
  killer.join();
  if (holder > 0) waitpid(holder, nullptr, 0);
  return good ? std::chrono::duration<double, std::milli>(served - death).count() : -1;
}

Figure dead_holder() {
  std::vector<double> ms;
  for (int i = 0; i < 11; ++i) ms.push_back(after_death_ms());
  const Samples samples(std::move(ms));
  if (samples.values.front() < 0) return not_measured("single flight", "death of the process that compiles", "at most 50 ms", "no process could be made");
  const double worst = samples.values.back();
  return {"single flight",
          "from the death of the process that compiles to another's kernel",
          "at most 50 ms",
          spread(samples, "ms"),
          worst <= 50 ? Verdict::kOk : Verdict::kMissed,
          "SIGKILL while another process waits, 11 times; the slowest counts",
          {{"median_ms", samples.median()}, {"worst_ms", worst}}};
}

Figure damage() {
  const Folder folder;
  const KernelKey key = key_of(1);
  KernelImage small = image_of(1);
  small.ptx.resize(64);
  small.cubin.resize(64);
  std::string bytes = write_entry({key.record, small, {}});
  const std::string path = entry_path(folder.path, key.hex());
  std::size_t tried = 0, healed = 0;
  const auto heals = [&](const std::string& damaged) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
    KernelStore store({.memory = false, .directory = folder.path});
    const auto get = [&] { return store.get(key, {}, [&]() -> Expected<KernelImage> { return small; }); };
    const auto first = get(), second = get();
    ++tried;
    healed += first && second && *first->image == small && first->origin == KernelOrigin::kCompiled && second->origin == KernelOrigin::kDisk;
    fs::remove_all(quarantine_directory(folder.path));
  };
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 13) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    heals(bytes);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  for (std::size_t size = 0; size < bytes.size(); size += 17) heals(bytes.substr(0, size));
  return {"damage",
          "flipped bits and truncations of an entry",
          "all noticed and healed",
          fmt::format("{} of {}", healed, tried),
          healed == tried ? Verdict::kOk : Verdict::kMissed,
          "every 13th bit and every 17th length, through the store: the first request compiles, the second is a hit; tools/stress takes every one",
          {{"tried", static_cast<double>(tried)}, {"healed", static_cast<double>(healed)}}};
}

}  // namespace

Suite store(const SuiteOptions& options, const Progress& progress) {
  Suite suite{"store", {}};
  const auto begin = [&](const char* area) {
    if (!options.only.empty() && std::find(options.only.begin(), options.only.end(), area) == options.only.end()) return false;
    if (progress) progress(area);
    return true;
  };
  // Processes are forked first, while this one has no threads.
  if (begin("single flight")) {
    suite.figures.push_back(race(options, true));
    suite.figures.push_back(race(options, false));
    suite.figures.push_back(dead_holder());
  }
  if (begin("disk"))
    for (Figure& one : disk()) suite.figures.push_back(std::move(one));
  if (begin("damage")) suite.figures.push_back(damage());
  constexpr std::pair<const char*, std::vector<Figure> (*)(const SuiteOptions&)> kOwnFiles[] = {
      {"memory tier", &memory_tier}, {"bundle", &bundle_lookup}, {"a launch", &launch}, {"prewarm", &prewarm}};
  for (const auto& [area, measure] : kOwnFiles)
    if (begin(area))
      for (Figure& one : measure(options)) suite.figures.push_back(std::move(one));
  return suite;
}

}  // namespace bsgen::bench
