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
  static constexpr int kBytes = Value::kBytes;
  static constexpr int kThreads = 32 * P::kWarpsM * P::kWarpsN;
  static constexpr int kBlocksPerSlice = P::kBlockK < P::kSlice ? P::kSlice / P::kBlockK : 1;  // 2: aligned pairs of 8-wide blocks
  static constexpr int kSlicesPerBlock = P::kBlockK > P::kSlice ? P::kBlockK / P::kSlice : 1;
  static constexpr int kGroup = P::kBlockK * kBlocksPerSlice;  // contraction elements of one entry
  static constexpr int kTileN = P::kPanel * P::kBlockN;
  static constexpr int kWarpTileM = P::kTileM / P::kWarpsM;
  static constexpr int kWarpTileN = kTileN / P::kWarpsN;
  static constexpr int kTilesM = kWarpTileM / 16;
  static constexpr int kTilesN = kWarpTileN / 8;
  static constexpr int kWarpBlocks = kWarpTileN >= P::kBlockN ? kWarpTileN / P::kBlockN : 1;  // output blocks of one warp
  static constexpr int kTilesPerBlock = kTilesN / kWarpBlocks;

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
  static constexpr int kBytesA = P::kSlicesPerStage * TileA::kBytes;
  static constexpr int kBytesB = P::kSlicesPerStage * P::kPanel * TileB::kBytes;
  static constexpr int kStageBytes = kBytesA + kBytesB;

  using Work = Entries<typename P::Schedule, P::kSlicesPerStage, kSlicesPerBlock, P::kNumStages>;

  static constexpr int kStagingColumns = kWarpTileN < 32 ? kWarpTileN : 32;
  using Stage = Staging<kWarpTileM, kStagingColumns, !P::kTokensContiguous>;
  static constexpr int kStagingBytes = P::kWarpsM * P::kWarpsN * Stage::Tile::kBytes;
  static constexpr int kPipelineBytes = P::kNumStages * kStageBytes + Work::kBytes;
  // What the host's plan asks for at launch (compiler/plan/resources.h computes the same; codegen asserts it).
  static constexpr int kSharedBytes = kPipelineBytes > kStagingBytes ? kPipelineBytes : kStagingBytes;
};

template <class P>
struct Dds {
  using G = DdsGeometry<P>;
  using Value = typename P::Value;
  using Out = typename P::Out;
  using M = Multiply<Value>;
  using Work = typename G::Work;
  static constexpr bool kPromote = P::kPromote > 0;

  const Operand& in;
  const Operand& out;
  u64 values;
  int tokens;
  u32 shared;
  int thread, lane, warp_m, warp_n;
  int token0;
  Panel panel;
  Work work;
  int num_stages;

  float acc[G::kTilesM][G::kTilesN][4] = {};

  template <class A>
  __device__ __forceinline__ Dds(const A& args, u32 shared_, const Panel& panel_, int token_tile)
      : in(P::kTransposed ? args.y : args.x), out(P::kTransposed ? args.x : args.y), values(args.w.data), tokens(args.tokens),
        shared(shared_), thread(threadIdx.x), lane(threadIdx.x & 31), warp_m((threadIdx.x >> 5) % P::kWarpsM),
        warp_n((threadIdx.x >> 5) / P::kWarpsM), token0(token_tile * P::kTileM), panel(panel_),
        work(shared_ + P::kNumStages * G::kStageBytes, args.table, args.num_panels, panel_, threadIdx.x),
        num_stages(G::kSlicesPerBlock > 1 ? panel_.count * G::kSlicesPerBlock
                                          : (panel_.count + P::kSlicesPerStage - 1) / P::kSlicesPerStage) {}

  static __device__ __forceinline__ int slice_of(int stage) { return static_cast<u32>(stage) % G::kSlicesPerBlock; }
  __device__ __forceinline__ u32 stage_base(int stage) const { return shared + static_cast<u32>(stage) % P::kNumStages * G::kStageBytes; }

  // Activations of one stage. Tokens past M and features past the matrix are zero-filled.
  __device__ __forceinline__ void load_activations(int stage) const {
    const u64 base = in.data + static_cast<u64>(panel.head) * in.head_stride * G::kBytes;
    TileCopy<typename G::TileA, P::kSlicesPerStage, P::kAlign, G::kThreads>::run(
        thread, stage_base(stage), [&](int s) { return P::kSlicesPerStage == 1 || work.exists(stage, s); },
        [&](int s, int row, int byte) {
          const int k0 = work.group(stage, s) * G::kGroup + slice_of(stage) * P::kSlice;
          const int k = P::kTokensContiguous ? k0 + row : k0 + byte / G::kBytes;
          const int m = P::kTokensContiguous ? token0 + byte / G::kBytes : token0 + row;
          // How far the source moves and the valid range shrinks from one row to the next.
          CopySource source;
          source.address = base + (static_cast<i64>(P::kTokensContiguous ? k : m) * in.leading_dimension + (P::kTokensContiguous ? m : k)) * G::kBytes;
          source.row_bytes = in.leading_dimension * G::kBytes;
          if constexpr (P::kTokensContiguous) {
            source.bytes = min_of(tokens - m, 16) * G::kBytes;
            source.rows = P::kContraction > 0 ? P::kContraction - k : kNoLimit;
          } else {
            source.bytes = P::kContraction > 0 ? min_of(P::kContraction - k, 16) * G::kBytes : kNoLimit;
            source.rows = tokens - m;
          }
          return source;
        });
  }

