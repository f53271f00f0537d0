// Sparse = dense x dense: update (dW = X^T dY on the present blocks). One cta computes up to `kGather` block rows, any that the
// panel's block columns have, times `kPanel` adjacent block columns; it walks the tokens in ascending order.
//
//   stage s:  X  [block row][token][feature] (or [feature][token])      dY  [block column][token][feature] (or [feature][token])
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/copy.cuh>
#include <bsgen/schedule/entries.cuh>
#include <bsgen/tile/copy.cuh>
#include <bsgen/tile/multiply.cuh>
#include <bsgen/tile/shared_tile.cuh>
#include <bsgen/tile/store.cuh>

namespace bsgen::dev {

template <class P>
struct SddGeometry {
  using Value = typename P::Value;
  static constexpr int kBytes = Value::kBytes;
  static constexpr int kThreads = 32 * P::kWarpsM * P::kWarpsN;
  static constexpr int kTileM = P::kGather * P::kBlockK;
  static constexpr int kTileN = P::kPanel * P::kBlockN;
  static constexpr int kWarpTileM = kTileM / P::kWarpsM;
  static constexpr int kWarpTileN = kTileN / P::kWarpsN;
  static constexpr int kTilesM = kWarpTileM / 16;
  static constexpr int kTilesN = kWarpTileN / 8;
  static constexpr int kWarpBlocks = kWarpTileN >= P::kBlockN ? kWarpTileN / P::kBlockN : 1;
  static constexpr int kTilesPerBlock = kTilesN / kWarpBlocks;
  static constexpr int kRowsPerTile = P::kBlockK < 16 ? 16 / P::kBlockK : 1;  // block rows of one 16-row tile

  static_assert(kTileM % (16 * P::kWarpsM) == 0, "Params: kGather * kBlockK is a multiple of 16 rows per warp");
  static_assert(kTileN % (8 * P::kWarpsN) == 0, "Params: kPanel * kBlockN is a multiple of 8 columns per warp");
  static_assert(P::kSlice % Multiply<Value>::kStep == 0 && P::kSlice * kBytes >= 16, "Params: kSlice is a multiple of the tensor-core step");
  static_assert(kTilesM * kWarpBlocks <= 32, "Params: a warp has at most 32 presence bits");
  static_assert(P::kNumStages >= 2, "Params: kNumStages is at least 2");
  static_assert(P::kAlign == 16 || P::kAlign == 4 || P::kAlign == 2, "Params: kAlign is 16, 4 or 2 bytes");
  static_assert(P::kOutAlign == 16 || P::kOutAlign == 4 || P::kOutAlign == 2, "Params: kOutAlign is 16, 4 or 2 bytes");

  using TileA = SharedTile<P::kTokensContiguous ? P::kBlockK : P::kSlice, (P::kTokensContiguous ? P::kSlice : P::kBlockK) * kBytes,
                           !P::kTokensContiguous && Multiply<Value>::kSharedPairs>;
  using TileB = SharedTile<P::kTokensContiguous ? P::kBlockN : P::kSlice, (P::kTokensContiguous ? P::kSlice : P::kBlockN) * kBytes,
                           !P::kTokensContiguous && Multiply<Value>::kSharedPairs>;
  static constexpr int kBytesA = P::kGather * TileA::kBytes;
  static constexpr int kStageBytes = kBytesA + P::kPanel * TileB::kBytes;
  static constexpr int kRecordWords = 2 + P::kPanel;  // block row, mask, value per block column
  static constexpr int kEntryBytes = (P::kGather * kRecordWords * 4 + 15) / 16 * 16;

  static constexpr int kStagingColumns = kWarpTileN < 32 ? kWarpTileN : 32;
  using Stage = Staging<kWarpTileM, kStagingColumns, true>;
  static constexpr int kStagingBytes = P::kWarpsM * P::kWarpsN * Stage::Tile::kBytes;
  static constexpr int kPipelineBytes = P::kNumStages * kStageBytes;
  static constexpr int kSharedBytes = (kPipelineBytes > kStagingBytes ? kPipelineBytes : kStagingBytes) + kEntryBytes;
};

template <class P>
struct Sdd {
  using G = SddGeometry<P>;
  using Value = typename P::Value;
  using Out = typename P::Out;
  using M = Multiply<Value>;

  const Operand& x;
  const Operand& dy;
  u64 values;
  int tokens;
  u32 shared, entries;
  int thread, lane, warp_m, warp_n;
  Panel panel;
  u32 active;  // bit n * kTilesM + m: the warp's tile row m has a block in its block column n

  float acc[G::kTilesM][G::kTilesN][4] = {};

