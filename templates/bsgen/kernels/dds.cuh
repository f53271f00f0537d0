// Dense x sparse: fprop (Y = X W) and bprop (dX = dY W^T). One cta computes `kTileM` tokens x `kPanel` adjacent output blocks.
// It walks the panel's entries in ascending contraction order; each brings a slice of the activations, loaded once for all
// output blocks of the panel, and the value blocks that exist. Absent blocks are neither loaded nor multiplied.
//
//   stage s:  activations  [slice][token][k] (or [k][token])      values  [slice][output block][k][n] (or [n][k])
//
// kNumStages stages are in flight. Warps split tokens (kWarpsM) and, where masks are full, output columns (kWarpsN).
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/kernels/dds_pipeline.cuh>
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

  using Work = Entries<typename P::Schedule, P::kSlicesPerStage, kSlicesPerBlock, P::kNumStages, kThreads>;

  enum : int { kStagingColumns = kWarpTileN < 32 ? kWarpTileN : 32 };
  using Stage = Staging<kWarpTileM, kStagingColumns, !P::kTokensContiguous>;
  enum : int { kStagingBytes = P::kWarpsM * P::kWarpsN * Stage::kBytes };
  enum : int { kPipelineBytes = P::kNumStages * kStageBytes + Work::kBytes };
  // What the host's plan asks for at launch (compiler/plan/resources.h computes the same; codegen asserts it).
  enum : int { kSharedBytes = kPipelineBytes > kStagingBytes ? kPipelineBytes : kStagingBytes };
};

// Whatever does not change from stage to stage is computed once, here: the optimiser has little left to find, which is most of the
// time from a request to its kernel.
template <class P>
struct Dds {
  using G = DdsGeometry<P>;
  using Value = typename P::Value;
  using Out = typename P::Out;
  using M = Multiply<Value>;
  using Work = typename G::Work;
  using TileA = typename G::TileA;
  using TileB = typename G::TileB;
  using CopyA = TileCopy<TileA, P::kSlicesPerStage, P::kAlign, G::kThreads, G::kBytes>;
  using CopyB = TileCopy<TileB, P::kSlicesPerStage * P::kPanel, P::kAlign, G::kThreads, G::kBytes>;
  enum : bool { kPromote = P::kPromote > 0, kFeaturesContiguous = !P::kTokensContiguous };
  enum : int {
    kBlockBytes = P::kBlockK * P::kBlockN * G::kBytes,
    kBlockPitch = (P::kTransposed ? P::kBlockK : P::kBlockN) * G::kBytes,  // a row of a value block
  };

  // A stage's number, its buffer and its slot in the ring of records.
  struct Position {
    u32 stage, buffer, slot;
  };

  const Operand& in;
  const Operand& out;
  u64 values;
  int tokens;
  u32 shared, thread, lane, warp_m, warp_n;
  int token0;
  Panel panel;
  Work work;
  int num_stages;
  CopyA copy_a;
  CopyB copy_b;
  i64 row_bytes;        // of the activations
  CopySource source_a;  // where this thread's activations of contraction group 0 come from (CopyA::kFixed)
  u64 source_b;         // the same of value block 0 (CopyB::kFixed)
  Place place_a, place_b;

  float acc[G::kTilesM][G::kTilesN][4];

