// The suite `cpu`: kernels of the cpu device beside what else the machine has, in interleaved runs of one process, each result judged
// first. One thread is timed by its processor time, which other programs do not lengthen; all threads by the clock on the wall.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <random>
#include <thread>

#include "bsgen/cpu.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"
#include "runtime/verify/verify.h"
#include "tools/bench/figures.h"
#include "tools/bench/launches_apart.h"
#include "tools/bench/machine_limits.h"
#include "tools/bench/peers/contenders.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

struct Cell {
  Op op = Op::kFprop;
  DType dtype = DType::kFp32;
  int size = 2048, block = 32, percent = 10;
  std::int64_t tokens = 512;
  int threads = 1;
};

// What the machine can do with one thread, and with all: GFLOP/s, GB/s.
struct Limits {
  int threads = 1;
  double fp32 = 0, bf16 = 0, bandwidth = 0;
  double peak(DType dtype) const { return dtype == DType::kBf16 ? bf16 : fp32; }
  static Limits measure(int threads) { return {threads, peak_gflops(false, threads), peak_gflops(true, threads), read_bandwidth(threads)}; }
};

struct Machine {
  Peers peers;
  Limits one, all;
};

// Our own kernel on the same operands without the machine's products of bf16: what they are worth. Not a peer.
constexpr const char* kWidened = "bf16 widened";

// Threads of OpenBLAS and OpenMP wait for their next task awake, some 15 ms long, on the cores that the next contender needs.
constexpr auto kUntilPeersSleep = std::chrono::milliseconds(40);

