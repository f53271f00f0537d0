// Sparse = dense x dense: update (dW = X^T dY on the present blocks). One cta computes up to `kGather` block rows, any that the
// panel's block columns have, times `kPanel` adjacent block columns; it walks the tokens in ascending order.
//
//   stage s:  X  [block row][token][feature] (or [feature][token])      dY  [block column][token][feature] (or [feature][token])
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/copy.cuh>
#include <bsgen/schedule/entries.cuh>
#include <bsgen/tile/copy.cuh>
#include <bsgen/tile/load_run.cuh>
#include <bsgen/tile/multiply.cuh>
#include <bsgen/tile/shared_tile.cuh>
#include <bsgen/tile/store.cuh>

namespace bsgen::dev {

template <class P>
struct SddGeometry {
  using Value = typename P::Value;
  enum : int { kBytes = Value::kBytes };
  enum : int { kThreads = 32 * P::kWarpsM * P::kWarpsN };
  enum : int { kTileM = P::kGather * P::kBlockK };
  enum : int { kTileN = P::kPanel * P::kBlockN };
  enum : int { kWarpTileM = kTileM / P::kWarpsM };
  enum : int { kWarpTileN = kTileN / P::kWarpsN };
  enum : int { kTilesM = kWarpTileM / 16 };
  enum : int { kTilesN = kWarpTileN / 8 };
  enum : int { kWarpBlocks = kWarpTileN >= P::kBlockN ? kWarpTileN / P::kBlockN : 1 };
  enum : int { kTilesPerBlock = kTilesN / kWarpBlocks };
  enum : int { kRowsPerTile = P::kBlockK < 16 ? 16 / P::kBlockK : 1 };  // block rows of one 16-row tile

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
  enum : int { kBytesA = P::kGather * TileA::kBytes };
  enum : int { kStageBytes = kBytesA + P::kPanel * TileB::kBytes };
  enum : int { kRecordWords = 2 + P::kPanel };  // block row, mask, value per block column
  enum : int { kEntryBytes = (P::kGather * kRecordWords * 4 + 15) / 16 * 16 };

  enum : int { kStagingColumns = kWarpTileN < 32 ? kWarpTileN : 32 };
  using Stage = Staging<kWarpTileM, kStagingColumns, true>;
  enum : int { kStagingBytes = P::kWarpsM * P::kWarpsN * Stage::kBytes };
  enum : int { kPipelineBytes = P::kNumStages * kStageBytes };
  enum : int { kSharedBytes = (kPipelineBytes > kStagingBytes ? kPipelineBytes : kStagingBytes) + kEntryBytes };
};

// Whatever does not change from stage to stage is computed once, here (as in dds.cuh).
template <class P>
struct Sdd {
  using G = SddGeometry<P>;
  using Value = typename P::Value;
  using Out = typename P::Out;
  using M = Multiply<Value>;
  using TileA = typename G::TileA;
  using TileB = typename G::TileB;
  using CopyA = TileCopy<TileA, P::kGather, P::kAlign, G::kThreads, G::kBytes>;
  using CopyB = TileCopy<TileB, P::kPanel, P::kAlign, G::kThreads, G::kBytes>;
  enum : bool { kRowsAreK = !P::kTokensContiguous, kAsync = P::kAlign > 2 };  // units of 2 bytes are copied by plain loads and stores

  const Operand& x;
  const Operand& dy;
  u64 values;
  int tokens;
  u32 shared, entries, thread, lane, warp_m, warp_n;
  Panel panel;
  u32 active;  // bit n * kTilesM + m: the warp's tile row m has a block in its block column n
  CopyA copy_a;
  CopyB copy_b;
  i64 row_bytes_a, row_bytes_b;
  u64 source_a, source_b;  // where this thread's elements of feature 0 and token 0 come from (kFixed)
  Place place_a, place_b;

  float acc[G::kTilesM][G::kTilesN][4] = {};

