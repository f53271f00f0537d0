// The simulated device: takes the PTX that would be assembled for the GPU and executes it on the CPU, warp by warp, with the
// tensor core's exact arithmetic. What a GPU would do wrong is reported, what it would spend is counted.
//
//   bsgen::sim::SimDevice::create({.arch = *bsgen::Arch::parse("sm_80")})
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/device.h"
#include "runtime/sim/trace.h"

namespace bsgen::sim {

// When asynchronous work lands: at issue, at the last moment that the waits allow, or either as a seed says.
enum class Timing : std::uint8_t { kEarly, kLate, kMixed };

// Which of the legal executions a launch takes. A kernel whose output bits differ between two of them is wrong.
//   early   everything asynchronous lands at issue; ctas and warps in rising order; elect.sync takes the lowest lane
//   late    at the wait that needs it; elect.sync takes the highest lane
//   seed:N  each operation early or late, ctas, warps and the sides of a diverged branch in an order drawn from N
struct Schedule {
  Timing timing = Timing::kEarly;
  std::uint64_t seed = 0;            // with kMixed
  static Expected<Schedule> parse(std::string_view text);  // "early", "late", "seed:7"
  std::string text() const;
  bool operator==(const Schedule&) const = default;
};

struct SimOptions {
  Arch arch;                         // whose tensor-core arithmetic and limits are modelled
  Timing timing = Timing::kEarly;    // of the schedule
  std::uint64_t seed = 0;
  int num_threads = 0;               // worker threads; 0 = one per core
  std::uint64_t instruction_budget = 0;  // of a cluster, in warp instructions: more is a live-lock; 0 = 2^26 for each warp
  int max_diagnostics = 32;          // distinct ones that are kept; counting goes on
  bool checks = true;                // false: races and values that were never written are not looked for, which is faster
};

enum class Severity : std::uint8_t { kError, kWarning };

// One finding. The same kind at the same instruction is one diagnostic with a count, and so are copies of one instruction that the compiler
// made of one place in the source (check/finding_groups.h); its place is then the first one's.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string kind;       // "out_of_bounds", "misaligned", "uninitialized", "divergence", "deadlock", "shared_race", ...
  std::string message;    // "sim: cta (3, 0) thread 17 reads 4 bytes at shared offset 49152, the allocation ends at 49152 (ptx line 212)"
  int ptx_line = 0;
  int cuda_line = 0;      // of the generated CUDA (-lineinfo); 0 = unknown
  std::uint64_t count = 1;
  std::string cuda_file;  // file name of cuda_line, without its folder; empty = unknown
  // Whose instruction it is: the first that has it, in order of ctas; of a deadlock, one that waits. Findings made
  // before anything ran have no warp.
  std::array<std::uint32_t, 3> cta = {};
  int warp = -1;
  std::size_t instructions = 1;  // that have it
  std::vector<int> ptx_lines;    // of these, in rising order
};

// What one launch would spend (DESIGN section 8 defines each).
struct Counters {
  std::uint64_t global_read_bytes = 0;
  std::uint64_t global_write_bytes = 0;
  std::uint64_t shared_wavefronts = 0;
  std::uint64_t shared_wavefronts_ideal = 0;
  std::uint64_t mma_flops_issued = 0;
  std::uint64_t warp_instructions = 0;
};

// The kind of work that an instruction is.
enum class InstructionClass : std::uint8_t {
  kTensor,      // mma, wgmma
  kGlobal,      // loads, stores, atomics; generic addresses too
  kShared,      // the same, ldmatrix and stmatrix
  kLocal,
  kConstant,    // constant memory and parameters
  kAsyncCopy,   // cp.async and bulk copies
  kFloat, kInteger,
  kSpecial,     // approximate functions, roots and reciprocals
  kConvert, kMove,
  kWarp,        // shuffles, votes, reductions
  kSynchronize, // barriers, fences, waits
  kControl,
};
inline constexpr int kNumInstructionClasses = static_cast<int>(InstructionClass::kControl) + 1;
std::string_view name(InstructionClass kind);  // "tensor", "async copy"

// One instruction of the kernel, over all warps that came to it. Instructions stand in the order of the PTX.
struct InstructionProfile {
  std::string_view opcode;     // "ld.global.v4.u32"; points into LaunchReport::text
  std::string_view cuda_file;  // as Diagnostic's
  int ptx_line = 0;
  int cuda_line = 0;
  InstructionClass kind = InstructionClass::kControl;
  std::uint64_t executions = 0;        // warp instructions
  std::uint64_t skipped = 0;           // of these, no lane executed: the guard was false for all
  std::uint64_t active_lanes = 0;      // summed; 32 x executions where no lane is away or guarded
  std::uint64_t waits = 0;             // executions at which the warp stopped until others came
  std::uint64_t requested_bytes = 0;   // of global memory, by all lanes
  std::uint64_t global_read_bytes = 0, global_write_bytes = 0;  // 32 x sectors
  std::uint64_t shared_wavefronts = 0, shared_wavefronts_ideal = 0;
  std::uint64_t mma_flops = 0;
};

struct LaunchReport {
  std::vector<Diagnostic> diagnostics;
  Counters counters;                          // sums over `instructions`
  std::vector<InstructionProfile> instructions;
  std::shared_ptr<const std::string> text;    // the PTX that the names point into
  std::vector<TraceStep> trace;  // of the warp that set_trace() asked for
  std::uint64_t ctas = 0;
  std::uint32_t threads = 0, shared_bytes = 0;  // per cta; static and dynamic shared memory
  double seconds = 0;  // wall time of the simulation
  bool failed() const;  // holds an error
};

class SimDevice : public Device {
 public:
  static std::shared_ptr<SimDevice> create(SimOptions options);

  // Of the launches that follow.
  virtual void set_schedule(const Schedule& schedule) = 0;
  void set_timing(Timing timing) { set_schedule({timing, 0}); }
  // SimOptions::instruction_budget of the launches that follow.
  virtual void set_instruction_budget(std::uint64_t warp_instructions) = 0;
  // Watches one warp of the launches that follow; they run at their usual speed otherwise. std::nullopt = none.
  virtual void set_trace(const std::optional<TraceRequest>& request) = 0;
  // What findings and traces call the memory that begins at this address: "x"; else it is "an allocation".
  virtual void name_memory(std::uint64_t address, const std::string& name) = 0;
  // Of the last launch on this device. A launch whose report holds errors also returns kCheckFailed with the first message.
  virtual const LaunchReport& last_report() const = 0;
  // Marks memory as holding unknown values: reading it before writing it is reported. New allocations are so marked.
  virtual void mark_uninitialized(std::uint64_t address, std::size_t bytes) = 0;
};

}  // namespace bsgen::sim