  // The value blocks that exist. Blocks are whole in memory: nothing to guard.
  __device__ __forceinline__ void load_values(int stage) const {
    constexpr int kBlockBytes = P::kBlockK * P::kBlockN * G::kBytes;
    constexpr int kPitch = (P::kTransposed ? P::kBlockK : P::kBlockN) * G::kBytes;
    // An aligned pair of 8-wide blocks: two tiles of half the rows (fprop) or half the row length (bprop) each.
    if constexpr (G::kBlocksPerSlice == 1) {
      TileCopy<typename G::TileB, P::kSlicesPerStage * P::kPanel, P::kAlign, G::kThreads>::run(
          thread, stage_base(stage) + G::kBytesA, [&](int tile) { return exists(stage, tile, 0); },
          [&](int tile, int row, int byte) {
            const int value = work.value(stage, tile / P::kPanel, tile % P::kPanel);
            const int first = P::kTransposed ? row * kPitch + slice_of(stage) * (P::kSlice * G::kBytes)
                                             : (slice_of(stage) * P::kSlice + row) * kPitch;
            return CopySource{values + static_cast<u64>(value) * kBlockBytes + (first + byte), kPitch, kNoLimit, kNoLimit};
          });
    } else {
      constexpr int kUnit = P::kAlign;
      constexpr int kHalfBytes = P::kBlockK * P::kBlockN * G::kBytes;  // a half is one whole block, contiguous in memory
      constexpr int kUnitsPerHalf = kHalfBytes / kUnit;
#pragma unroll 1
      for (int u = thread; u < 2 * kUnitsPerHalf * P::kPanel * P::kSlicesPerStage; u += G::kThreads) {
        const int tile = u / (2 * kUnitsPerHalf), half = u / kUnitsPerHalf % 2, offset = u % kUnitsPerHalf * kUnit;
        if (!exists(stage, tile, half)) continue;
        const int value = work.value(stage, tile / P::kPanel, tile % P::kPanel * 2 + half);
        const int row = offset / kPitch + (P::kTransposed ? 0 : half * P::kBlockK);
        const int byte = offset % kPitch + (P::kTransposed ? half * kPitch : 0);
        ptx::copy<kUnit>(stage_base(stage) + G::kBytesA + tile * G::TileB::kBytes + G::TileB::offset(row, byte),
                         values + static_cast<u64>(value) * kBlockBytes + offset, kUnit);
      }
    }
  }
  __device__ __forceinline__ bool exists(int stage, int tile, int half) const {
    const int s = tile / P::kPanel;
    if (P::kSlicesPerStage > 1 && !work.exists(stage, s)) return false;
    return (P::kPanel == 1 && G::kBlocksPerSlice == 1) || work.value(stage, s, tile % P::kPanel * G::kBlocksPerSlice + half) >= 0;
  }

