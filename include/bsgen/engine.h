// Engine: the cached way from (layout, problem, device, options) to a Kernel.
//
//   bsgen::Engine engine;                                     // default cache directory
//   auto kernel = engine.kernel(layout, problem, device);     // memory, then disk, then compile
//   auto held = engine.request(layout, problem, device);      // hash and plan once ...
//   auto again = engine.kernel(*held);                        // ... then a hit costs nanoseconds
//
// Thread-safe: threads that ask for one key at once cause one compile; an error goes to all of them and is not remembered.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"

namespace bsgen {

// Where the compilers run. A helper process can be killed, so a compile can time out; it shares no lock with a host that forks; and
// several of them use several cores, where threads would wait for one another in NVRTC's front end.
enum class CompileIn : std::uint8_t {
  kAuto,     // a helper where there is one and it is needed: with a timeout, for prewarm(), after a fork() in the middle of a compile
  kProcess,  // never a helper: a timeout is refused, and prewarm() gains little from further cores
  kHelper,   // always
};

struct EngineOptions {
  std::string cache_dir{};      // empty: Environment's, then $XDG_CACHE_HOME/bsgen, then ~/.cache/bsgen
  bool disk_cache = true;       // false: memory only
  std::string bundle{};         // kernels compiled ahead of time (bsgen bundle), looked up before cache_dir; empty: Environment's
  std::optional<bool> jit{};    // false: never call NVRTC, a miss is kMissing and names the request; not given: Environment's
  // Looked into after cache_dir and never written to: a cluster's cache, a layer of a container. Beside those that
  // BSGEN_CACHE_READ_ONLY names.
  std::vector<std::string> read_only_cache_dirs{};
  std::uint64_t cache_bytes = 0;  // bound on cache_dir, least recently used entries go first; 0: Environment's, 1 GiB
  std::string cuda_dir{};       // empty: Environment's
  // What the memory tier holds at most: kernels, and bytes of their images and bound tables.
  std::size_t memory_entries = 16384;
  std::uint64_t memory_bytes = 512ull << 20;
  Logger logger{};              // empty: silent
  CompileIn compile_in = CompileIn::kAuto;
  double compile_timeout_ms = 0;  // of one kernel; 0: none
  unsigned compile_workers = 0;   // kernels that prewarm() and at_once compile at a time; 0: the number of processors
  std::string helper{};           // the program bsgen-compiler; empty: beside this library or program, or in ../libexec/bsgen
};

// How one call of Engine::kernel is answered.
struct Serving {
  // Answer a request that is not ready with the kernel of tier `table`, which layouts of one class share, and compile the one that was
  // asked for in the background; later calls get it when it is ready. Both compute the same bits.
  bool at_once = false;
  // What the kernel will be launched on. While it is being captured only what is resident is served: a miss is an error, nothing is
  // compiled or loaded, and the capture stays good. Not given: a miss is loaded whatever is being captured, where the driver lets it.
  std::optional<Stream> stream{};
};

// Where a kernel came from and what each stage took.
enum class KernelOrigin : std::uint8_t { kMemory, kDisk, kCompiled, kBundle };
std::string_view name(KernelOrigin origin);  // "memory", "disk", "compiled", "bundle"

struct CompileReport {
  KernelOrigin origin = KernelOrigin::kCompiled;
  std::string key;  // hex
  double plan_ms = 0, codegen_ms = 0, nvrtc_ms = 0, assemble_ms = 0;
};

struct CacheStats {
  std::uint64_t entries = 0, bytes = 0, hits_memory = 0, hits_disk = 0, misses = 0, compiles = 0, corrupt = 0;
  std::uint64_t hits_bundle = 0;      // kernels taken from EngineOptions::bundle
  std::uint64_t hits_read_only = 0;   // from a lower tier on disk (EngineOptions::read_only_cache_dirs); not among hits_disk
  std::uint64_t hits_shared = 0;      // from the fleet's server
  std::uint64_t failed_compiles = 0;  // among compiles
  std::uint64_t waits = 0;            // for another process that compiled the same kernel
  std::uint64_t given_up_waits = 0;   // among them: it took too long, so this process compiled as well
  std::uint64_t evicted = 0;          // entries removed to keep the folder within its bound
  std::uint64_t not_written = 0;      // entries that could not be kept on disk
  // Compiles that took less than 1, 2, 4, ... 16384 ms; the last: longer.
  std::array<std::uint64_t, 16> compile_ms{};
};
// One JSON object, every counter under its name here; compile_ms as a list of {"below_ms", "compiles"}.
std::string to_json(const CacheStats& stats);

class Engine {
 public:
  // A checked, planned and hashed request; cheap to copy.
  class Request;

  explicit Engine(EngineOptions options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // arch: the device's own where not given.
  Expected<Request> request(const Layout& layout, const Problem& problem, std::shared_ptr<Device> device,
                            const CompileOptions& options = {}, std::optional<Arch> arch = std::nullopt);
  Expected<Kernel> kernel(const Request& request, CompileReport* report = nullptr);
  Expected<Kernel> kernel(const Request& request, const Serving& serving, CompileReport* report = nullptr);
  // Plans only what it does not know yet: for the same layout, problem, device and options the answer of last time is found again. In
  // `report` the times of what was not done are 0.
  Expected<Kernel> kernel(const Layout& layout, const Problem& problem, const std::shared_ptr<Device>& device,
                          const CompileOptions& options = {}, CompileReport* report = nullptr);

  // Makes all of them resident, compiling on several cores. Every one is tried; the first error is returned.
  Status prewarm(std::span<const Request> requests);
  // kernel() would neither compile nor load: its next answer is a look into the memory tier, unless more than fits there comes between.
  bool resident(const Request& request) const;

  CacheStats stats() const;

 private:
  Expected<Kernel> find_or_make(const Layout& layout, const Problem& problem, const std::shared_ptr<Device>& device,
                                const CompileOptions& options, const Arch& arch, CompileReport* report);

  struct State;
  std::unique_ptr<State> state_;
};

class Engine::Request {
 public:
  struct Data;
  explicit Request(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  const Data& data() const { return *data_; }

 private:
  std::shared_ptr<const Data> data_;
};

}  // namespace bsgen
