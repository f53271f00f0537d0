// Dense x sparse: fprop (Y = X W) and bprop (dX = dY W^T). One cta computes `kTileM` tokens x `kPanel` adjacent output blocks.
// It walks the panel's entries in ascending contraction order; each brings a slice of the activations, loaded once for all
// output blocks of the panel, and the value blocks that exist. Absent blocks are neither loaded nor multiplied.
//
//   stage s:  activations  [slice][token][k] (or [k][token])      values  [slice][output block][k][n] (or [n][k])
//
// kNumStages stages are in flight. Warps split tokens (kWarpsM) and, where masks are full, output columns (kWarpsN).
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/copy.cuh>
#include <bsgen/schedule/entries.cuh>
#include <bsgen/tile/copy.cuh>
#include <bsgen/tile/multiply.cuh>
#include <bsgen/tile/shared_tile.cuh>
#include <bsgen/tile/store.cuh>

namespace bsgen::dev {

// What Params must say, and the geometry that follows.
template <class P>
struct DdsGeometry {
  using Value = typename P::Value;
  enum : int { kBytes = Value::kBytes };
  enum : int { kThreads = 32 * P::kWarpsM * P::kWarpsN };
  enum : int { kBlocksPerSlice = P::kBlockK < P::kSlice ? P::kSlice / P::kBlockK : 1 };  // 2: aligned pairs of 8-wide blocks
  enum : int { kSlicesPerBlock = P::kBlockK > P::kSlice ? P::kBlockK / P::kSlice : 1 };
  enum : int { kGroup = P::kBlockK * kBlocksPerSlice };  // contraction elements of one entry
  enum : int { kTileN = P::kPanel * P::kBlockN };
  enum : int { kWarpTileM = P::kTileM / P::kWarpsM };
  enum : int { kWarpTileN = kTileN / P::kWarpsN };
  enum : int { kTilesM = kWarpTileM / 16 };
  enum : int { kTilesN = kWarpTileN / 8 };
  enum : int { kWarpBlocks = kWarpTileN >= P::kBlockN ? kWarpTileN / P::kBlockN : 1 };  // output blocks of one warp
  enum : int { kTilesPerBlock = kTilesN / kWarpBlocks };
  enum : int { kStepsPerSlice = P::kSlice / Multiply<Value>::kStep };
  enum : int { kSteps = P::kSlicesPerStage * kStepsPerSlice };  // of a stage

  static_assert(P::kBlockK >= 8 && P::kBlockN >= 8, "Params: kBlockK and kBlockN are at least 8");
  static_assert(P::kTileM % (16 * P::kWarpsM) == 0, "Params: kTileM is a multiple of 16 rows per warp");
  static_assert(kTileN % (8 * P::kWarpsN) == 0, "Params: kPanel * kBlockN is a multiple of 8 columns per warp");
  static_assert(P::kSlice % Multiply<Value>::kStep == 0, "Params: kSlice is a multiple of the tensor-core step");
  static_assert(kBlocksPerSlice <= 2, "Params: a slice holds one block or an aligned pair");
  static_assert(kSlicesPerBlock == 1 || P::kSlicesPerStage == 1, "Params: a stage that is part of a block holds one slice");
  static_assert(P::kPanel * kBlocksPerSlice <= 32, "Params: kPanel has at most 32 presence bits");
  static_assert(P::kNumStages >= 2, "Params: kNumStages is at least 2");
  static_assert(P::kAlign == 16 || P::kAlign == 4 || P::kAlign == 2, "Params: kAlign is 16, 4 or 2 bytes");
  static_assert(P::kOutAlign == 16 || P::kOutAlign == 4 || P::kOutAlign == 2, "Params: kOutAlign is 16, 4 or 2 bytes");

  // Activations: rows are tokens (features contiguous) or contraction (tokens contiguous).
  using TileA = SharedTile<P::kTokensContiguous ? P::kSlice : P::kTileM, (P::kTokensContiguous ? P::kTileM : P::kSlice) * kBytes,
                           P::kTokensContiguous && Multiply<Value>::kSharedPairs>;
  // One value block's slice: rows are contraction (fprop) or output features (bprop), as the block lies in memory.
  using TileB = SharedTile<P::kTransposed ? P::kBlockN : P::kSlice, (P::kTransposed ? P::kSlice : P::kBlockN) * kBytes,
                           !P::kTransposed && Multiply<Value>::kSharedPairs>;
  enum : int { kBytesA = P::kSlicesPerStage * TileA::kBytes };
  enum : int { kBytesB = P::kSlicesPerStage * P::kPanel * TileB::kBytes };
  enum : int { kStageBytes = kBytesA + kBytesB };