  // Multiplies the slices of one stage into the accumulators.
  __device__ __forceinline__ void multiply(int stage, float (&sum)[kPromote ? G::kTilesM : 1][G::kTilesN][4], int (&pending)[G::kWarpBlocks]) {
    const u32 base = stage_base(stage);
#pragma unroll 1
    for (int s = 0; s < P::kSlicesPerStage; ++s) {
      if (P::kSlicesPerStage > 1 && !work.exists(stage, s)) break;
      u32 mask = 1;
      if constexpr (P::kPanel * G::kBlocksPerSlice > 1) {
        const int first_block = warp_n * G::kWarpTileN / P::kBlockN;
        mask = work.mask(stage, s) >> (first_block * G::kBlocksPerSlice);
        if constexpr (G::kWarpBlocks * G::kBlocksPerSlice < 32) mask &= (1u << (G::kWarpBlocks * G::kBlocksPerSlice)) - 1;
        if (mask == 0) continue;
      }
      const auto at_a = [&](int m, int k) {
        return base + s * G::TileA::kBytes + (P::kTokensContiguous ? G::TileA::offset(k, m * G::kBytes) : G::TileA::offset(m, k * G::kBytes));
      };
#pragma unroll 1
      for (int k = 0; k < P::kSlice; k += M::kStep) {
        typename M::A a[G::kTilesM];
#pragma unroll
        for (int m = 0; m < G::kTilesM; ++m)
          M::template load_a<P::kTokensContiguous>(a[m], at_a, lane, warp_m * G::kWarpTileM + m * 16, k);
#pragma unroll
        for (int n = 0; n < G::kWarpBlocks; ++n) {
          const int column = warp_n * G::kWarpTileN + n * P::kBlockN;
          const u32 tile = base + G::kBytesA + (s * P::kPanel + column / P::kBlockN) * G::TileB::kBytes;
          const auto at_b = [&](int i, int kk) {
            return tile + (P::kTransposed ? G::TileB::offset(i, kk * G::kBytes) : G::TileB::offset(kk, i * G::kBytes));
          };
          const u32 bits = mask >> (n * G::kBlocksPerSlice) & ((1u << G::kBlocksPerSlice) - 1);
          if (bits == (1u << G::kBlocksPerSlice) - 1)
            M::template step<!P::kTransposed, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, lane, column % P::kBlockN, k);
          else if constexpr (G::kBlocksPerSlice == 2) {
            if (bits != 0)
              M::template half_step<!P::kTransposed, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, lane,
                                                                                    column % P::kBlockN, k, static_cast<int>(bits >> 1));
          }
        }
      }
      if constexpr (kPromote) {
#pragma unroll
        for (int n = 0; n < G::kWarpBlocks; ++n) {
          if ((mask >> (n * G::kBlocksPerSlice) & ((1u << G::kBlocksPerSlice) - 1)) == 0) continue;
          pending[n] += P::kSlice;
          if (pending[n] >= P::kPromote) promote(sum, n, pending[n]);
        }
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
    constexpr int kRunLength = kRun<Out>;
    constexpr int kRunsPerRow = S::kLength / kRunLength;
    constexpr bool kPartial = P::kTokensContiguous || P::kOutputs > 0;  // a run may end inside
    const u32 base = shared + (threadIdx.x >> 5) * S::Tile::kBytes;
    const u64 head = static_cast<u64>(panel.head);
    const int warp_token0 = token0 + warp_m * G::kWarpTileM;
    const int warp_column0 = panel.out_block * P::kBlockN + warp_n * G::kWarpTileN;
    const typename S::Place place = S::place(base, lane);
#pragma unroll
    for (int c = 0; c < G::kWarpTileN / S::kColumns; ++c) {
      __syncwarp();
#pragma unroll
      for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
        for (int n = 0; n < S::kColumns / 8; ++n) S::put(place, m, n, acc[m][c * (S::kColumns / 8) + n]);
      __syncwarp();
#pragma unroll 1
      for (int r = lane; r < S::kRows * kRunsPerRow; r += 32) {
        const int row = r / kRunsPerRow, first = r % kRunsPerRow * kRunLength;
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
        const i64 element = P::kTokensContiguous ? static_cast<i64>(n) * out.leading_dimension + m
                                                 : static_cast<i64>(m) * out.leading_dimension + n;
        P::Epilogue::template run<Out, P::kOutAlign, P::kTokensContiguous, kPartial>(args, head, m, n, valid, v);
        store_run<Out, P::kOutAlign, kPartial>(out.data + (head * out.head_stride + element) * Out::kBytes, valid, v);
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
  Dds<P> cta(args, ptx::shared_address(bsgen_shared), panel, token_tile);
  float sum[Dds<P>::kPromote ? G::kTilesM : 1][G::kTilesN][4] = {};
  int pending[G::kWarpBlocks] = {};

  if constexpr (Dds<P>::Work::kAhead > 0) {
#pragma unroll 1
    for (int s = 0; s < Dds<P>::Work::kAhead; ++s) cta.work.prefetch(s);
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    __syncthreads();
  }
  // Negative stages only fill the pipeline: one copy of the code that loads.
#pragma unroll P::Schedule::kUnroll
  for (int stage = 1 - P::kNumStages; stage < cta.num_stages; ++stage) {
    if (stage >= 0) {
      ptx::cp_async_wait<P::kNumStages - 2>();
      __syncthreads();  // the stage has landed for all, and nobody reads the buffer that is filled next
    }
    const int next = stage + P::kNumStages - 1;
    if (next < cta.num_stages) {
      cta.load_activations(next);
      cta.load_values(next);
    }
    if (stage >= 0) cta.work.prefetch(stage + Dds<P>::Work::kAhead);
    ptx::cp_async_commit();
    if (stage >= 0) cta.multiply(stage, sum, pending);
  }
  if constexpr (Dds<P>::kPromote) {
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kTilesN; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) cta.acc[m][n][i] = __fadd_rn(sum[m][n][i], cta.acc[m][n][i]);
  }
  ptx::cp_async_wait<0>();
  __syncthreads();  // the pipeline's buffers become the staging area
  cta.store(args);
}

template <class P, class A>
__device__ __forceinline__ void dds(const A& args) {
  const int index = static_cast<int>(blockIdx.x) % args.num_panels;
  dds_panel<P>(args, P::Schedule::panel(args.table, index), static_cast<int>(blockIdx.x) / args.num_panels);
}

}  // namespace bsgen::dev
