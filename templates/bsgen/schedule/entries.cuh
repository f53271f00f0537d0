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

// Tier `table`: panels of 16 bytes, then records of kRecordWords words {group, mask, value...}.
template <int kRecordWordsV>
struct TableSchedule {
  enum : bool { kInMemory = true };
  enum : int { kUnroll = 1 };
  enum : int { kRecordWords = kRecordWordsV };
  static_assert(kRecordWords % 4 == 0, "TableSchedule: records are whole 16-byte units");

  static __device__ __forceinline__ Panel panel(u64 table, int index) {
    Panel p;
    ptx::ld_global_nc_v4(table + static_cast<u64>(index) * 16, p.head, p.out_block, p.first, p.count);
    return p;
  }
  // update reads its few entries once, straight from memory.
  template <class A>
  static __device__ __forceinline__ int word(const A& args, const Panel& panel, int e, int w) {
    return static_cast<int>(ptx::ld_global_nc_u32(args.table + (static_cast<i64>(args.num_panels) * 16 + static_cast<i64>(panel.first + e) * (kRecordWords * 4) + 4 * w)));
  }
  template <class A>
  static __device__ __forceinline__ int group(const A& args, const Panel& panel, int e) { return word(args, panel, e, 0); }
  template <class A>
  static __device__ __forceinline__ u32 mask(const A& args, const Panel& panel, int e) { return word(args, panel, e, 1); }
  template <class A>
  static __device__ __forceinline__ int value(const A& args, const Panel& panel, int e, int s) { return word(args, panel, e, 2 + s); }
};

// The entries of the cta's panel, stage by stage. kPerStage entries belong to one stage (one, where a stage is part of a block). A
// stage is named by its number and, in tier `table`, by its slot in the ring.
template <class Schedule, int kPerStage, int kStagesPerEntry, int kNumStages, int kThreads, bool kInMemory = Schedule::kInMemory>
struct Entries;

template <class Schedule, int kPerStage, int kStagesPerEntry, int kNumStages, int kThreads>
struct Entries<Schedule, kPerStage, kStagesPerEntry, kNumStages, kThreads, true> {
  enum : int {
    kSlots = kNumStages <= 2 ? 4 : kNumStages <= 4 ? 8 : 16,  // at least two pipeline depths, a power of two
    kRecordBytes = Schedule::kRecordWords * 4,
    kUnitsPerRecord = kRecordBytes / 16,
    kUnits = kPerStage * kUnitsPerRecord,
    kSlotBytes = kUnits * 16,
    kBytes = kSlots * kSlotBytes,
    kAhead = 2 * kNumStages - 1,  // stages between a record's copy and its last use
  };

  u32 ring;
  u64 first;
  int count;

  __device__ __forceinline__ Entries(u32 shared, u64 table, int num_panels, const Panel& panel)
      : ring(shared), first(table + (static_cast<i64>(num_panels) * 16 + static_cast<i64>(panel.first) * kRecordBytes)), count(panel.count) {}

  __device__ __forceinline__ u32 slot(const int& stage) const { return ring + static_cast<u32>(stage) % kSlots * kSlotBytes; }

  // Queues the copy of one 16-byte unit of a stage's records. Where the panel has ended there is none: nobody would wait for it.
  __device__ __forceinline__ void copy(u32 stage, u32 slot, u32 unit) const {
    const u32 entry = stage / kStagesPerEntry * kPerStage;
    if (static_cast<int>(entry + unit / kUnitsPerRecord) < count)
      ptx::copy<16>(slot + unit * 16, first + (static_cast<u64>(entry) * kUnitsPerRecord + unit) * 16, 16);
  }
  __device__ __forceinline__ bool exists(u32 stage, int i) const { return static_cast<int>(stage / kStagesPerEntry * kPerStage) + i < count; }
  static __device__ __forceinline__ int group(u32, u32 slot, int i) { return ptx::ld_shared_u32(slot + i * kRecordBytes); }
  static __device__ __forceinline__ u32 mask(u32, u32 slot, int i) { return ptx::ld_shared_u32(slot + i * kRecordBytes + 4); }
  static __device__ __forceinline__ int value(u32, u32 slot, int i, int s) { return ptx::ld_shared_u32(slot + i * kRecordBytes + 8 + s * 4); }
};

template <class Schedule, int kPerStage, int kStagesPerEntry, int kNumStages, int kThreads>
struct Entries<Schedule, kPerStage, kStagesPerEntry, kNumStages, kThreads, false> {
  enum : int { kBytes = 0, kAhead = 0, kUnits = 0, kSlotBytes = 0 };
  enum : u32 { ring = 0 };
  Panel panel;

  __device__ __forceinline__ Entries(u32, u64, int, const Panel& panel_) : panel(panel_) {}
  static __device__ __forceinline__ u32 slot(int) { return 0; }
  __device__ __forceinline__ bool exists(u32 stage, int i) const { return entry(stage, i) < panel.count; }
  __device__ __forceinline__ int group(u32 stage, u32, int i) const { return Schedule::group(panel, entry(stage, i)); }
  __device__ __forceinline__ u32 mask(u32 stage, u32, int i) const { return Schedule::mask(panel, entry(stage, i)); }
  __device__ __forceinline__ int value(u32 stage, u32, int i, int s) const { return Schedule::value(panel, entry(stage, i), s); }

 private:
  static __device__ __forceinline__ int entry(u32 stage, int i) { return stage / kStagesPerEntry * kPerStage + i; }
};

}  // namespace bsgen::dev