  template <class A>
  __device__ __forceinline__ Sdd(const A& args, u32 shared_, const Panel& panel_)
      : x(args.x), dy(args.y), values(args.w.data), tokens(args.tokens), shared(shared_),
        entries(shared_ + G::kSharedBytes - G::kEntryBytes), thread(threadIdx.x), lane(threadIdx.x & 31),
        warp_m((threadIdx.x >> 5) % P::kWarpsM), warp_n((threadIdx.x >> 5) / P::kWarpsM), panel(panel_), active(0) {
    for (int i = thread; i < P::kGather; i += G::kThreads) {
      const bool exists = i < panel.count;
      const u32 entry = entries + i * (G::kRecordWords * 4);
      ptx::st_shared_u32(entry, exists ? P::Schedule::group(args, panel, i) : 0);
      ptx::st_shared_u32(entry + 4, exists ? P::Schedule::mask(args, panel, i) : 0);
#pragma unroll 1
      for (int n = 0; n < P::kPanel; ++n) ptx::st_shared_u32(entry + 8 + n * 4, exists ? P::Schedule::value(args, panel, i, n) : -1);
    }
    __syncthreads();
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kWarpBlocks; ++n) {
        const int row = (warp_m * G::kWarpTileM + m * 16) / P::kBlockK;
        const int column = (warp_n * G::kWarpTileN + n * P::kBlockN) / P::kBlockN;
        bool present = false;
#pragma unroll
        for (int i = 0; i < G::kRowsPerTile; ++i) present |= entry_mask(row + i) >> column & 1;
        if (present) active |= 1u << (n * G::kTilesM + m);
      }
  }

  __device__ __forceinline__ int block_row(int i) const { return static_cast<int>(ptx::ld_shared_u32(entries + i * (G::kRecordWords * 4))); }
  __device__ __forceinline__ u32 entry_mask(int i) const { return ptx::ld_shared_u32(entries + i * (G::kRecordWords * 4) + 4); }
  __device__ __forceinline__ int value(int i, int n) const {
    return static_cast<int>(ptx::ld_shared_u32(entries + (i * G::kRecordWords + 2 + n) * 4));
  }
  __device__ __forceinline__ u32 stage_base(int stage) const { return shared + static_cast<u32>(stage) % P::kNumStages * G::kStageBytes; }

  // One operand's features of one stage's tokens: kTiles tiles, tile i holds the features from `feature(i)`. Tokens past M,
  // features past the matrix and tiles that do not exist are zero-filled.
  template <class Tile, int kTiles, int kLimit, class Feature>
  __device__ __forceinline__ void load(const Operand& in, u32 to, int stage, const Feature& feature) const {
    const u64 base = in.data + static_cast<u64>(panel.head) * in.head_stride * G::kBytes;
    TileCopy<Tile, kTiles, P::kAlign, G::kThreads>::run(
        thread, to, [](int) { return true; },
        [&](int tile, int row, int byte) {
          const int first = feature(tile);  // negative: no such tile
          const int f = first + (P::kTokensContiguous ? row : byte / G::kBytes);
          const int m = stage * P::kSlice + (P::kTokensContiguous ? byte / G::kBytes : row);
          CopySource source;
          source.address = base + (static_cast<i64>(P::kTokensContiguous ? f : m) * in.leading_dimension + (P::kTokensContiguous ? m : f)) * G::kBytes;
          source.row_bytes = in.leading_dimension * G::kBytes;
          const int features = first < 0 ? 0 : kLimit > 0 ? kLimit - f : kNoLimit;
          source.bytes = min_of(P::kTokensContiguous ? tokens - m : features, 16) * G::kBytes;
          source.rows = P::kTokensContiguous ? features : tokens - m;
          return source;
        });
  }

  __device__ __forceinline__ void load_stage(int stage) const {
    const u32 base = stage_base(stage);
    load<typename G::TileA, P::kGather, P::kContraction>(
        x, base, stage, [&](int i) { return i < panel.count ? block_row(i) * P::kBlockK : -P::kBlockK; });
    load<typename G::TileB, P::kPanel, P::kOutputs>(
        dy, base + G::kBytesA, stage, [&](int i) { return (panel.out_block + i) * P::kBlockN; });
  }

