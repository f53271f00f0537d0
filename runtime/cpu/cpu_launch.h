// One launch: which calls of the kernel's passes there are, and who makes them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "bsgen/cpu.h"
#include "compiler/support/fork_safe_mutex.h"
#include "runtime/cpu/cpu_plan.h"
#include "runtime/cpu/library.h"
#include "runtime/cpu/storage_order.h"

namespace bsgen::cpu {

struct CpuFunction final : DeviceFunction {
  CpuPlan plan;
  BlockLists lists;
  StorageOrder order;
  std::shared_ptr<const Code> code;
};

// fp32 memory that launches borrow and give back; it is kept for the next ones. A thread gets what it had before where it can: that is in its cache.
class Scratch {
 public:
  class Loan {
   public:
    Loan(Scratch& scratch, std::int64_t elements);
    ~Loan();
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    float* data() const { return memory_.data; }  // null where there was no memory

   private:
    friend class Scratch;
    Scratch& scratch_;
    struct Memory {
      float* data = nullptr;
      std::int64_t elements = 0;
      std::thread::id user = {};
    } memory_;
  };
  ~Scratch();

 private:
  ForkSafeMutex mutex_;
  std::vector<Loan::Memory> free_;
};

// Runs tasks, `threads` at once.
struct Parallel {
  int threads = 1;
  std::function<void(int tasks, const CpuTask& task)> run;
};

// Lists [begin, end), or other items of a pass.
struct Range {
  std::int64_t begin = 0, end = 0;
};
// Tokens of fprop or bprop in groups of whole tiles, as even as they can be, none larger than the plan's; where there is one for every thread at all, as
// many for each.
std::vector<Range> split_tokens(const CpuPlan& plan, std::int64_t tokens, int threads);
// `lists` lists from `first` on, counted from there, in at most `parts` runs of like work: a list weighs its blocks, and one for what every list costs.
std::vector<Range> split_lists(const std::vector<std::int64_t>& offsets, std::int64_t first, std::int64_t lists, std::int64_t parts);

// Whether a launch has so much to multiply, or of W to read, that waking threads costs less than they save, some ten microseconds of one core.
bool is_worth_threads(const CpuPlan& plan, std::int64_t tokens);

Status launch(const CpuFunction& function, const void* arguments, std::int64_t tokens, const Parallel& parallel, Scratch& scratch);

}  // namespace bsgen::cpu