  using ViewA = TileView<TileA, P::kTokensContiguous, kBytes>;
  using ViewB = TileView<TileB, !P::kTransposed, kBytes>;
  using CopyA = TileCopy<TileA, P::kSlicesPerStage, P::kAlign, kThreads, kBytes>;
  using CopyB = TileCopy<TileB, P::kSlicesPerStage * P::kPanel, P::kAlign, kThreads, kBytes>;
  enum : int { kBlockBytes = P::kBlockK * P::kBlockN * kBytes };
  enum : int { kBlockPitch = (P::kTransposed ? P::kBlockK : P::kBlockN) * kBytes };  // a row of a value block

  using Work = Entries<typename P::Schedule, P::kSlicesPerStage, kSlicesPerBlock, P::kNumStages, kThreads>;

  enum : int { kStagingColumns = kWarpTileN < 32 ? kWarpTileN : 32 };
  using Stage = Staging<kWarpTileM, kStagingColumns, !P::kTokensContiguous>;
  enum : int { kStagingBytes = P::kWarpsM * P::kWarpsN * Stage::kBytes };
  enum : int { kPipelineBytes = P::kNumStages * kStageBytes + Work::kBytes };
  // What the host's plan asks for at launch (compiler/plan/resources.h computes the same; codegen asserts it).
  enum : int { kSharedBytes = kPipelineBytes > kStagingBytes ? kPipelineBytes : kStagingBytes };
};

// Where row and byte of an activation tile that begins at contraction element 0 come from. `activations`: of the panel's head.
template <class P>
__device__ __forceinline__ CopySource activation(const u64& activations, const i64& row_bytes, const int& tokens, const int& token0, const u32& row, const u32& byte) {
  enum : int { kBytes = P::Value::kBytes };
  const int k = P::kTokensContiguous ? row : byte / kBytes, m = token0 + (P::kTokensContiguous ? byte / kBytes : row);
  const u64 address = activations + (P::kTokensContiguous ? k : m) * row_bytes + (P::kTokensContiguous ? m : k) * kBytes;
  const int features = P::kContraction > 0 ? P::kContraction - k : kNoLimit;
  return {address, P::kTokensContiguous ? tokens - m : features, P::kTokensContiguous ? features : tokens - m};
}

// An aligned pair of 8-wide blocks is two tiles of half the rows (fprop) or half the row length (bprop) each. Copies the halves of
// one stage that exist. value(tile, half): the value block, or -1.
template <class P, class Value>
__device__ __forceinline__ void copy_pairs(u32 thread, u32 to, u64 values, const Value& value) {
  using G = DdsGeometry<P>;
  enum : int { kUnit = P::kAlign, kUnitsPerHalf = G::kBlockBytes / kUnit };  // a half is one whole block, contiguous in memory
#pragma unroll 1
  for (u32 u = thread; u < 2 * kUnitsPerHalf * P::kPanel * P::kSlicesPerStage; u += G::kThreads) {
    const u32 tile = u / (2 * kUnitsPerHalf), half = u / kUnitsPerHalf % 2, offset = u % kUnitsPerHalf * kUnit;
    const int block = value(tile, half);
    if (block < 0) continue;
    const u32 row = offset / G::kBlockPitch + (P::kTransposed ? 0 : half * P::kBlockK);
    const u32 byte = offset % G::kBlockPitch + (P::kTransposed ? half * G::kBlockPitch : 0);
    ptx::copy<kUnit>(to + tile * G::TileB::kBytes + G::TileB::offset(row, byte),
                     values + static_cast<u64>(block) * G::kBlockBytes + offset, kUnit);
  }
}

// The kernel: one panel of one token tile. It is one function, without state in objects and without lambdas on the usual way, and
// what does not change from stage to stage is computed once: NVRTC's time is most of the time from a request to its kernel, and
// every function that it inlines costs as much as two statements.
template <class P, class A>
__device__ __forceinline__ void dds(const A& args) {
  extern __shared__ __align__(128) unsigned char bsgen_shared[];
  using G = DdsGeometry<P>;
  using Out = typename P::Out;
  using M = Multiply<typename P::Value>;
  using TileA = typename G::TileA;
  using TileB = typename G::TileB;
  using CopyA = typename G::CopyA;
  using CopyB = typename G::CopyB;
  using Work = typename G::Work;
  enum : bool { kPromote = P::kPromote > 0 };
  static_assert(G::kSharedBytes == P::kSharedBytes, "Params: kSharedBytes differs from what the tile needs");

  // The cta's share, and the warp's.
  const Panel panel = P::Schedule::panel(args.table, static_cast<int>(blockIdx.x));
  const int token0 = static_cast<int>(blockIdx.z * gridDim.y + blockIdx.y) * P::kTileM;
  const Operand& in = P::kTransposed ? args.y : args.x;
  const Operand& out = P::kTransposed ? args.x : args.y;
  const u32 shared = ptx::shared_address(bsgen_shared), thread = threadIdx.x, lane = thread % 32;
  const u32 warp_m = thread / 32 % P::kWarpsM, warp_n = P::kWarpsN == 1 ? 0 : thread / 32 / P::kWarpsM;
  const u32 first_block = warp_n * G::kWarpTileN / P::kBlockN;  // of the warp's output blocks
  const Work work(shared + P::kNumStages * G::kStageBytes, args.table, args.num_panels, panel);
  const int num_stages = G::kSlicesPerBlock > 1 ? panel.count * G::kSlicesPerBlock : (panel.count + P::kSlicesPerStage - 1) / P::kSlicesPerStage;

  // What this thread copies (kFixed): from the activations of contraction element 0 and from value block 0.
  const CopyA copy_a(thread);
  const CopyB copy_b(thread);
  const i64 row_bytes = in.leading_dimension * G::kBytes;
  const u64 activations = in.data + static_cast<u64>(panel.head) * in.head_stride * G::kBytes;
  const CopySource source_a = activation<P>(activations, row_bytes, args.tokens, token0, copy_a.row, copy_a.byte);
  const u64 source_b = args.w.data + copy_b.row * G::kBlockPitch + copy_b.byte;

  // What this lane reads of a stage.
  const Lane lane_a = M::template place_a<P::kTokensContiguous>(lane), lane_b = M::template place_b<!P::kTransposed, G::kTilesPerBlock>(lane);
  const u32 index_a = warp_m * G::kWarpTileM + lane_a.index, index_b = warp_n * G::kWarpTileN % P::kBlockN + lane_b.index;
  const Place place_a = P::kTokensContiguous ? TileA::place(lane_a.k, index_a * G::kBytes) : TileA::place(index_a, lane_a.k * G::kBytes);
  const Place place_b = P::kTransposed ? TileB::place(index_b, lane_b.k * G::kBytes) : TileB::place(lane_b.k, index_b * G::kBytes);

  float acc[G::kTilesM][G::kTilesN][4] = {};
  // kPromote: the tensor core truncates where fp32 rounds, so its sums are kept short (`pending` contraction elements) and added here.
  float sum[kPromote ? G::kTilesM : 1][G::kTilesN][4] = {};
  int pending[G::kWarpBlocks] = {};

  // The first records of the schedule.
  if constexpr (Work::kAhead > 0) {
    enum : int { kUnits = Work::kAhead * Work::kUnits };
    if constexpr (kUnits <= G::kThreads) {
      if (thread < kUnits) work.copy(thread / Work::kUnits, work.ring + thread / Work::kUnits * Work::kSlotBytes, thread % Work::kUnits);
    } else {
#pragma unroll 1
      for (u32 u = thread; u < kUnits; u += G::kThreads) work.copy(u / Work::kUnits, work.ring + u / Work::kUnits * Work::kSlotBytes, u % Work::kUnits);
    }
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    __syncthreads();
  }

  // `stage` is the one that is multiplied, negative while the pipeline is being filled; kNumStages - 1 stages on, in the buffer that
  // the stage before has left, is the one that is loaded; as much again and one the one whose records are.
  const u32 last_buffer = shared + (P::kNumStages - 1) * G::kStageBytes;
  u32 filled = shared, next_buffer = shared + G::kStageBytes;
  int stage = 1 - P::kNumStages;
#pragma unroll P::Schedule::kUnroll
  do {  // runs at least once, if only to fill: of a loop that may not run at all NVVM keeps every sum twice
    if (stage >= 0) {
      ptx::cp_async_wait<P::kNumStages - 2>();
      __syncthreads();  // the stage has landed for all, and nobody reads the buffer that is filled next
      if constexpr (Work::kAhead > 0) {
        if (thread < Work::kUnits) work.copy(stage + Work::kAhead, work.slot(stage + Work::kAhead), thread);
      }
    }

    const int next = stage + P::kNumStages - 1;
    if (next < num_stages) {
      const u32 fill_slot = work.slot(next), part = static_cast<u32>(next) % G::kSlicesPerBlock;  // which slice of its block
      // Activations. Tokens past M and features past the matrix are zero-filled.
      if constexpr (CopyA::kFixed) {
        int round = 0;
#pragma unroll CopyA::kUnrollRounds
        do {
          const u32 s = copy_a.tile + round * CopyA::kTilesPerPass;
          if (P::kSlicesPerStage > 1 && ((CopyA::kUneven && s >= P::kSlicesPerStage) || !work.exists(next, s))) continue;
          const int k = work.group(next, fill_slot, s) * G::kGroup + part * P::kSlice, features = P::kContraction > 0 ? k : 0;
          copy_a.walk(filled + s * TileA::kBytes, source_a.address + (P::kTokensContiguous ? k * row_bytes : static_cast<i64>(k) * G::kBytes), row_bytes,
                      source_a.rows - (P::kTokensContiguous ? features : 0), CopyA::valid_bytes(source_a.elements - (P::kTokensContiguous ? 0 : features)));
        } while (++round < CopyA::kRounds);
      } else {
        CopyA::each(
            thread, filled, [&](u32 s) { return P::kSlicesPerStage == 1 || work.exists(next, s); },
            [&](u32 s, u32 row, u32 byte) {
              const int k = work.group(next, fill_slot, s) * G::kGroup + part * P::kSlice;
              CopySource from = activation<P>(activations, row_bytes, args.tokens, token0, row, byte);
              from.address += P::kTokensContiguous ? k * row_bytes : static_cast<i64>(k) * G::kBytes;
              if constexpr (P::kContraction > 0) (P::kTokensContiguous ? from.rows : from.elements) -= k;
              return from;
            });
      }
      // The value blocks that exist. Blocks are whole in memory: nothing to guard.
      const u32 to = filled + G::kBytesA, first = part * (P::kTransposed ? P::kSlice * G::kBytes : P::kSlice * G::kBlockPitch);
      if constexpr (G::kBlocksPerSlice == 2) {
        copy_pairs<P>(thread, to, args.w.data, [&](u32 tile, u32 half) {
          const u32 s = tile / P::kPanel;
          return P::kSlicesPerStage == 1 || work.exists(next, s) ? work.value(next, fill_slot, s, tile % P::kPanel * 2 + half) : -1;
        });
      } else if constexpr (CopyB::kFixed) {
        int round = 0;
#pragma unroll CopyB::kUnrollRounds
        do {
          const u32 tile = copy_b.tile + round * CopyB::kTilesPerPass, s = tile / P::kPanel;
          if (CopyB::kUneven && tile >= P::kPanel * P::kSlicesPerStage) continue;
          if (P::kSlicesPerStage > 1 && !work.exists(next, s)) continue;
          const int block = work.value(next, fill_slot, s, tile % P::kPanel);
          if (P::kPanel > 1 && block < 0) continue;
          copy_b.walk(to + tile * TileB::kBytes, source_b + static_cast<u64>(block) * G::kBlockBytes + first, G::kBlockPitch, kNoLimit, 16);
        } while (++round < CopyB::kRounds);
      } else {
        CopyB::each(
            thread, to,
            [&](u32 tile) {
              const u32 s = tile / P::kPanel;
              return (P::kSlicesPerStage == 1 || work.exists(next, s)) && (P::kPanel == 1 || work.value(next, fill_slot, s, tile % P::kPanel) >= 0);
            },
            [&](u32 tile, u32 row, u32 byte) {
              const int block = work.value(next, fill_slot, tile / P::kPanel, tile % P::kPanel);
              return CopySource{args.w.data + static_cast<u64>(block) * G::kBlockBytes + first + row * G::kBlockPitch + byte, kNoLimit, kNoLimit};
            });
      }
    }
    ptx::cp_async_commit();

    const u32 used = next_buffer;
    filled = used;
    next_buffer = used == last_buffer ? shared : used + G::kStageBytes;
    if (stage < 0) continue;

    u32 present = 1;  // a bit per block of the warp that the slice has, or per half of a pair
#pragma unroll 1
    for (u32 step = 0; step < G::kSteps; ++step) {
      const u32 s = P::kSlicesPerStage > 1 ? step / G::kStepsPerSlice : 0;
      const u32 k = (P::kSlicesPerStage > 1 ? step % G::kStepsPerSlice : step) * M::kStep;
      if constexpr (P::kPanel * G::kBlocksPerSlice * P::kSlicesPerStage > 1) {
        enum : int { kBits = G::kWarpBlocks * G::kBlocksPerSlice };
        if (k == 0) {
          present = P::kSlicesPerStage == 1 || work.exists(stage, s);
          if (P::kPanel * G::kBlocksPerSlice > 1 && present != 0)
            present = work.mask(stage, work.slot(stage), s) >> (first_block * G::kBlocksPerSlice) & (kBits < 32 ? (1u << kBits % 32) - 1 : ~0u);
        }
        if (present == 0) continue;
      }
      const Place at_a{used + s * TileA::kBytes + place_a.row, place_a.byte};
      typename M::A a[G::kTilesM];
#pragma unroll
      for (int m = 0; m < G::kTilesM; ++m) M::template load_a<typename G::ViewA>(a[m], at_a, m * 16, k);
#pragma unroll
      for (int n = 0; n < G::kWarpBlocks; ++n) {
        const Place at_b{used + G::kBytesA + (s * P::kPanel + first_block + n) * TileB::kBytes + place_b.row, place_b.byte};
        const u32 bits = present >> (n * G::kBlocksPerSlice) & ((1u << G::kBlocksPerSlice) - 1);
        if (bits == (1u << G::kBlocksPerSlice) - 1)
          M::template step<typename G::ViewB, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, k);
        else if constexpr (G::kBlocksPerSlice == 2) {
          if (bits != 0) M::template half_step<typename G::ViewB, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, k, bits >> 1);
        }
        if constexpr (kPromote) {
          if (bits == 0) continue;
          pending[n] += M::kStep;
          if (pending[n] < P::kPromote || k != P::kSlice - M::kStep) continue;
          pending[n] = 0;
#pragma unroll
          for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
            for (int t = n * G::kTilesPerBlock; t < (n + 1) * G::kTilesPerBlock; ++t)
#pragma unroll
              for (int i = 0; i < 4; ++i) {
                sum[m][t][i] = __fadd_rn(sum[m][t][i], acc[m][t][i]);
                acc[m][t][i] = 0.0f;
              }
        }
      }
    }
  } while (++stage < num_stages);
  if constexpr (kPromote) {
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kTilesN; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) acc[m][n][i] = __fadd_rn(sum[m][n][i], acc[m][n][i]);
  }
  __syncthreads();  // the pipeline's buffers become the staging area

  // Epilogue and stores, run by run.
  using S = typename G::Stage;
  enum : int { kRunLength = Run<Out>::kLength, kRunsPerRow = S::kLength / kRunLength };
  enum : bool { kPartial = P::kTokensContiguous || P::kOutputs > 0 };  // a run may end inside
  const u32 staged = shared + thread / 32 * S::kBytes;
  const Place place = S::place(staged, lane);
  const u32 first = lane % kRunsPerRow * kRunLength;
  const u64 head = static_cast<u64>(panel.head), to = out.data + head * out.head_stride * Out::kBytes;