  template <class A>
  __device__ __forceinline__ Dds(const A& args, u32 shared_, const Panel& panel_, int token_tile)
      : in(P::kTransposed ? args.y : args.x), out(P::kTransposed ? args.x : args.y), values(args.w.data), tokens(args.tokens),
        shared(shared_), thread(threadIdx.x), lane(thread % 32), warp_m(thread / 32 % P::kWarpsM), warp_n(P::kWarpsN == 1 ? 0 : thread / 32 / P::kWarpsM),
        token0(token_tile * P::kTileM), panel(panel_),
        work(shared_ + P::kNumStages * G::kStageBytes, args.table, args.num_panels, panel_, thread),
        num_stages(G::kSlicesPerBlock > 1 ? panel_.count * G::kSlicesPerBlock
                                          : (panel_.count + P::kSlicesPerStage - 1) / P::kSlicesPerStage),
        copy_a(thread), copy_b(thread), row_bytes(in.leading_dimension * G::kBytes), source_a(activation(copy_a.row, copy_a.byte)),
        source_b(values + copy_b.row * kBlockPitch + copy_b.byte) {
    const Lane a = M::template place_a<P::kTokensContiguous>(lane), b = M::template place_b<!P::kTransposed, G::kTilesPerBlock>(lane);
    const u32 a_index = warp_m * G::kWarpTileM + a.index, b_index = warp_n * G::kWarpTileN % P::kBlockN + b.index;
    place_a = P::kTokensContiguous ? TileA::place(a.k, a_index * G::kBytes) : TileA::place(a_index, a.k * G::kBytes);
    place_b = P::kTransposed ? TileB::place(b_index, b.k * G::kBytes) : TileB::place(b.k, b_index * G::kBytes);
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kTilesN; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) acc[m][n][i] = 0.0f;
  }

  static __device__ __forceinline__ u32 slice_of(u32 stage) { return stage % G::kSlicesPerBlock; }

  // Row and byte of an activation tile that begins at contraction element 0.
  __device__ __forceinline__ CopySource activation(u32 row, u32 byte) const {
    const int k = P::kTokensContiguous ? row : byte / G::kBytes, m = token0 + (P::kTokensContiguous ? byte / G::kBytes : row);
    const u64 address = in.data + static_cast<u64>(panel.head) * in.head_stride * G::kBytes + (P::kTokensContiguous ? k : m) * row_bytes +
                        (P::kTokensContiguous ? m : k) * G::kBytes;
    const int features = P::kContraction > 0 ? P::kContraction - k : kNoLimit;
    return {address, P::kTokensContiguous ? tokens - m : features, P::kTokensContiguous ? features : tokens - m};
  }

  // Activations of one stage. Tokens past M and features past the matrix are zero-filled.
  __device__ __forceinline__ void load_activations(const Position& at) const {
    copy_a.run(
        thread, at.buffer, row_bytes, [&](int s) { return P::kSlicesPerStage == 1 || work.exists(at.stage, s); },
        [&](int s, u32 row, u32 byte) {
          const int k = work.group(at.stage, at.slot, s) * G::kGroup + slice_of(at.stage) * P::kSlice;
          CopySource source = CopyA::kFixed ? source_a : activation(row, byte);
          source.address += P::kTokensContiguous ? k * row_bytes : static_cast<i64>(k) * G::kBytes;
          if constexpr (P::kContraction > 0) (P::kTokensContiguous ? source.rows : source.elements) -= k;
          return source;
        });
  }

  // The value blocks that exist. Blocks are whole in memory: nothing to guard.
  __device__ __forceinline__ void load_values(const Position& at) const {
    // An aligned pair of 8-wide blocks: two tiles of half the rows (fprop) or half the row length (bprop) each.
    if constexpr (G::kBlocksPerSlice == 1) {
      copy_b.run(
          thread, at.buffer + G::kBytesA, kBlockPitch, [&](int tile) { return exists(at, tile, 0); },
          [&](int tile, u32 row, u32 byte) {
            const int value = work.value(at.stage, at.slot, tile / P::kPanel, tile % P::kPanel);
            const u32 first = slice_of(at.stage) * (P::kTransposed ? P::kSlice * G::kBytes : P::kSlice * kBlockPitch);
            const u64 source = CopyB::kFixed ? source_b : values + row * kBlockPitch + byte;
            return CopySource{source + static_cast<u64>(value) * kBlockBytes + first, kNoLimit, kNoLimit};
          });
    } else {
      enum : int { kUnit = P::kAlign, kUnitsPerHalf = kBlockBytes / kUnit };  // a half is one whole block, contiguous in memory
#pragma unroll 1
      for (u32 u = thread; u < 2 * kUnitsPerHalf * P::kPanel * P::kSlicesPerStage; u += G::kThreads) {
        const u32 tile = u / (2 * kUnitsPerHalf), half = u / kUnitsPerHalf % 2, offset = u % kUnitsPerHalf * kUnit;
        if (!exists(at, tile, half)) continue;
        const int value = work.value(at.stage, at.slot, tile / P::kPanel, tile % P::kPanel * 2 + half);
        const u32 row = offset / kBlockPitch + (P::kTransposed ? 0 : half * P::kBlockK);
        const u32 byte = offset % kBlockPitch + (P::kTransposed ? half * kBlockPitch : 0);
        ptx::copy<kUnit>(at.buffer + G::kBytesA + tile * TileB::kBytes + TileB::offset(row, byte),
                         values + static_cast<u64>(value) * kBlockBytes + offset, kUnit);
      }
    }
  }
  __device__ __forceinline__ bool exists(const Position& at, u32 tile, u32 half) const {
    const u32 s = tile / P::kPanel;
    if (P::kSlicesPerStage > 1 && !work.exists(at.stage, s)) return false;
    return (P::kPanel == 1 && G::kBlocksPerSlice == 1) || work.value(at.stage, at.slot, s, tile % P::kPanel * G::kBlocksPerSlice + half) >= 0;
  }

  // Which blocks of slice `s` are there for this warp: a bit per block, or per half of a pair.
  __device__ __forceinline__ u32 present(const Position& at, u32 s) const {
    if (P::kSlicesPerStage > 1 && !work.exists(at.stage, s)) return 0;
    if constexpr (P::kPanel * G::kBlocksPerSlice == 1) return 1;
    const u32 mask = work.mask(at.stage, at.slot, s) >> (first_block() * G::kBlocksPerSlice);
    enum : int { kBits = G::kWarpBlocks * G::kBlocksPerSlice };
    return kBits < 32 ? mask & ((1u << kBits % 32) - 1) : mask;
  }
  __device__ __forceinline__ u32 first_block() const { return warp_n * G::kWarpTileN / P::kBlockN; }

  // One step of slice `s` of a stage: kStep contraction elements from `k` into the accumulators.
  __device__ __forceinline__ void multiply(const Position& at, u32 s, u32 k, u32 mask, float (&sum)[kPromote ? G::kTilesM : 1][G::kTilesN][4],
                                           int (&pending)[G::kWarpBlocks]) {
    const u32 tile_a = at.buffer + s * TileA::kBytes;
    const u32 tile_b = at.buffer + G::kBytesA + (s * P::kPanel + first_block()) * TileB::kBytes;
    const auto at_a = [&](u32 m, u32 kk) {
      return tile_a + (P::kTokensContiguous ? TileA::offset(place_a, kk, m * G::kBytes) : TileA::offset(place_a, m, kk * G::kBytes));
    };
    typename M::A a[G::kTilesM];
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m) M::template load_a<P::kTokensContiguous>(a[m], at_a, m * 16, k);
#pragma unroll
    for (int n = 0; n < G::kWarpBlocks; ++n) {
      const auto at_b = [&](u32 i, u32 kk) {
        return tile_b + n * TileB::kBytes + (P::kTransposed ? TileB::offset(place_b, i, kk * G::kBytes) : TileB::offset(place_b, kk, i * G::kBytes));
      };
      const u32 bits = mask >> (n * G::kBlocksPerSlice) & ((1u << G::kBlocksPerSlice) - 1);
      if (bits == (1u << G::kBlocksPerSlice) - 1)
        M::template step<!P::kTransposed, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, k);
      else if constexpr (G::kBlocksPerSlice == 2) {
        if (bits != 0) M::template half_step<!P::kTransposed, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, k, bits >> 1);
      }
      if constexpr (kPromote) {
        if (bits == 0) continue;
        pending[n] += M::kStep;
        if (pending[n] >= P::kPromote && k == P::kSlice - M::kStep) promote(sum, n, pending[n]);
      }
    }
  }

  // Adds the tensor core's short sum to the fp32 one and starts anew: the tensor core truncates where fp32 rounds.
  __device__ __forceinline__ void promote(float (&sum)[kPromote ? G::kTilesM : 1][G::kTilesN][4], int block, int& pending) {
    pending = 0;
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = block * G::kTilesPerBlock; n < (block + 1) * G::kTilesPerBlock; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          sum[m][n][i] = __fadd_rn(sum[m][n][i], acc[m][n][i]);
          acc[m][n][i] = 0.0f;
        }
  }

  // Epilogue and stores, run by run.
  template <class A>
  __device__ __forceinline__ void store(const A& args) const {
    using S = typename G::Stage;
    enum : int { kRunLength = Run<Out>::kLength, kRunsPerRow = S::kLength / kRunLength };
    enum : bool { kPartial = P::kTokensContiguous || P::kOutputs > 0 };  // a run may end inside
    const u32 base = shared + thread / 32 * S::kBytes;
    const u64 head = static_cast<u64>(panel.head);
    const int warp_token0 = token0 + warp_m * G::kWarpTileM;
    const int warp_column0 = panel.out_block * P::kBlockN + warp_n * G::kWarpTileN;
    const u64 to = out.data + head * out.head_stride * Out::kBytes;
    const Place place = S::place(base, lane);
#pragma unroll
    for (int c = 0; c < G::kWarpTileN / S::kColumns; ++c) {
      if (c > 0) __syncwarp();
#pragma unroll
      for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
        for (int n = 0; n < S::kColumns / 8; ++n) S::put(place, m, n, acc[m][c * (S::kColumns / 8) + n]);
      __syncwarp();
#pragma unroll 1
      for (u32 r = lane; r < S::kRows * kRunsPerRow; r += 32) {
        const u32 row = r / kRunsPerRow, first = r % kRunsPerRow * kRunLength;
        float v[kRunLength];
        S::get(base, row, first, v);
        const int m = warp_token0 + (P::kTokensContiguous ? first : row);
        const int n = warp_column0 + c * S::kColumns + (P::kTokensContiguous ? S::output_row(row) : first);
        int valid = P::kTokensContiguous ? tokens - m : kRunLength;
        if (!P::kTokensContiguous && m >= tokens) valid = 0;
        if constexpr (P::kOutputs > 0) {
          if (P::kTokensContiguous) valid = n < P::kOutputs ? valid : 0;
          else valid = min_of(valid, P::kOutputs - n);
        }
        if (valid <= 0) continue;
        const i64 element = (P::kTokensContiguous ? n : m) * out.leading_dimension + (P::kTokensContiguous ? m : n);
        P::Epilogue::template run<Out, P::kOutAlign, P::kTokensContiguous, kPartial>(args, head, m, n, valid, v);
        store_run<Out, P::kOutAlign, kPartial>(to + element * Out::kBytes, valid, v);
      }
    }
  }
};

