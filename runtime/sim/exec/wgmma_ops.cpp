#include "runtime/sim/exec/wgmma_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/sim/exec/async_operations.h"
#include "runtime/sim/exec/tensor_core_integer.h"
#include "runtime/sim/exec/tensor_core_wgmma.h"
#include "runtime/sim/exec/wgmma_operands.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kChunk = 16;  // bytes of a row of a core matrix

const Op& op_at(const Warp& warp, std::uint32_t index) { return warp.cta->launch->program->ops[index]; }
const std::vector<QueuedOperation>& in_flight(const Warp& warp) { return warp.async[static_cast<int>(AsyncKind::kTensor)].pending; }

// Copies operands out of shared memory. What lies outside was reported at issue and reads as zero.
class OperandReader {
 public:
  explicit OperandReader(const Warp& warp) : shared_(warp.cta->shared.data()), size_(warp.cta->launch->shared_bytes) {}

  // 8 rows from `row` on as two fragment registers: lane 4 g + t holds the bytes 4 t .. 4 t + 3 of chunk 0 and 1 of row g.
  void rows(const MatrixDescriptor& d, bool transposed, int row, std::uint32_t* first, std::uint32_t* second) const {
    if (!transposed) {
      for (int g = 0; g < 8; ++g) {
        chunk(d.k_major(row + g, 0), first + 4 * g);
        chunk(d.k_major(row + g, 1), second + 4 * g);
      }
      return;
    }
    std::uint16_t by_k[16][8];
    for (int k = 0; k < 16; ++k) chunk(d.mn_major(row / 8, k), by_k[k]);
    for (int g = 0; g < 8; ++g)
      for (int t = 0; t < 4; ++t) {
        first[4 * g + t] = by_k[2 * t][g] | std::uint32_t{by_k[2 * t + 1][g]} << 16;
        second[4 * g + t] = by_k[8 + 2 * t][g] | std::uint32_t{by_k[8 + 2 * t + 1][g]} << 16;
      }
  }

 private:
  void chunk(std::uint32_t address, void* to) const {
    const std::uint64_t offset = std::uint64_t{address} - kSharedBase;
    if (offset <= size_ && size_ - offset >= kChunk) [[likely]]
      std::memcpy(to, shared_ + offset, kChunk);
    else
      std::memset(to, 0, kChunk);
  }

  const std::byte* shared_;
  std::uint64_t size_;
};

// The rows `first` .. `first` + count - 1 of an operand as the asynchronous reads that they are, in granules of 16 bytes.
void announce_reads(Warp& warp, const Op& op, std::uint64_t descriptor, bool transposed, int first, int count) {
  constexpr int kMaxRows = 256;
  const MatrixDescriptor d = MatrixDescriptor::decode(descriptor);
  std::uint32_t granules[2 * kMaxRows];
  int n = 0;
  const auto add = [&](std::uint32_t address) { granules[n++] = address / kChunk - kSharedBase / kChunk; };
  const std::uint32_t span = 128 * static_cast<std::uint32_t>(d.chunks);  // of 8 rows; what lies this far on is swizzled alike
  if (transposed) {
    for (int k = 0; k < 16; ++k)
      for (int q = first / 8; q < (first + count) / 8; ++q) add(d.mn_major(q, k));
  } else if (d.stride % span == 0) {
    for (int row = first; row < first + 8; ++row)
      for (int chunk = 0; chunk < 2; ++chunk) add(d.k_major(row, chunk));
    for (; n < 2 * count; ++n) granules[n] = granules[n - 16] + d.stride / kChunk;
  } else {
    for (int row = first; row < first + count; ++row)
      for (int chunk = 0; chunk < 2; ++chunk) add(d.k_major(row, chunk));
  }
  async_read_granules(warp, op, AsyncKind::kTensor, granules, n);
}

struct WgmmaOperation final : AsyncOperation {
  const Op& op;
  const bool accumulate;           // scale-d
  const std::uint64_t a, b;        // descriptors
  alignas(64) FragmentLanes a_registers[4];  // A from registers: what they held at issue