#pragma unroll
  for (int c = 0; c < G::kWarpTileN / S::kColumns; ++c) {
    if (c > 0) __syncwarp();
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < S::kColumns / 8; ++n) S::put(place, m, n, acc[m][c * (S::kColumns / 8) + n]);
    __syncwarp();
#pragma unroll 1
    for (u32 row = lane / kRunsPerRow; row < S::kRows; row += 32 / kRunsPerRow) {
      float v[kRunLength];
      S::get(staged, row, first, v);
      const int m = token0 + warp_m * G::kWarpTileM + (P::kTokensContiguous ? first : row);
      const int n = panel.out_block * P::kBlockN + warp_n * G::kWarpTileN + c * S::kColumns + (P::kTokensContiguous ? S::output_row(row) : first);
      int valid = P::kTokensContiguous ? args.tokens - m : kRunLength;
      if (!P::kTokensContiguous && m >= args.tokens) valid = 0;
      if constexpr (P::kOutputs > 0) {
        if (P::kTokensContiguous) valid = n < P::kOutputs ? valid : 0;
        else valid = min_of(valid, P::kOutputs - n);
      }
      if (valid <= 0) continue;
      const i64 element = (P::kTokensContiguous ? n : m) * out.leading_dimension + (P::kTokensContiguous ? m : n);
      if constexpr (!IsSame<typename P::Epilogue, void>::value)
        P::Epilogue::template run<Out, P::kOutAlign, P::kTokensContiguous, kPartial>(args, head, m, n, valid, v);
      store_run<Out, P::kOutAlign, kPartial>(to + element * Out::kBytes, valid, v);
    }
  }
}

}  // namespace bsgen::dev
