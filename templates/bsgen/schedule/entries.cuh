// How a cta learns what to do next. An entry is one group of contraction blocks with, for each output block of the panel, the
// index of the value block there (-1 = absent). Generated code provides a Schedule with
//
//   Panel panel(index)             the cta's share
//   int group(panel, e)            contraction group of entry e
//   int value(panel, e, slot)      value block of output block slot / kBlocksPerSlice, half slot % kBlocksPerSlice; -1 = absent
//   u32 mask(panel, e)             bit per slot: present
//
// In tier `table` these stand in global memory and travel through a small ring in shared memory, two pipeline depths ahead of
// their use, so that no address waits for them.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/copy.cuh>
#include <bsgen/ptx/memory.cuh>

namespace bsgen::dev {

// Tier `table`: panels, then records of kRecordWords words {group, mask, value...}.
template <int kRecordWordsV>
struct TableSchedule {
  static constexpr bool kInMemory = true;
  static constexpr int kUnroll = 1;
  static constexpr int kRecordWords = kRecordWordsV;
  static_assert(kRecordWords % 4 == 0, "TableSchedule: records are whole 16-byte units");

  static __device__ __forceinline__ Panel panel(u64 table, int index) {
    u32 words[4];
    ptx::ld_global_nc_v4(table + static_cast<u64>(index) * 16, words);
    return {static_cast<int>(words[0]), static_cast<int>(words[1]), static_cast<int>(words[2]), static_cast<int>(words[3])};
  }
  static __device__ __forceinline__ u64 record(u64 table, int num_panels, int entry) {
    return table + static_cast<u64>(num_panels) * 16 + static_cast<u64>(entry) * (kRecordWords * 4);
  }

  // update reads its few entries once, straight from memory.
  template <class A>
  static __device__ __forceinline__ int word(const A& args, const Panel& panel, int e, int w) {
    return static_cast<int>(ptx::ld_global_nc_u32(record(args.table, args.num_panels, panel.first + e) + 4 * w));
  }
  template <class A>
  static __device__ __forceinline__ int group(const A& args, const Panel& panel, int e) { return word(args, panel, e, 0); }
  template <class A>
  static __device__ __forceinline__ u32 mask(const A& args, const Panel& panel, int e) { return word(args, panel, e, 1); }
  template <class A>
  static __device__ __forceinline__ int value(const A& args, const Panel& panel, int e, int s) { return word(args, panel, e, 2 + s); }
};

// The entries of the cta's panel, stage by stage. kPerStage entries belong to one stage (one, where a stage is part of a block).
template <class Schedule, int kPerStage, int kStagesPerEntry, int kNumStages, bool kInMemory = Schedule::kInMemory>
struct Entries;

template <class Schedule, int kPerStage, int kStagesPerEntry, int kNumStages>
struct Entries<Schedule, kPerStage, kStagesPerEntry, kNumStages, true> {
  static constexpr int kSlots = 2 * kNumStages;
  static constexpr int kUnits = kPerStage * Schedule::kRecordWords / 4;
  static constexpr int kBytes = kSlots * kUnits * 16;
  static constexpr int kAhead = 2 * kNumStages - 2;  // stages between a record's copy and its last use

  u32 ring;
  u64 first;
  int count;
  int thread;

  __device__ __forceinline__ Entries(u32 shared, u64 table, int num_panels, const Panel& panel, int thread_)
      : ring(shared), first(Schedule::record(table, num_panels, panel.first)), count(panel.count), thread(thread_) {}

  // Queues the copy of one stage's records.
  __device__ __forceinline__ void prefetch(int stage) const {
    const u32 entry = static_cast<u32>(stage) / kStagesPerEntry * kPerStage;
    if (thread < kUnits && static_cast<int>(entry) + thread / (Schedule::kRecordWords / 4) < count)
      ptx::copy<16>(slot(stage) + thread * 16, first + (static_cast<u64>(entry) * (Schedule::kRecordWords / 4) + thread) * 16, 16);
  }
  __device__ __forceinline__ bool exists(int stage, int i) const { return static_cast<int>(static_cast<u32>(stage) / kStagesPerEntry * kPerStage) + i < count; }
  __device__ __forceinline__ int group(int stage, int i) const { return word(stage, i, 0); }
  __device__ __forceinline__ u32 mask(int stage, int i) const { return word(stage, i, 1); }
  __device__ __forceinline__ int value(int stage, int i, int s) const { return word(stage, i, 2 + s); }

 private:
  __device__ __forceinline__ u32 slot(int stage) const { return ring + static_cast<u32>(stage) % kSlots * (kUnits * 16); }
  __device__ __forceinline__ int word(int stage, int i, int w) const {
    return static_cast<int>(ptx::ld_shared_u32(slot(stage) + (i * Schedule::kRecordWords + w) * 4));
  }
};

template <class Schedule, int kPerStage, int kStagesPerEntry, int kNumStages>
struct Entries<Schedule, kPerStage, kStagesPerEntry, kNumStages, false> {
  static constexpr int kBytes = 0;
  static constexpr int kAhead = 0;
  Panel panel;

  __device__ __forceinline__ Entries(u32, u64, int, const Panel& panel_, int) : panel(panel_) {}
  __device__ __forceinline__ void prefetch(int) const {}
  __device__ __forceinline__ bool exists(int stage, int i) const { return entry(stage, i) < panel.count; }
  __device__ __forceinline__ int group(int stage, int i) const { return Schedule::group(panel, entry(stage, i)); }
  __device__ __forceinline__ u32 mask(int stage, int i) const { return Schedule::mask(panel, entry(stage, i)); }
  __device__ __forceinline__ int value(int stage, int i, int s) const { return Schedule::value(panel, entry(stage, i), s); }

 private:
  static __device__ __forceinline__ int entry(int stage, int i) { return static_cast<u32>(stage) / kStagesPerEntry * kPerStage + i; }
};

}  // namespace bsgen::dev