  WgmmaOperation(const Op& op, bool accumulate, std::uint64_t a, std::uint64_t b) : op(op), accumulate(accumulate), a(a), b(b) {}
  void write(Warp& warp) override;
};

void WgmmaOperation::write(Warp& warp) {
  const LaunchState& launch = *warp.cta->launch;
  const OperandReader reader(warp);
  alignas(64) FragmentLanes left[4], right[32][2];
  if (op.flags & kARegisters) {
    std::memcpy(left, a_registers, sizeof left);
  } else {
    const MatrixDescriptor d = MatrixDescriptor::decode(a);
    const int row = 16 * (warp.index % 4);
    reader.rows(d, op.flags & kTransposeA, row, left[0], left[2]);
    reader.rows(d, op.flags & kTransposeA, row + 8, left[1], left[3]);
  }
  const MatrixDescriptor d = MatrixDescriptor::decode(b);
  for (int j = 0; j < op.count; ++j) reader.rows(d, op.flags & kTransposeB, 8 * j, right[j][0], right[j][1]);
  if (op.flags & kNegateProduct)
    for (auto& reg : left)
      for (std::uint32_t& lane : reg) lane ^= static_cast<std::uint32_t>(op.immediate);

  MutableLanes result[128];
  const std::uint32_t* registers = launch.program->extra.data() + op.extra;
  for (int i = 0; i < op.element_bytes; ++i) result[i] = warp.reg32(registers[i]);
  if (op.function != nullptr) {
    const auto multiply = reinterpret_cast<WgmmaFunction>(const_cast<void*>(op.function));
    multiply(left, right, op.count, result, accumulate, launch.model);
    return;
  }
  const IntegerMmaShape shape{.m = 16, .k = 32, .bits = 8, .a_signed = (op.flags & kSignedA) != 0, .b_signed = (op.flags & kSignedB) != 0,
                              .saturate = (op.flags & kSaturateSum) != 0};
  if (!accumulate)
    for (int i = 0; i < op.element_bytes; ++i) std::fill_n(result[i], kLanes, 0u);
  const Lanes fragment[4] = {left[0], left[1], left[2], left[3]};
  for (int j = 0; j < op.count; ++j) {
    const Lanes columns[2] = {right[j][0], right[j][1]};
    const Lanes sum[4] = {result[4 * j], result[4 * j + 1], result[4 * j + 2], result[4 * j + 3]};
    integer_mma(shape, fragment, columns, sum, result + 4 * j);
  }
}

template <class T>
bool uniform(const T* lanes) {
  return std::all_of(lanes, lanes + kLanes, [&](T lane) { return lane == lanes[0]; });
}

// The warps 4 w .. 4 w + 3 execute the same wgmma instructions with the same operands, in the same order.
void join_warpgroup(Warp& warp, const Op& op, std::uint64_t a, std::uint64_t b, bool accumulate) {
  Cta& cta = *warp.cta;
  const int warpgroup = warp.index / 4;
  const std::size_t present = std::min<std::size_t>(cta.warps.size() - static_cast<std::size_t>(4 * warpgroup), 4);
  if (present < 4) {
    report(warp, op, Severity::kError, "wgmma", kWholeWarp, [&] {
      return fmt::format("executes wgmma in warpgroup {}, of which the cta has only {} of 4 warps", warpgroup, present);
    });
    return;
  }
  WarpgroupSteps& group = cta.warpgroups[warpgroup];
  const std::uint64_t number = warp.wgmma.steps++;
  if (number < group.first) return;
  if (number - group.first == group.steps.size()) group.steps.push_back({op.index, a, b, accumulate, 0});
  WarpgroupSteps::Step& step = group.steps[number - group.first];
  const auto expect = [&](bool same, auto what) {
    if (!same)
      report(warp, op, Severity::kError, "wgmma", kWholeWarp,
             [&] { return what() + fmt::format("; the warps of warpgroup {} must execute the same", warpgroup); });
    return same;
  };
  if (expect(step.op == op.index, [&] {
        return fmt::format("executes this wgmma where another warp executes the one of ptx line {}", cta.launch->program->lines[step.op].ptx);
      })) {
    expect(step.a == a, [&] { return fmt::format("has descriptor a {:#018x}, another warp {:#018x}", a, step.a); });
    expect(step.b == b, [&] { return fmt::format("has descriptor b {:#018x}, another warp {:#018x}", b, step.b); });
    expect(step.accumulate == accumulate, [&] { return fmt::format("has scale-d {:d}, another warp {:d}", accumulate, step.accumulate); });
  }
  step.warps |= static_cast<std::uint8_t>(1u << warp.index % 4);
  std::size_t complete = 0;
  while (complete < group.steps.size() && group.steps[complete].warps == 15) ++complete;
  group.steps.erase(group.steps.begin(), group.steps.begin() + static_cast<std::ptrdiff_t>(complete));
  group.first += complete;
}

