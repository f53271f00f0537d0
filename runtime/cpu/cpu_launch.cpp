#include "runtime/cpu/cpu_launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace bsgen::cpu {
namespace {

// Tasks per thread: enough that unequal ones even out.
constexpr int kTasksPerThread = 4;

std::vector<Range> even_parts(std::int64_t items, std::int64_t parts) {
  std::vector<Range> ranges;
  parts = std::clamp<std::int64_t>(parts, 1, std::max<std::int64_t>(items, 1));
  for (std::int64_t p = 0; p < parts; ++p) ranges.push_back({items * p / parts, items * (p + 1) / parts});
  return ranges;
}

class Launch {
 public:
  Launch(const CpuFunction& function, const void* arguments, const Parallel& parallel, Scratch& scratch, float* shared)
      : function_(function), plan_(function.plan), parallel_(parallel), scratch_(scratch) {
    work_.arguments = arguments;
    work_.offsets = function.lists.offsets.data();
    work_.entries = function.lists.entries.data();
    work_.launch = shared;
  }

  Status run(std::int64_t tokens) {
    threads_ = is_worth_threads(plan_, tokens) ? parallel_.threads : 1;
    if (plan_.problem.op == Op::kUpdate)
      update(tokens);
    else if (const StorageOrder& order = function_.order; !order.parts.empty() && tokens <= plan_.ordered_tokens() && (threads_ == 1 || order.for_threads))
      in_storage_order(tokens);
    else
      product(tokens);
    if (out_of_memory_) return {ErrorCode::kDevice, fmt::format("cpu: no memory for {} bytes of scratch per thread; use fewer threads", plan_.worker_scratch() * 4)};
    return {};
  }

 private:
  void product(std::int64_t tokens) {
    if (plan_.has_first_pass()) each_part(function_.code->first(), even_parts(plan_.num_blocks, std::int64_t{threads_} * kTasksPerThread), 0, tokens);
    const std::vector<Range> groups = split_tokens(plan_, tokens, threads_);
    const std::int64_t lists = static_cast<std::int64_t>(function_.lists.offsets.size() - 1) / std::max<std::int64_t>(plan_.heads, 1);
    const std::int64_t units = plan_.heads * static_cast<std::int64_t>(groups.size());
    // A part of the lists packs the tokens again: lists are split only where there are fewer groups than threads.
    const std::int64_t parts = units >= threads_ ? 1 : (std::int64_t{threads_} * kTasksPerThread + units - 1) / units;
    std::vector<BsgenCpuWork> tasks;
    for (std::int64_t head = 0; head < plan_.heads; ++head) {
      const std::vector<Range> ranges = split_lists(function_.lists.offsets, head * lists, lists, parts);
      for (const Range& group : groups)
        for (const Range& range : ranges) {
          BsgenCpuWork task = work_;
          task.head = head, task.begin = range.begin, task.end = range.end;
          task.token_begin = group.begin, task.token_end = group.end;
          tasks.push_back(task);
        }
    }
    run_tasks(function_.code->main(), tasks);
  }

  void in_storage_order(std::int64_t tokens) {
    const StorageOrder& order = function_.order;
    std::vector<BsgenCpuWork> tasks;
    for (std::size_t i = 0; i < order.parts.size(); ++i) {
      BsgenCpuWork task = work_;
      task.head = order.parts[i].head, task.begin = order.parts[i].begin, task.end = order.parts[i].end;
      task.token_end = tokens;
      task.offsets = &order.offsets[i], task.entries = order.entries.data(), task.columns = order.columns.data();
      tasks.push_back(task);
    }
    run_tasks(function_.code->main(), tasks);
  }

  // Sums of one pass over the tokens join those of the earlier ones in the order of the tokens.
  void update(std::int64_t tokens) {
    const std::int64_t grid_rows = (plan_.rows + plan_.block.rows - 1) / plan_.block.rows, grid_cols = (plan_.cols + plan_.block.cols - 1) / plan_.block.cols;
    const std::int64_t parts = threads_ == 1 ? 1 : std::int64_t{threads_} * kTasksPerThread;
    std::int64_t begin = 0;
    do {
      const std::int64_t end = std::min(tokens, begin + plan_.group_tokens);
      each_part(function_.code->first(), even_parts(plan_.heads * (grid_rows + grid_cols), parts), begin, end);
      each_part(function_.code->main(), even_parts(plan_.num_blocks, parts), begin, end);
      begin = end;
    } while (begin < tokens);
  }

  void each_part(BsgenCpuPass pass, const std::vector<Range>& ranges, std::int64_t token_begin, std::int64_t token_end) {
    std::vector<BsgenCpuWork> tasks;
    for (const Range& range : ranges) {
      BsgenCpuWork task = work_;
      task.begin = range.begin, task.end = range.end, task.token_begin = token_begin, task.token_end = token_end;
      tasks.push_back(task);
    }
    run_tasks(pass, tasks);
  }

