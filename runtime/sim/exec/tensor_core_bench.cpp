#include "runtime/sim/exec/tensor_core_bench.h"

#include <time.h>

#include <algorithm>
#include <cstdint>

#include "runtime/sim/exec/fp_convert.h"

namespace bsgen::sim {

namespace {

std::uint32_t encode(MmaType type, float x) {
  switch (type) {
    case MmaType::kF16:
      return f32_to_f16(x);
    case MmaType::kBf16:
      return f32_to_bf16(x);
    case MmaType::kTf32:
      return f32_to_tf32(x);
    case MmaType::kE4m3:
      return f32_to_e4m3(x);
    case MmaType::kE5m2:
      return f32_to_e5m2(x);
  }
  return 0;
}

// A value between -2 and 2 from a linear congruential sequence: magnitudes of some binades, as in
// practice.
float next_value(std::uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  const float x = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31f;
  return x * (1 + x * x);
}

void fill(MmaType type, std::uint32_t (&regs)[4][32], std::uint32_t& state) {
  const int bits = type == MmaType::kTf32                            ? 32
                   : type == MmaType::kF16 || type == MmaType::kBf16 ? 16
                                                                     : 8;
  for (auto& reg : regs) {
    for (auto& lane : reg) {
      lane = 0;
      for (int shift = 0; shift < 32; shift += bits)
        lane |= encode(type, next_value(state)) << shift;
    }
  }
}

// Processor time of this thread: what others do on the machine does not count.
double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

double mma_gflops(const MmaShape& shape, Isa isa, const TensorCoreModel& model) {
  const MmaFunction mma = mma_function(shape, isa);
  if (mma == nullptr) return 0;
  alignas(64) std::uint32_t a[4][32], b[4][32], c[4][32], d[4][32];
  std::uint32_t state = 1;
  fill(shape.a, a, state);
  fill(shape.b, b, state);
  fill(shape.acc == AccType::kF16 ? MmaType::kF16 : MmaType::kTf32, c, state);
  const Lanes pa[4] = {a[0], a[1], a[2], a[3]}, pb[4] = {b[0], b[1], b[2], b[3]},
              pc[4] = {c[0], c[1], c[2], c[3]};
  const MutableLanes pd[4] = {d[0], d[1], d[2], d[3]};

  double best = 0;
  for (int run = 0; run < 10; ++run) {
    const double start = thread_seconds();
    double seconds = 0;
    int count = 0;
    for (; seconds < 0.005; count += 200) {
      for (int i = 0; i < 200; ++i) mma(pa, pb, pc, pd, model);
      seconds = thread_seconds() - start;
    }
    best = std::max(best, 2e-9 * 16 * 8 * shape.k * count / seconds);
  }
  return best;
}

}  // namespace bsgen::sim