void check_descriptor(Warp& warp, const Op& op, char operand, std::uint64_t bits) {
  const std::string problem = MatrixDescriptor::problem(bits);
  if (!problem.empty()) [[unlikely]]
    report(warp, op, Severity::kError, "descriptor", kWholeWarp, [&] { return fmt::format("has descriptor {} = {}", operand, problem); });
}

// Registers of this wgmma that an ordinary instruction accessed since the last wgmma.fence.
void check_fence(Warp& warp, const Op& op) {
  const WgmmaTable& table = warp.cta->launch->program->wgmma;
  if (!table.checked) return;
  if (warp.wgmma.touched.empty()) warp.wgmma.touched.assign(table.names.size(), 1);
  const WgmmaTable::Use& use = table.uses[op.target];
  for (const auto* registers : {&use.accumulators, &use.inputs})
    for (std::uint16_t reg : *registers)
      if (warp.wgmma.touched[reg] != 0)
        return report(warp, op, Severity::kError, "wgmma", kWholeWarp, [&] {
          return fmt::format("takes register {} with no wgmma.fence since it was accessed", table.names[reg]);
        });
}

// Another wgmma may add to the same accumulator in the same shape, and share A; nothing else.
void check_in_flight(Warp& warp, const Op& op) {
  if (in_flight(warp).empty()) return;
  const WgmmaTable& table = warp.cta->launch->program->wgmma;
  const WgmmaTable::Use& use = table.uses[op.target];
  const auto has = [](const std::vector<std::uint16_t>& registers, std::uint16_t reg) {
    return std::find(registers.begin(), registers.end(), reg) != registers.end();
  };
  std::uint32_t last = ~0u;  // the same instruction may be pending many times
  for (const QueuedOperation& pending : in_flight(warp)) {
    if (pending.op == last) continue;
    last = pending.op;
    const WgmmaTable::Use& other = table.uses[op_at(warp, pending.op).target];
    if (&other == &use || (other.shape == use.shape && other.accumulators == use.accumulators && use.inputs.empty())) continue;
    const auto refuse = [&](std::uint16_t reg) {
      report(warp, op, Severity::kError, "wgmma", kWholeWarp, [&] {
        return fmt::format("uses register {}, which the wgmma of ptx line {} still has; it needs a wgmma.wait_group before", table.names[reg],
                           other.line);
      });
    };
    for (std::uint16_t reg : use.accumulators) {
      if (has(other.inputs, reg)) return refuse(reg);
      if (other.shape != use.shape && has(other.accumulators, reg)) return refuse(reg);
    }
    for (std::uint16_t reg : use.inputs)
      if (has(other.accumulators, reg)) return refuse(reg);
  }
}

}  // namespace

bool wgmma_adds(const Warp& warp, const Op& op) { return ((warp.predicate(op.slot[2]) & 1) != 0) != ((op.flags & kScaleNegated) != 0); }