// The kernel: `panel` of token tile `token_tile`.
template <class P, class A>
__device__ __forceinline__ void dds_panel(const A& args, const Panel& panel, int token_tile) {
  extern __shared__ __align__(128) unsigned char bsgen_shared[];
  using G = DdsGeometry<P>;
  static_assert(G::kSharedBytes == P::kSharedBytes, "Params: kSharedBytes differs from what the tile needs");
  const u32 shared = ptx::shared_address(bsgen_shared);
  Dds<P> cta(args, shared, panel, token_tile);
  float sum[Dds<P>::kPromote ? G::kTilesM : 1][G::kTilesN][4] = {};
  int pending[G::kWarpBlocks] = {};

  if constexpr (Dds<P>::Work::kAhead > 0) {
    cta.work.fill();
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    __syncthreads();
  }
  Pipeline<P> pipe(cta, shared);
  if constexpr (P::Schedule::kUnroll > 1) {
#pragma unroll P::Schedule::kUnroll
    for (; pipe.stage < cta.num_stages; ++pipe.stage) {
      pipe.begin_stage(cta);
      if (pipe.stage < 0) continue;
#pragma unroll 1
      for (u32 step = 0; step < G::kSteps; ++step) pipe.multiply(cta, pipe.stage, step, sum, pending);
      pipe.end_stage(cta);
    }
    __syncthreads();  // the pipeline's buffers become the staging area
  } else {
    // One loop over all steps of all stages (and a stage more, whose barrier makes the buffers the staging area): every further loop or branch around the accumulators would cost a move of each of
    // them, in compile time if not in code.
    u32 step = 0;
#pragma unroll 1
    for (;;) {
      if (step == 0) {
#pragma unroll 1
        do {  // the first time fills the pipeline
          pipe.begin_stage(cta);
        } while (++pipe.stage <= 0);
        if (pipe.stage > cta.num_stages) break;
      }
      pipe.multiply(cta, pipe.stage - 1, step, sum, pending);
      if (++step == G::kSteps) {
        step = 0;
        pipe.end_stage(cta);
      }
    }
  }
  if constexpr (Dds<P>::kPromote) {
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kTilesN; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) cta.acc[m][n][i] = __fadd_rn(sum[m][n][i], cta.acc[m][n][i]);
  }
  cta.store(args);
}

template <class P, class A>
__device__ __forceinline__ void dds(const A& args) {
  const int index = static_cast<int>(blockIdx.x) % args.num_panels;
  dds_panel<P>(args, P::Schedule::panel(args.table, index), static_cast<int>(blockIdx.x) / args.num_panels);
}

}  // namespace bsgen::dev
