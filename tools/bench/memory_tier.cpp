// The memory tier of the kernel store: hits by one thread and by all, from a held request and from a raw layout; and making many kernels
// resident at once.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <barrier>
#include <thread>

#include "bsgen/engine.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "memory tier";

// Processor time of this thread, nanoseconds: what it takes, whoever else wants the core.
double thread_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// One value per batch and thread: nanoseconds of one call while all threads make it.
template <class Call>
Samples while_all_call(unsigned num_threads, Call&& call) {
  constexpr int kBatches = 31, kCalls = 20000;
  std::vector<std::vector<double>> values(num_threads);
  std::barrier together(static_cast<std::ptrdiff_t>(num_threads));
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < num_threads; ++t)
    threads.emplace_back([&, t] {
      for (int batch = 0; batch <= kBatches; ++batch) {
        together.arrive_and_wait();
        const double begin = thread_ns();
        for (int i = 0; i < kCalls; ++i) call();
        if (batch > 0) values[t].push_back((thread_ns() - begin) / kCalls);
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::vector<double> all;
  for (const std::vector<double>& one : values) all.insert(all.end(), one.begin(), one.end());
  return Samples(std::move(all));
}

Figure at_most(const std::string& what, double limit, const std::string& more, const Samples& samples, const std::string& how) {
  return {kArea,
          what,
          fmt::format("at most {:g} ns{}", limit, more),
          spread(samples, "ns"),
          samples.median() <= limit ? Verdict::kOk : Verdict::kMissed,
          how,
          {{"median_ns", samples.median()}, {"p10_ns", samples.p10()}, {"p90_ns", samples.p90()}}};
}

// A request that the memory tier answers from now on.
struct Held {
  std::unique_ptr<Engine> engine;
  std::shared_ptr<Device> device;
  Layout layout;
  Engine::Request request;
};
Expected<Held> held(const std::string& cuda_dir) {
  EngineOptions options;
  options.disk_cache = false;
  options.cuda_dir = cuda_dir;
  auto engine = std::make_unique<Engine>(options);
  BSGEN_ASSIGN(std::shared_ptr<Device> device, Device::open("sim"));
  BSGEN_ASSIGN(Layout layout, read_mask("random:64x64:density=0.1,seed=1", {}));
  BSGEN_ASSIGN(Engine::Request request, engine->request(layout, {}, device));
  BSGEN_TRY(engine->kernel(request));
  BSGEN_TRY(engine->kernel(layout, {}, device));
  return Held{std::move(engine), std::move(device), std::move(layout), std::move(request)};
}

constexpr const char* kBatches = "31 batches of 20000 hits of one kernel a thread, its handle taken and let go; processor time of the thread";

// Layouts that differ, so that each is a kernel of its own.
Expected<std::vector<Engine::Request>> many(Engine& engine, const std::shared_ptr<Device>& device, int count) {
  std::vector<Engine::Request> requests;
  CompileOptions constant;
  constant.tier = Tier::kConstant;
  for (int n = 0; n < count; ++n) {
    BSGEN_ASSIGN(const Layout layout, read_mask(fmt::format("random:8x8:density=0.3,seed={}", n), {}));
    BSGEN_ASSIGN(Engine::Request request, engine.request(layout, {}, device, constant));
    requests.push_back(std::move(request));
  }
  return requests;
}

Expected<double> make_all(CompileIn where, const std::string& cuda_dir, bool together) {
  EngineOptions options;
  options.disk_cache = false;
  options.cuda_dir = cuda_dir;
  options.compile_in = where;
  Engine engine(options);
  BSGEN_ASSIGN(const std::shared_ptr<Device> device, Device::open("sim"));
  BSGEN_ASSIGN(const std::vector<Engine::Request> requests, many(engine, device, 64));
  const auto begin = std::chrono::steady_clock::now();
  if (together) BSGEN_TRY(engine.prewarm(requests));
  else
    for (const Engine::Request& request : requests) BSGEN_TRY(engine.kernel(request));
  return milliseconds_since(begin);
}

}  // namespace

std::vector<Figure> memory_tier(const SuiteOptions& options) {
  const auto one = held(options.cuda_dir);
  if (!one) return {not_measured(kArea, "a hit", "at most 20 ns", one.status().message())};
  const unsigned cores = std::max(2u, std::thread::hardware_concurrency());
  const auto hit = [&] { (void)one->engine->kernel(one->request); };
  return {at_most("a hit of a held request, one thread", 20, "", while_all_call(1, hit), kBatches),
          at_most(fmt::format("a hit of a held request, {} threads at once", cores), 40, "", while_all_call(cores, hit), kBatches),
          at_most("a hit from a raw layout", 100, ", and the layout's hash, which it keeps",
                  while_all_call(1, [&] { (void)one->engine->kernel(one->layout, {}, one->device); }), kBatches)};
}

std::vector<Figure> cache_hit(const SuiteOptions& options) {
  const std::string area = "a cache hit", what = "memory tier, from a held request", asked = "under 1 us";
  const auto one = held(options.cuda_dir);
  if (!one) return {not_measured(area, what, asked, one.status().message())};
  const Samples samples = while_all_call(1, [&] { (void)one->engine->kernel(one->request); });
  return {{area, what, asked, spread(samples, "ns"), samples.median() < 1000 ? Verdict::kOk : Verdict::kMissed, kBatches,
           {{"median_ns", samples.median()}, {"p10_ns", samples.p10()}, {"p90_ns", samples.p90()}}}};
}

std::vector<Figure> prewarm(const SuiteOptions& options) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const std::string area = "prewarm", what = "64 kernels made resident at once", asked = fmt::format("at least {:g} times faster on {} cores", 0.8 * cores, cores);
  const auto one_by_one = make_all(CompileIn::kProcess, options.cuda_dir, false);
  const auto together = one_by_one ? make_all(CompileIn::kHelper, options.cuda_dir, true) : one_by_one;
  if (!together) return {not_measured(area, what, asked, together.status().message())};
  const double ratio = *one_by_one / *together;
  return {{area,
           what,
           asked,
           fmt::format("{:.2f} times ({:.0f} ms, one after the other {:.0f} ms)", ratio, *together, *one_by_one),
           ratio >= 0.8 * cores ? Verdict::kOk : Verdict::kMissed,
           "helper processes, their start included, against one thread in this process; by the clock on the wall, so another program that wants the "
           "cores counts against it",
           {{"ratio", ratio}, {"together_ms", *together}, {"one_by_one_ms", *one_by_one}}}};
}

}  // namespace bsgen::bench