void wgmma_multiply(Warp& warp, const Op& op) {
  const std::uint64_t *a = op.flags & kARegisters ? nullptr : warp.reg64(op.slot[0]), *b = warp.reg64(op.slot[1]);
  const std::uint32_t scale = warp.predicate(op.slot[2]);
  if ((a != nullptr && !uniform(a)) || !uniform(b) || (scale != 0 && scale != kFullMask))
    report(warp, op, Severity::kError, "wgmma", kWholeWarp, [&] {
      return fmt::format("has a different {} in some lanes", a != nullptr && !uniform(a) ? "descriptor a" : !uniform(b) ? "descriptor b" : "scale-d");
    });
  // Where lanes differ, the first one's counts from here on.
  const bool accumulate = wgmma_adds(warp, op);
  join_warpgroup(warp, op, a == nullptr ? 0 : a[0], b[0], accumulate);
  if (a != nullptr) check_descriptor(warp, op, 'a', a[0]);
  check_descriptor(warp, op, 'b', b[0]);
  check_fence(warp, op);
  check_in_flight(warp, op);

  if (a != nullptr) announce_reads(warp, op, a[0], op.flags & kTransposeA, 16 * (warp.index % 4), 16);
  announce_reads(warp, op, b[0], op.flags & kTransposeB, 0, 8 * op.count);
  auto operation = std::make_unique<WgmmaOperation>(op, accumulate, a == nullptr ? 0 : a[0], b[0]);
  const Program& program = *warp.cta->launch->program;
  if (op.flags & kARegisters)
    for (std::uint32_t i = 0; i < 4; ++i)
      std::memcpy(operation->a_registers[i], warp.reg32(program.extra[op.extra + op.element_bytes + i]), sizeof(FragmentLanes));
  issue_async(warp, op, AsyncKind::kTensor, 0, std::move(operation));
}

void wgmma_fence(Warp& warp, const Op&) {
  const WgmmaTable& table = warp.cta->launch->program->wgmma;
  if (table.checked) warp.wgmma.touched.assign(table.names.size(), 0);
}

void wgmma_commit(Warp& warp, const Op&) { commit_async(warp, AsyncKind::kTensor); }
void wgmma_wait(Warp& warp, const Op& op) { wait_async(warp, AsyncKind::kTensor, static_cast<std::uint32_t>(op.immediate), false); }

void wgmma_watched(Warp& warp, const Op& op) {
  const WgmmaTable& table = warp.cta->launch->program->wgmma;
  const std::uint32_t index = op.index;
  const auto watched =
      std::lower_bound(table.watched.begin(), table.watched.end(), index, [](const WgmmaTable::Watched& w, std::uint32_t i) { return w.op < i; });
  if (warp.wgmma.touched.empty()) warp.wgmma.touched.assign(table.names.size(), 1);
  for (std::uint16_t reg : watched->registers) {
    warp.wgmma.touched[reg] = 1;
    for (const QueuedOperation& pending : in_flight(warp)) {
      const WgmmaTable::Use& use = table.uses[op_at(warp, pending.op).target];
      const auto in = [&](const std::vector<std::uint16_t>& registers) {
        return std::find(registers.begin(), registers.end(), reg) != registers.end();
      };
      if (!in(use.accumulators) && !in(use.inputs)) continue;
      report(warp, op, Severity::kError, "wgmma", kWholeWarp, [&] {
        return fmt::format("accesses register {}, which the wgmma of ptx line {} still has; it needs a wgmma.wait_group before", table.names[reg],
                           use.line);
      });
      break;
    }
  }
  watched->handler(warp, op);
}

void check_wgmma_at_exit(Warp& warp) {
  // The last warp of a warpgroup to end sees what not all of them executed.
  Cta& cta = *warp.cta;
  const int warpgroup = warp.index / 4;
  const std::vector<WarpgroupSteps::Step>& steps = cta.warpgroups[warpgroup].steps;
  for (int i = 4 * warpgroup; i < 4 * warpgroup + 4 && i < static_cast<int>(cta.warps.size()); ++i)
    if (!cta.warps[static_cast<std::size_t>(i)].done) return;
  if (!steps.empty())
    report(warp, op_at(warp, steps[0].op), Severity::kError, "wgmma", kWholeCta, [&] {
      std::string some;
      for (int i = 0; i < 4; ++i)
        if (steps[0].warps >> i & 1) some += fmt::format("{}{}", some.empty() ? "" : ", ", 4 * warpgroup + i);
      return fmt::format("only warp {} of warpgroup {} executed this wgmma; all four must", some, warpgroup);
    });
}

}  // namespace bsgen::sim