// Rounds in which everybody has a turn, so that a slow moment of the machine is everybody's; each in another order, for some leave operands of the next in
// the caches and others sweep them out. Cores that slept take a third of a millisecond to be
// back, so of several threads the second run of a turn counts. The budget of several threads is for the waits too.
void race(std::vector<Contender>& contenders, int threads, double budget_seconds) {
  const auto now = [&] { return threads == 1 ? thread_seconds() : std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  double spent = 0;
  bool awake = true;
  std::vector<std::size_t> turns(contenders.size());
  std::iota(turns.begin(), turns.end(), std::size_t{0});
  std::mt19937 random(1);
  for (int round = -1; round < 40 && (round < 5 || spent < budget_seconds); ++round) {
    for (std::size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[random() % i]);
    for (const std::size_t turn : turns) {
      Contender& each = contenders[turn];
      if (threads > 1 && awake) {
        std::this_thread::sleep_for(kUntilPeersSleep);
        spent += std::chrono::duration<double>(kUntilPeersSleep).count();
      }
      awake = each.spins;
      double took = 0;
      if (each.timed) {
        took = each.timed();
      } else {
        if (threads > 1 && !each.run()) return;
        const double start = now();
        if (!each.run()) return;
        took = now() - start;
      }
      spent += took;
      if (round >= 0) each.seconds.push_back(took);
    }
  }
}

// Peers whose result is another one measure something else; the second run's counts, for the first may spoil what it was given.
Status check_peers(const std::vector<Contender>& all, const verify::HostTensor& result) {
  for (const Contender& each : all) {
    if (!each.value || !each.run() || !each.run()) continue;
    for (std::int64_t row = 0; row < result.rows; row += 97)
      for (std::int64_t col = 0; col < result.cols; ++col)
        if (std::abs(each.value(row, col) - result.at(0, row, col)) > 1e-2f)
          return {ErrorCode::kCheckFailed, fmt::format("bench: {} has {} at ({}, {}), bsgen {}", each.name, each.value(row, col), row, col, result.at(0, row, col))};
  }
  return {};
}

// What a cell is asked for, and whether it came to it.
struct Asked {
  std::string text;
  bool met = true;
  void add(bool holds, const std::string& what) {
    text += (text.empty() ? "at least " : ", ") + what;
    met = met && holds;
  }
};

std::string words_of(const Cell& cell) {
  return fmt::format(" {} {} {} M={} {}-blocks {}% {} ", name(cell.op), name(cell.dtype), cell.size, cell.tokens, cell.block, cell.percent,
                     cell.threads == 1 ? "one-thread" : "all-threads");
}

Expected<Figure> measure(const Machine& machine, const Cell& cell) {
  const Limits& limits = cell.threads == 1 ? machine.one : machine.all;
  const int grid = cell.size / cell.block;
  MaskOptions mask;
  mask.block = {cell.block, cell.block};
  BSGEN_ASSIGN(const Layout layout, read_mask(fmt::format("random:{0}x{0}:density={1},seed=1", grid, cell.percent / 100.0), mask));
  Problem problem;
  problem.op = cell.op;
  problem.dtype = cell.dtype;
  BSGEN_ASSIGN(const std::shared_ptr<Device> device, open_cpu({.threads = cell.threads, .parallel_for = {}, .instructions = {}}));
  const auto start = std::chrono::steady_clock::now();
  BSGEN_ASSIGN(const Kernel kernel, runtime::load_cpu_kernel(device, layout, problem));
  const double compile_ms = milliseconds_since(start);
  BSGEN_ASSIGN(const verify::Operands operands, verify::make_operands(layout, problem, cell.tokens, 1));
  BSGEN_ASSIGN(const verify::StagedOperands staged, verify::StagedOperands::stage(device, problem, operands));
  const LaunchArguments arguments = staged.arguments();
  BSGEN_TRY(kernel.launch(arguments));
  BSGEN_ASSIGN(const verify::HostTensor result, staged.result());
  BSGEN_ASSIGN(const verify::Verdict verdict, verify::judge(layout, problem, operands, result));
  if (!verdict.passed) return Status(ErrorCode::kCheckFailed, fmt::format("bench: the result is wrong: {}", verdict.reason));

  std::vector<Contender> all;
  if (cell.op == Op::kFprop)
    all = contenders(machine.peers, {layout, cell.dtype, cell.tokens, reinterpret_cast<const void*>(arguments.x.data), arguments.x.leading_dimension,
                                     reinterpret_cast<const void*>(arguments.w.data)}, cell.threads);
  BSGEN_TRY(check_peers(all, result));
  for (Contender& each : all) each.spins = true;
  all.insert(all.begin(), {"bsgen", false, [&] { return kernel.launch(arguments).ok(); }});
  std::optional<Kernel> widened;
  if (cell.dtype == DType::kBf16 && has_bf16_products()) {
    BSGEN_ASSIGN(const std::shared_ptr<Device> lesser, open_cpu({.threads = cell.threads, .parallel_for = {}, .instructions = "avx512"}));
    BSGEN_ASSIGN(widened, runtime::load_cpu_kernel(lesser, layout, problem));
    all.push_back({kWidened, false, [&] { return widened->launch(arguments).ok(); }});
  }
  std::optional<LaunchesApart> apart;
  if (cell.threads > 1) {
    BSGEN_ASSIGN(apart, LaunchesApart::make(layout, problem, operands, cell.threads));
    all.push_back({"apart", false, {}, {}, {}, false, [&] { return apart->all(); }});
    all.push_back({"alone", false, {}, {}, {}, false, [&] { return apart->one(); }});
  }
  race(all, cell.threads, cell.threads == 1 ? 0.5 : 1.5);
  const auto median = [](const Contender& each) { return Samples(each.seconds).median(); };
  const double seconds = median(all[0]);
  double together = 0, alone = 0;
  if (apart) {
    alone = median(all.back()), all.pop_back();
    together = median(all.back()), all.pop_back();
  }
  if (seconds <= 0) return Status(ErrorCode::kDevice, "bench: a launch failed");
  const double gflops = static_cast<double>(verify::useful_flops(layout, problem, cell.tokens)) / seconds * 1e-9;
  Figure figure;
  figure.area = fmt::format("{} {}", name(cell.op), name(cell.dtype));
  figure.what = fmt::format("K = N = {}, M = {}, blocks of {}, {} percent, {}", cell.size, cell.tokens, cell.block, cell.percent,
                            cell.threads == 1 ? std::string("1 thread") : fmt::format("{} threads", cell.threads));
  figure.values = {{"us", seconds * 1e6}, {"gflops", gflops}, {"compile_ms", compile_ms}};
  figure.measured = fmt::format("{} us, {} GFLOP/s", short_number(seconds * 1e6), short_number(gflops));
  Asked asked;
  if (const double peak = limits.peak(cell.dtype); peak > 0) {
    if (cell.tokens == 512 && cell.block >= 32) asked.add(gflops >= 0.55 * peak, "55 % of peak");
    figure.measured += fmt::format(", {:.0f} % of peak", 100 * gflops / peak);
    figure.values.emplace_back("of_peak", gflops / peak);
  }
  if (together > 0) {
    const double of_apart = together / cell.threads / seconds;
    figure.measured += fmt::format(" ({:.0f} % of what {} launches apart have)", 100 * of_apart, cell.threads);
    figure.values.insert(figure.values.end(), {{"apart_us", together * 1e6}, {"alone_us", alone * 1e6}, {"of_apart", of_apart}});
  }
  if (cell.tokens == 1) {
    const double bytes = static_cast<double>(layout.num_blocks()) * cell.block * cell.block * size_bytes(cell.dtype);
    const double rate = bytes / seconds * 1e-9;
    figure.measured += fmt::format(", {} GB/s of values", short_number(rate));
    figure.values.emplace_back("gb_per_s", rate);
    figure.measured += fmt::format(" ({:.0f} % of what memory gives)", 100 * rate / limits.bandwidth);
    figure.values.emplace_back("of_bandwidth", rate / limits.bandwidth);
    asked.add(rate >= 0.7 * limits.bandwidth, "70 % of the reading bandwidth");
  }
  double best = 0, best_dense = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const double took = median(all[i]);
    if (all[i].name != kWidened && (best == 0 || took < best)) best = took;
    if (all[i].dense && (best_dense == 0 || took < best_dense)) best_dense = took;
    figure.measured += fmt::format(", {} x {}", short_number(took / seconds), all[i].name);
    figure.values.emplace_back(all[i].name + "_us", took * 1e6);
  }
  if (best_dense > 0 && cell.dtype == DType::kFp32 && cell.tokens == 512 && cell.percent == 10) {
    const double least = cell.block >= 32 ? 7 : 5;
    asked.add(best_dense >= least * seconds, fmt::format("{} x dense", least));
  }
  if (best > 0) asked.add(best >= seconds, "1 x every peer");
  if (!asked.text.empty()) {
    figure.asked = asked.text;
    figure.verdict = asked.met ? Verdict::kOk : Verdict::kMissed;
  }
  figure.how = fmt::format("median of {} interleaved runs, {}; {}; peak of {} {} GFLOP/s, reading {} GB/s; compiled in {} ms", all[0].seconds.size(),
                           cell.threads == 1 ? "processor time" : "wall time", machine.peers.names(), cell.threads == 1 ? "one thread" : "all threads together",
                           short_number(limits.peak(cell.dtype)), short_number(limits.bandwidth), short_number(compile_ms));
  if (const double peak = limits.peak(cell.dtype); together > 0 && peak > 0)
    figure.how += fmt::format("; {} launches of one thread, each with operands of its own, take {} times as long at once as one alone: {:.0f} % of the peak is this "
                              "host's most", cell.threads, short_number(together / alone), 100 * gflops * seconds * cell.threads / together / peak);
  return figure;
}