  void run_tasks(BsgenCpuPass pass, const std::vector<BsgenCpuWork>& tasks) {
    const auto one = [&](int i) {
      const Scratch::Loan worker(scratch_, plan_.worker_scratch());
      if (!worker.data()) {
        out_of_memory_ = true;
        return;
      }
      BsgenCpuWork task = tasks[static_cast<std::size_t>(i)];
      task.worker = worker.data();
      pass(&task);
    };
    const int count = static_cast<int>(tasks.size());
    if (threads_ == 1)
      for (int i = 0; i < count; ++i) one(i);
    else
      parallel_.run(count, one);
  }

  const CpuFunction& function_;
  const CpuPlan& plan_;
  const Parallel& parallel_;
  Scratch& scratch_;
  BsgenCpuWork work_{};
  int threads_ = 1;
  std::atomic<bool> out_of_memory_{false};
};

}  // namespace

bool is_worth_threads(const CpuPlan& plan, std::int64_t tokens) {
  // A core multiplies as fast as it reads W where an element serves as many tokens as it has bytes, twice over.
  constexpr double kMultiplyAdds = 3 << 18;
  const double elements = static_cast<double>(plan.num_blocks) * plan.block.rows * plan.block.cols;
  return elements * static_cast<double>(std::max<std::int64_t>(tokens, 2 * size_bytes(plan.problem.dtype))) >= kMultiplyAdds;
}

std::vector<Range> split_tokens(const CpuPlan& plan, std::int64_t tokens, int threads) {
  const std::int64_t tile = plan.rows_are_tokens() ? plan.tile_rows[0] : plan.width(), most = plan.group_tokens / tile, tiles = (tokens + tile - 1) / tile;
  std::int64_t groups = (tiles + most - 1) / most;
  if (groups >= threads && plan.heads * groups % threads != 0) groups = (groups + threads - 1) / threads * threads;
  std::vector<Range> ranges = even_parts(tiles, groups);
  for (Range& range : ranges) range = {range.begin * tile, std::min(range.end * tile, tokens)};
  return ranges;
}

std::vector<Range> split_lists(const std::vector<std::int64_t>& offsets, std::int64_t first, std::int64_t lists, std::int64_t parts) {
  const auto weight = [&](std::int64_t list) { return offsets[first + list] - offsets[first] + list; };
  std::vector<Range> ranges;
  for (std::int64_t p = 0, begin = 0; p < parts && begin < lists; ++p) {
    const std::int64_t target = weight(lists) * (p + 1) / parts;
    std::int64_t end = begin + 1;
    while (end < lists && weight(end) < target) ++end;
    ranges.push_back({begin, end});
    begin = end;
  }
  return ranges;
}

Scratch::Loan::Loan(Scratch& scratch, std::int64_t elements) : scratch_(scratch) {
  {
    std::lock_guard lock(scratch.mutex_);
    const auto fitting = [&](bool own) {
      return std::find_if(scratch.free_.begin(), scratch.free_.end(),
                          [&](const Memory& each) { return each.elements >= elements && (!own || each.user == std::this_thread::get_id()); });
    };
    auto found = fitting(true);
    if (found == scratch.free_.end()) found = fitting(false);
    if (found != scratch.free_.end()) {
      memory_ = *found;
      scratch.free_.erase(found);
      return;
    }
  }
  memory_.elements = std::max<std::int64_t>((elements + 15) / 16 * 16, 16);
  memory_.data = static_cast<float*>(std::aligned_alloc(64, static_cast<std::size_t>(memory_.elements) * 4));
}

Scratch::Loan::~Loan() {
  if (!memory_.data) return;
  memory_.user = std::this_thread::get_id();
  std::lock_guard lock(scratch_.mutex_);
  scratch_.free_.push_back(memory_);
}

Scratch::~Scratch() {
  for (const Loan::Memory& each : free_) std::free(each.data);
}

Status launch(const CpuFunction& function, const void* arguments, std::int64_t tokens, const Parallel& parallel, Scratch& scratch) {
  const CpuPlan& plan = function.plan;
  if (plan.heads == 0 || (plan.problem.op == Op::kUpdate ? plan.num_blocks == 0 : tokens == 0 || plan.outer() == 0)) return {};
  const Scratch::Loan shared(scratch, plan.launch_scratch());
  if (!shared.data())
    return {ErrorCode::kDevice, fmt::format("cpu: no memory for {} bytes of scratch; split the layout", plan.launch_scratch() * 4)};
  return Launch(function, arguments, parallel, scratch, shared.data()).run(tokens);
}

}  // namespace bsgen::cpu