  __device__ __forceinline__ void multiply(int stage) {
    const u32 base = stage_base(stage);
    const auto at_a = [&](int f, int m) {
      const u32 tile = base + f / P::kBlockK * G::TileA::kBytes;
      const int i = f % P::kBlockK;
      return tile + (P::kTokensContiguous ? G::TileA::offset(i, m * G::kBytes) : G::TileA::offset(m, i * G::kBytes));
    };
#pragma unroll 1
    for (int k = 0; k < P::kSlice; k += M::kStep) {
      typename M::A a[G::kTilesM];
#pragma unroll
      for (int m = 0; m < G::kTilesM; ++m)
        M::template load_a<!P::kTokensContiguous>(a[m], at_a, lane, warp_m * G::kWarpTileM + m * 16, k);
#pragma unroll
      for (int n = 0; n < G::kWarpBlocks; ++n) {
        const u32 rows = active >> (n * G::kTilesM) & ((G::kTilesM == 32 ? 0u : 1u << (G::kTilesM & 31)) - 1u);
        if (rows == 0) continue;
        const int column = warp_n * G::kWarpTileN + n * P::kBlockN;
        const u32 tile = base + G::kBytesA + column / P::kBlockN * G::TileB::kBytes;
        const auto at_b = [&](int i, int m) {
          return tile + (P::kTokensContiguous ? G::TileB::offset(i, m * G::kBytes) : G::TileB::offset(m, i * G::kBytes));
        };
        M::template step<!P::kTokensContiguous, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, lane,
                                                                               column % P::kBlockN, k, rows);
      }
    }
  }

  // Blocks are row-major and whole: padding elements are written as 0.
  __device__ __forceinline__ void store() const {
    using S = typename G::Stage;
    constexpr int kRunLength = kRun<Out>;
    constexpr int kRunsPerRow = S::kLength / kRunLength;
    const u32 base = shared + (threadIdx.x >> 5) * S::Tile::kBytes;
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
        const int f = warp_m * G::kWarpTileM + row, n = warp_n * G::kWarpTileN + c * S::kColumns + first;
        const int i = f / P::kBlockK;
        const int block = value(i, n / P::kBlockN);
        if (block < 0) continue;
        const u64 address = values + (static_cast<u64>(block) * (P::kBlockK * P::kBlockN) + f % P::kBlockK * P::kBlockN + n % P::kBlockN) * Out::kBytes;
        if constexpr (P::kAccumulate) {
          float old[kRunLength];
          load_run<Out, P::kOutAlign, false>(address, kRunLength, old);
#pragma unroll
          for (int e = 0; e < kRunLength; ++e) v[e] = __fadd_rn(old[e], v[e]);
        }
        if constexpr (P::kContraction > 0) {
          if (block_row(i) * P::kBlockK + f % P::kBlockK >= P::kContraction) {
#pragma unroll
            for (int e = 0; e < kRunLength; ++e) v[e] = 0.0f;
          }
        }
        if constexpr (P::kOutputs > 0) {
#pragma unroll
          for (int e = 0; e < kRunLength; ++e)
            if (panel.out_block * P::kBlockN + n + e >= P::kOutputs) v[e] = 0.0f;
        }
        store_run<Out, P::kOutAlign, false>(address, kRunLength, v);
      }
    }
  }
};

template <class P, class A>
__device__ __forceinline__ void sdd_panel(const A& args, const Panel& panel) {
  extern __shared__ __align__(128) unsigned char bsgen_shared[];
  using G = SddGeometry<P>;
  static_assert(G::kSharedBytes == P::kSharedBytes, "Params: kSharedBytes differs from what the tile needs");
  constexpr bool kPromote = P::kPromote > 0;
  if (panel.count <= 0) return;  // closed forms: a short column's last cta
  Sdd<P> cta(args, ptx::shared_address(bsgen_shared), panel);
  const int num_stages = (cta.tokens + P::kSlice - 1) / P::kSlice;
  float sum[kPromote ? G::kTilesM : 1][G::kTilesN][4] = {};

  // Negative stages only fill the pipeline: one copy of the code that loads.
#pragma unroll 1
  for (int stage = 1 - P::kNumStages; stage < num_stages; ++stage) {
    if (stage >= 0) {
      ptx::cp_async_wait<P::kNumStages - 2>();
      __syncthreads();  // the stage has landed for all, and nobody reads the buffer that is filled next
    }
    const int next = stage + P::kNumStages - 1;
    if (next < num_stages) cta.load_stage(next);
    ptx::cp_async_commit();
    if (stage < 0) continue;
    cta.multiply(stage);
    if constexpr (kPromote) {
      static_assert(!kPromote || P::kPromote % P::kSlice == 0, "Params: kPromote is a multiple of kSlice");
      if ((stage + 1) % (P::kPromote / P::kSlice) == 0) {
#pragma unroll
        for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
          for (int n = 0; n < G::kTilesN; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              sum[m][n][i] = __fadd_rn(sum[m][n][i], cta.acc[m][n][i]);
              cta.acc[m][n][i] = 0.0f;
            }
      }
    }
  }
  if constexpr (kPromote) {
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kTilesN; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) cta.acc[m][n][i] = __fadd_rn(sum[m][n][i], cta.acc[m][n][i]);
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  cta.store();
}

template <class P, class A>
__device__ __forceinline__ void sdd(const A& args) {
  sdd_panel<P>(args, P::Schedule::panel(args.table, static_cast<int>(blockIdx.x)));
}

}  // namespace bsgen::dev