  template <class A>
  __device__ __forceinline__ Sdd(const A& args, u32 shared_, const Panel& panel_)
      : x(args.x), dy(args.y), values(args.w.data), tokens(args.tokens), shared(shared_),
        entries(shared_ + G::kSharedBytes - G::kEntryBytes), thread(threadIdx.x), lane(thread % 32), warp_m(thread / 32 % P::kWarpsM),
        warp_n(P::kWarpsN == 1 ? 0 : thread / 32 / P::kWarpsM), panel(panel_), active(0), copy_a(thread), copy_b(thread),
        row_bytes_a(x.leading_dimension * G::kBytes), row_bytes_b(dy.leading_dimension * G::kBytes),
        source_a(origin(x, row_bytes_a, copy_a.row, copy_a.byte)), source_b(origin(dy, row_bytes_b, copy_b.row, copy_b.byte)) {
    if constexpr (P::kGather <= G::kThreads) {
      if (thread < P::kGather) fetch(args, thread);
    } else {
#pragma unroll 1
      for (u32 i = thread; i < P::kGather; i += G::kThreads) fetch(args, i);
    }
    __syncthreads();
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kWarpBlocks; ++n) {
        const u32 row = (warp_m * G::kWarpTileM + m * 16) / P::kBlockK;
        const u32 column = (warp_n * G::kWarpTileN + n * P::kBlockN) / P::kBlockN;
        bool present = false;
#pragma unroll
        for (int i = 0; i < G::kRowsPerTile; ++i) present |= entry_mask(row + i) >> column & 1;
        if (present) active |= 1u << (n * G::kTilesM + m);
      }
    const Lane a = M::template place_a<kRowsAreK>(lane), b = M::template place_b<kRowsAreK, G::kTilesPerBlock>(lane);
    const u32 a_index = warp_m * G::kWarpTileM + a.index, b_index = warp_n * G::kWarpTileN % P::kBlockN + b.index;
    place_a = kRowsAreK ? TileA::place(a.k, a_index % P::kBlockK * G::kBytes) : TileA::place(a_index % P::kBlockK, a.k * G::kBytes);
    place_a.row += a_index / P::kBlockK * TileA::kBytes;
    place_b = kRowsAreK ? TileB::place(b.k, b_index * G::kBytes) : TileB::place(b_index, b.k * G::kBytes);
  }

  // Entry i of the panel to shared memory.
  template <class A>
  __device__ __forceinline__ void fetch(const A& args, u32 i) const {
    const bool exists = static_cast<int>(i) < panel.count;
    const u32 entry = entries + i * (G::kRecordWords * 4);
    ptx::st_shared_u32(entry, exists ? P::Schedule::group(args, panel, i) : 0);
    ptx::st_shared_u32(entry + 4, exists ? P::Schedule::mask(args, panel, i) : 0);
#pragma unroll 1
    for (int n = 0; n < P::kPanel; ++n) ptx::st_shared_u32(entry + 8 + n * 4, exists ? P::Schedule::value(args, panel, i, n) : -1);
  }
  __device__ __forceinline__ int block_row(u32 i) const { return static_cast<int>(ptx::ld_shared_u32(entries + i * (G::kRecordWords * 4))); }
  __device__ __forceinline__ u32 entry_mask(u32 i) const { return ptx::ld_shared_u32(entries + i * (G::kRecordWords * 4) + 4); }
  __device__ __forceinline__ int value(u32 i, u32 n) const {
    return static_cast<int>(ptx::ld_shared_u32(entries + (i * G::kRecordWords + 2 + n) * 4));
  }

  // Row and byte of a tile that begins at feature 0 and token 0.
  __device__ __forceinline__ u64 origin(const Operand& in, i64 row_bytes, u32 row, u32 byte) const {
    return in.data + static_cast<u64>(panel.head) * in.head_stride * G::kBytes + row * row_bytes + byte;
  }

  // One operand's features of one stage's tokens: tile i holds the features from `feature(i)`. Tokens past M, features past the
  // matrix and tiles that do not exist are zero-filled.
  template <int kLimit, class Copy, class Feature>
  __device__ __forceinline__ void load(const Copy& copy, const Operand& in, i64 row_bytes, u64 fixed, u32 to, int stage, const Feature& feature) const {
    const auto source = [&](int tile, u32 row, u32 byte) {
      const int first = feature(tile), token = stage * P::kSlice;  // negative: no such tile
      const int f = first + static_cast<int>(P::kTokensContiguous ? row : byte / G::kBytes);
      const int m = token + static_cast<int>(P::kTokensContiguous ? byte / G::kBytes : row);
      const u64 address = Copy::kFixed ? fixed : origin(in, row_bytes, row, byte);
      const int features = first < 0 ? 0 : kLimit > 0 ? kLimit - f : kNoLimit;
      return CopySource{address + (P::kTokensContiguous ? first : token) * row_bytes + static_cast<i64>(P::kTokensContiguous ? token : first) * G::kBytes,
                        P::kTokensContiguous ? tokens - m : features, P::kTokensContiguous ? features : tokens - m};
    };
    if constexpr (Copy::kFixed) {
#pragma unroll Copy::kUnrollRounds
      for (int round = 0; round < Copy::kRounds; ++round) {
        const u32 tile = copy.tile + round * Copy::kTilesPerPass;
        if (Copy::kUneven && tile >= Copy::kNumTiles) continue;
        const CopySource from = source(tile, copy.row, copy.byte);
        copy.walk(to + tile * Copy::kTileBytes, from.address, row_bytes, from.rows, Copy::valid_bytes(from.elements));
      }
    } else {
      Copy::each(thread, to, [](u32) { return true; }, source);
    }
  }

  __device__ __forceinline__ void load_stage(int stage, u32 buffer) const {
    load<P::kContraction>(copy_a, x, row_bytes_a, source_a, buffer, stage,
                          [&](int i) { return i < panel.count ? block_row(i) * P::kBlockK : -P::kBlockK; });
    load<P::kOutputs>(copy_b, dy, row_bytes_b, source_b, buffer + G::kBytesA, stage, [&](int i) { return (panel.out_block + i) * P::kBlockN; });
  }