// From a layout of 4,000 blocks to a function that can be launched, in a process that has compiled before.
Expected<Figure> compile_time(const std::shared_ptr<Device>& device, Op op) {
  MaskOptions mask;
  mask.block = {32, 32};
  BSGEN_ASSIGN(const Layout layout, read_mask(fmt::format("random:128x128:density={},seed=1", 4000.0 / (128 * 128)), mask));
  Problem problem;
  problem.op = op;
  problem.dtype = DType::kBf16;
  Status status;
  const Timed took = time_ms(1, 15, [&] {
    const auto kernel = runtime::load_cpu_kernel(device, layout, problem);
    if (!kernel) status = kernel.status();
  });
  BSGEN_TRY(status);
  Figure figure;
  figure.area = "compile";
  figure.what = fmt::format("{} bf16, {} blocks of 32, tier table", name(op), layout.num_blocks());
  figure.asked = "at most 30 ms";
  figure.measured = spread(took.quoted(), "ms");
  figure.values = {{"ms", took.quoted().median()}};
  figure.verdict = took.quoted().median() <= 30 ? Verdict::kOk : Verdict::kMissed;
  figure.how = fmt::format("plan, lists, IR, object, loading; median of {}, none kept from before{}", took.quoted().values.size(), took.note("ms"));
  return figure;
}

}  // namespace

