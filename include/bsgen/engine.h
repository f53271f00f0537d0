// Engine: the cached way from (layout, problem, device, options) to a Kernel.
//
//   bsgen::Engine engine;                                     // default cache directory
//   auto kernel = engine.kernel(layout, problem, device);     // memory, then disk, then compile
//   auto held = engine.request(layout, problem, device);      // hash and plan once ...
//   auto again = engine.kernel(*held);                        // ... then a hit costs nanoseconds
//
// Thread-safe: threads that ask for one key at once cause one compile; an error goes to all of them and is not remembered.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"

namespace bsgen {

struct EngineOptions {
  std::string cache_dir{};      // empty: Environment's, then $XDG_CACHE_HOME/bsgen, then ~/.cache/bsgen
  bool disk_cache = true;       // false: memory only
  std::string bundle{};         // kernels compiled ahead of time (bsgen bundle), looked up before cache_dir; empty: Environment's
  std::optional<bool> jit{};    // false: never call NVRTC, a miss is kMissing and names the request; not given: Environment's
  std::string cuda_dir{};       // empty: Environment's
  std::size_t memory_entries = 16384;
  Logger logger{};              // empty: silent
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
  std::uint64_t hits_bundle = 0;
};

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
  Expected<Kernel> kernel(const Layout& layout, const Problem& problem, std::shared_ptr<Device> device,
                          const CompileOptions& options = {}, CompileReport* report = nullptr);

  CacheStats stats() const;

 private:
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
