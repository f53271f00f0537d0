// How a cta of dds.cuh walks its stages: which buffer and which slot of the ring each one has, when it is waited for and what is
// loaded meanwhile.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/copy.cuh>

namespace bsgen::dev {

template <class P>
struct DdsGeometry;
template <class P>
struct Dds;

// Where the cta is: `stage` is the one that is multiplied, negative while the pipeline is being filled; kNumStages - 1 stages on is
// the one that is loaded.
template <class P>
struct Pipeline {
  using G = DdsGeometry<P>;
  using Cta = Dds<P>;
  using Position = typename Cta::Position;

  int stage = 1 - P::kNumStages;
  u32 shared, filled, used;             // buffers
  u32 fill_slot, use_slot, ahead_slot;  // of the ring of records
  u32 present = 1;                      // blocks of the slice that is being multiplied

  __device__ __forceinline__ Pipeline(const Cta& cta, u32 shared_)
      : shared(shared_), filled(shared_), used(shared_), fill_slot(cta.work.first_slot()), use_slot(fill_slot), ahead_slot(cta.work.ahead_slot()) {}

  __device__ __forceinline__ u32 after(u32 buffer) const {
    return buffer == shared + (P::kNumStages - 1) * G::kStageBytes ? shared : buffer + G::kStageBytes;
  }

  __device__ __forceinline__ void begin_stage(const Cta& cta) {
    if (stage >= 0) {
      ptx::cp_async_wait<P::kNumStages - 2>();
      __syncthreads();  // the stage has landed for all, and nobody reads the buffer that is filled next
      cta.work.prefetch(stage + Cta::Work::kAhead, ahead_slot);
      ahead_slot = cta.work.next_slot(ahead_slot);
    }
    const int next = stage + P::kNumStages - 1;
    if (next < cta.num_stages) {
      const Position position{static_cast<u32>(next), filled, fill_slot};
      cta.load_activations(position);
      cta.load_values(position);
      filled = after(filled);
      fill_slot = cta.work.next_slot(fill_slot);
    }
    ptx::cp_async_commit();
  }
  template <class Sum, class Pending>
  __device__ __forceinline__ void multiply(Cta& cta, u32 at_stage, u32 step, Sum& sum, Pending& pending) {
    const Position at{at_stage, used, use_slot};
    const u32 slice = step / G::kStepsPerSlice, k = step % G::kStepsPerSlice * Cta::M::kStep;
    if (k == 0) present = cta.present(at, slice);
    if (P::kPanel * G::kBlocksPerSlice * P::kSlicesPerStage == 1 || present != 0) cta.multiply(at, slice, k, present, sum, pending);
  }
  __device__ __forceinline__ void end_stage(const Cta& cta) {
    used = after(used);
    use_slot = cta.work.next_slot(use_slot);
  }
};

}  // namespace bsgen::dev
