// What one warp of a launch did, instruction by instruction: the record behind `bsgen run --trace`.
//
//   sim->set_trace(TraceRequest{.cta = {3, 0, 0}, .warp = 1, .from_line = 212, .max_steps = 20});
//   kernel.launch(...);
//   for (const TraceStep& step : sim->last_report().trace) ...
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace bsgen::sim {

struct TraceRequest {
  std::array<std::uint32_t, 3> cta = {};
  int warp = 0;
  int from_line = 0;              // begins when the warp comes to the first instruction at or after this PTX line; 0 = its start
  std::uint32_t max_steps = 200;  // instructions that are kept
  bool until_finding = false;     // the last max_steps before the warp's first finding and the instruction that has it, or before its end
};

// How the 32 values of a register read best.
enum class ValueView : std::uint8_t { kPredicate, kBits, kUnsigned, kSigned, kFloat16, kBfloat16, kFloat32, kFloat64 };

struct TraceStep {
  // A register that the instruction wrote, in the lanes of TraceStep::mask. A predicate is 0 or 1 per lane.
  struct Change {
    std::string name;
    ValueView view = ValueView::kBits;
    int bytes = 4;
    bool had_value = false;  // before; else its place held another register or nothing
    std::array<std::uint64_t, 32> before = {}, after = {};
  };
  // An address operand: where each lane's address lies.
  struct Access {
    std::string verb;             // "reads", "writes", "updates", "uses"
    std::uint32_t bytes = 0;      // per lane; 0 = not known
    std::uint32_t mask = 0;
    std::vector<std::string> objects;              // "w", "allocation 2", "shared memory"
    std::array<std::uint8_t, 32> object = {};      // index into objects
    std::array<std::uint64_t, 32> offset = {};     // from the object's start
  };

  std::uint64_t number = 0;       // how many instructions the warp has executed, this one included
  int ptx_line = 0, cuda_line = 0;
  std::string cuda_file;          // empty = unknown
  std::string text;               // the instruction as the PTX has it, in one line
  std::uint32_t active = 0;       // lanes that stand here
  std::uint32_t mask = 0;         // of these, for whom the guard holds
  std::vector<Change> changes;
  std::vector<Access> accesses;
  std::vector<std::string> events;    // "waits at barrier 0: 1 of 4 warps have come"
  std::vector<std::string> findings;  // messages of what was found here
};

}  // namespace bsgen::sim
