// Which instructions could touch registers that a wgmma has: followed along all paths here, looked at again when they execute
// (wgmma_watched), so that a path that never is taken accuses nobody. A correct kernel has none and pays nothing.
#include <algorithm>

#include "runtime/sim/decode/blocks.h"
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/wgmma_ops.h"

namespace bsgen::sim::decoding {
namespace {

constexpr std::uint8_t kIdle = 255;  // not in flight; else the commits since its wgmma, the fewest of all paths

// Of every tracked register, before an op.
struct State {
  std::vector<std::uint8_t> age;
  std::vector<std::uint8_t> touched;  // some path accessed it since the last wgmma.fence
  bool join(const State& other) {
    bool changed = false;
    for (std::size_t i = 0; i < age.size(); ++i) {
      changed |= other.age[i] < age[i] || other.touched[i] > touched[i];
      age[i] = std::min(age[i], other.age[i]);
      touched[i] = std::max(touched[i], other.touched[i]);
    }
    return changed;
  }
};

class Watcher {
 public:
  Watcher(Draft& draft, const ptx::Function& function) : draft_(draft), program_(draft.program), table_(draft.program.wgmma) {
    tracked_.assign(draft.values.size(), -1);
    for (const Op& op : program_.ops) {
      if (op.handler != &wgmma_multiply) continue;
      WgmmaTable::Use& use = table_.uses[op.target];
      for (std::uint32_t i = 0; i < op.element_bytes + (op.flags & kARegisters ? 4u : 0u); ++i) {
        const std::uint32_t value = program_.extra[op.extra + i];
        if (draft.values[value].is_constant || draft.values[value].is_sink) continue;
        if (tracked_[value] < 0) {
          tracked_[value] = static_cast<int>(table_.names.size());
          table_.names.push_back(function.registers[value].full_name());
          values_.push_back(value);
        }
        (i < op.element_bytes ? use.accumulators : use.inputs).push_back(static_cast<std::uint16_t>(tracked_[value]));
      }
    }
    first_reference_.assign(program_.ops.size() + 1, 0);
    for (const Reference& reference : draft_.references) ++first_reference_[reference.op + 1];
    for (std::size_t i = 1; i < first_reference_.size(); ++i) first_reference_[i] += first_reference_[i - 1];
  }

  void run() {
    const std::vector<Block> blocks = blocks_of(program_);
    const std::size_t num = table_.names.size();
    std::vector<State> in(blocks.size(), State{std::vector<std::uint8_t>(num, kIdle), std::vector<std::uint8_t>(num, 0)});
    std::vector<bool> reached(blocks.size(), false);
    reached[0] = true;
    std::fill(in[0].touched.begin(), in[0].touched.end(), 1);  // the first wgmma needs a fence too
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        if (!reached[b]) continue;
        State state = in[b];
        for (std::uint32_t op = blocks[b].first; op < blocks[b].last; ++op) step(op, state);
        for (std::uint32_t next : blocks[b].successors) {
          changed |= !reached[next];
          reached[next] = true;
          changed |= in[next].join(state);
        }
      }
    }
    std::vector<Reference> kept;  // a register lives until the wait that ends its wgmma
    bool suspicious = false;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      if (!reached[b]) continue;
      State state = in[b];
      for (std::uint32_t op = blocks[b].first; op < blocks[b].last; ++op) {
        suspicious |= suspect(op, state);
        if (program_.ops[op].handler == &wgmma_wait)
          for (std::size_t i = 0; i < num; ++i)
            if (state.age[i] != kIdle) kept.push_back({op, values_[i], false, true});
        step(op, state);
      }
    }
    draft_.references.insert(draft_.references.end(), kept.begin(), kept.end());
    std::sort(draft_.references.begin(), draft_.references.end(), [](const Reference& a, const Reference& b) {
      return a.op != b.op ? a.op < b.op : a.value != b.value ? a.value < b.value : a.is_definition > b.is_definition;
    });
    if (suspicious) watch_all();
  }

 private:
  template <class Visit>
  void each_tracked(std::uint32_t op, Visit visit) const {
    for (std::uint32_t i = first_reference_[op]; i < first_reference_[op + 1]; ++i)
      if (tracked_[draft_.references[i].value] >= 0) visit(static_cast<std::size_t>(tracked_[draft_.references[i].value]));
  }

  void step(std::uint32_t index, State& state) const {
    const Op& op = program_.ops[index];
    if (op.handler == &wgmma_multiply) {
      each_tracked(index, [&](std::size_t i) { state.age[i] = 0; });
    } else if (op.handler == &wgmma_commit) {
      for (std::uint8_t& age : state.age) age = age < 100 ? static_cast<std::uint8_t>(age + 1) : age;
    } else if (op.handler == &wgmma_wait && op.guard == kNoGuard) {
      for (std::uint8_t& age : state.age) age = age > op.immediate ? kIdle : age;
    } else if (op.handler == &wgmma_fence && op.guard == kNoGuard) {
      std::fill(state.touched.begin(), state.touched.end(), 0);
    } else {
      each_tracked(index, [&](std::size_t i) { state.touched[i] = 1; });
    }
  }

  // Whether something could be wrong at this op.
  bool suspect(std::uint32_t index, const State& state) const {
    bool found = false;
    const bool multiplies = program_.ops[index].handler == &wgmma_multiply;
    each_tracked(index, [&](std::size_t i) { found |= multiplies ? state.touched[i] != 0 : state.age[i] != kIdle; });
    return found;
  }

  // From here on execution decides: every ordinary instruction with a tracked register is looked at.
  void watch_all() {
    table_.checked = true;
    for (const Reference& reference : draft_.references) {
      Op& op = program_.ops[reference.op];
      if (tracked_[reference.value] < 0 || op.kind != OpKind::kPlain || op.handler == &wgmma_multiply || op.handler == &wgmma_wait) continue;
      if (op.handler != &wgmma_watched) table_.watched.push_back({reference.op, op.handler, {}});
      op.handler = &wgmma_watched;
      table_.watched.back().registers.push_back(static_cast<std::uint16_t>(tracked_[reference.value]));
    }
  }

  Draft& draft_;
  Program& program_;
  WgmmaTable& table_;
  std::vector<int> tracked_;            // by value; -1 = no wgmma has it
  std::vector<std::uint32_t> values_;   // by tracked register
  std::vector<std::uint32_t> first_reference_;
};

}  // namespace

void watch_wgmma_registers(Draft& draft, const ptx::Function& function) {
  if (!draft.program.wgmma.uses.empty()) Watcher(draft, function).run();
}

}  // namespace bsgen::sim::decoding