  __device__ __forceinline__ void multiply(u32 buffer) {
    // A warp's rows begin at a block or lie in one, so what follows its place divides into whole blocks and a rest.
    using ViewA = TileView<TileA, kRowsAreK, G::kBytes, P::kBlockK>;
    using ViewB = TileView<TileB, kRowsAreK, G::kBytes>;
    const Place at_a{buffer + place_a.row, place_a.byte};
    const u32 first_tile = buffer + G::kBytesA + warp_n * G::kWarpTileN / P::kBlockN * TileB::kBytes;
#pragma unroll 1
    for (u32 step = 0; step < P::kSlice / M::kStep; ++step) {
      const u32 k = step * M::kStep;
      typename M::A a[G::kTilesM];
#pragma unroll
      for (int m = 0; m < G::kTilesM; ++m) M::template load_a<ViewA>(a[m], at_a, m * 16, k);
#pragma unroll
      for (int n = 0; n < G::kWarpBlocks; ++n) {
        const u32 rows = active >> (n * G::kTilesM) & ((G::kTilesM == 32 ? 0u : 1u << (G::kTilesM & 31)) - 1u);
        if (rows == 0) continue;
        const Place at_b{first_tile + n * TileB::kBytes + place_b.row, place_b.byte};
        M::template step<ViewB, G::kTilesM, G::kTilesPerBlock>(acc, n * G::kTilesPerBlock, a, at_b, k, rows);
      }
    }
  }

  // Blocks are row-major and whole: padding elements are written as 0.
  __device__ __forceinline__ void store() const {
    using S = typename G::Stage;
    enum : int { kRunLength = Run<Out>::kLength, kRunsPerRow = S::kLength / kRunLength };
    const u32 base = shared + thread / 32 * S::kBytes;
    const Place place = S::place(base, lane);
    const u32 first = lane % kRunsPerRow * kRunLength;
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
        S::get(base, row, first, v);
        const u32 f = warp_m * G::kWarpTileM + row, n = warp_n * G::kWarpTileN + c * S::kColumns + first;
        const u32 i = f / P::kBlockK;
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
          if (block_row(i) * P::kBlockK + static_cast<int>(f % P::kBlockK) >= P::kContraction) {
#pragma unroll
            for (int e = 0; e < kRunLength; ++e) v[e] = 0.0f;
          }
        }
        if constexpr (P::kOutputs > 0) {
#pragma unroll
          for (int e = 0; e < kRunLength; ++e)
            if (panel.out_block * P::kBlockN + static_cast<int>(n) + e >= P::kOutputs) v[e] = 0.0f;
        }
        store_run<Out, P::kOutAlign, false>(address, kRunLength, v);
      }
    }
  }
};

template <class P, class A>
__device__ __forceinline__ void sdd(const A& args) {
  extern __shared__ __align__(128) unsigned char bsgen_shared[];
  using G = SddGeometry<P>;
  static_assert(G::kSharedBytes == P::kSharedBytes, "Params: kSharedBytes differs from what the tile needs");
  constexpr bool kPromote = P::kPromote > 0;
  const Panel panel = P::Schedule::panel(args.table, static_cast<int>(blockIdx.x));
  if (panel.count <= 0) return;  // closed forms: a short column's last cta
  const u32 shared = ptx::shared_address(bsgen_shared);
  Sdd<P> cta(args, shared, panel);
  const int num_stages = (cta.tokens + P::kSlice - 1) / P::kSlice;
  float sum[kPromote ? G::kTilesM : 1][G::kTilesN][4] = {};

  const auto next_buffer = [&](u32 buffer) { return buffer == shared + (P::kNumStages - 1) * G::kStageBytes ? shared : buffer + G::kStageBytes; };
  u32 filled = shared, used = shared;
  // Negative stages only fill the pipeline: one copy of the code that loads.
  int stage = 1 - P::kNumStages;
#pragma unroll 1
  do {
    if (stage >= 0) {
      if constexpr (Sdd<P>::kAsync) ptx::cp_async_wait<P::kNumStages - 2>();
      __syncthreads();  // the stage has landed for all, and nobody reads the buffer that is filled next
    }
    const int next = stage + P::kNumStages - 1;
    if (next < num_stages) {
      cta.load_stage(next, filled);
      filled = next_buffer(filled);
    }
    if constexpr (Sdd<P>::kAsync) ptx::cp_async_commit();
    if (stage < 0) continue;
    cta.multiply(used);
    used = next_buffer(used);
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
  } while (++stage < num_stages);
  if constexpr (kPromote) {
#pragma unroll
    for (int m = 0; m < G::kTilesM; ++m)
#pragma unroll
      for (int n = 0; n < G::kTilesN; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) cta.acc[m][n][i] = __fadd_rn(sum[m][n][i], cta.acc[m][n][i]);
  }
  __syncthreads();  // the pipeline's buffers become the staging area
  cta.store();
}

}  // namespace bsgen::dev