const std::vector<std::string>& cpu_words() {
  static const std::vector<std::string> words = {"compile", "fprop", "bprop", "update", "fp32", "bf16", "2048", "4096", "M=1", "M=16", "M=512",
                                                 "16-blocks", "32-blocks", "64-blocks", "5%", "10%", "25%", "50%", "one-thread", "all-threads"};
  return words;
}

Expected<Suite> cpu(const SuiteOptions& options, const Progress& progress) {
  BSGEN_ASSIGN(const std::shared_ptr<Device> device, open_cpu());
  const int all = device->info().num_sms;
  const Machine machine{Peers::open(), Limits::measure(1), Limits::measure(all)};
  // Every word of --only must be among a figure's.
  const auto wanted = [&](const std::string& words) {
    return std::all_of(options.only.begin(), options.only.end(), [&](const std::string& word) { return words.find(fmt::format(" {} ", word)) != std::string::npos; });
  };
  std::vector<Cell> cells;
  const std::vector<int> sizes = options.full ? std::vector<int>{2048, 4096} : std::vector<int>{2048};
  const std::vector<int> densities = options.full ? std::vector<int>{5, 10, 25, 50} : std::vector<int>{10};
  for (const int size : sizes)
    for (const int percent : densities)
      for (const std::int64_t tokens : {512, 16, 1})
        for (const int block : {16, 32, 64})
          for (const DType dtype : {DType::kFp32, DType::kBf16}) {
            cells.push_back({Op::kFprop, dtype, size, block, percent, tokens, 1});
            if (all > 1 && (options.full || (block == 32 && tokens == 512))) cells.push_back({Op::kFprop, dtype, size, block, percent, tokens, all});
          }
  for (const Op op : {Op::kBprop, Op::kUpdate})
    for (const int size : sizes)
      for (const int block : {16, 32, 64})
        for (const DType dtype : {DType::kFp32, DType::kBf16}) {
          cells.push_back({op, dtype, size, block, 10, 512, 1});
          if (all > 1 && (options.full || block == 32)) cells.push_back({op, dtype, size, block, 10, 512, all});
        }
  Suite suite{"cpu", machine.peers.absent()};
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
    if (!wanted(fmt::format(" compile {} ", name(op)))) continue;
    if (progress) progress(fmt::format("compile {}", name(op)));
    auto figure = compile_time(device, op);
    suite.figures.push_back(figure ? *std::move(figure) : not_measured("compile", std::string(name(op)), "at most 30 ms", figure.status().message()));
  }
  for (const Cell& cell : cells) {
    if (!wanted(words_of(cell))) continue;
    if (progress) progress(fmt::format("{} {} {} {}", name(cell.op), name(cell.dtype), cell.block, cell.tokens));
    auto figure = measure(machine, cell);
    suite.figures.push_back(figure ? *std::move(figure)
                                   : not_measured(fmt::format("{} {}", name(cell.op), name(cell.dtype)), fmt::format("blocks of {}", cell.block), "", figure.status().message()));
  }
  return suite;
}

}  // namespace bsgen::bench
