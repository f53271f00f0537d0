// C = A B^T in bf16, 128 x 128 tiles: a producer warp copies tiles through tensor maps into a ring of stages, two consumer warpgroups
// multiply them with wgmma, and the result leaves through shared memory and a tensor store. M, N and K are multiples of the tile or are
// clipped by the maps.
typedef unsigned int u32;
typedef unsigned long long u64;
struct __align__(64) TensorMap { u64 opaque[16]; };
enum { kTileM = 128, kTileN = 128, kTileK = 64, kStages = 4, kABytes = kTileM * kTileK * 2, kBBytes = kTileN * kTileK * 2 };

__device__ __forceinline__ u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
__device__ __forceinline__ void barrier_init(u32 bar, u32 count) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(count)); }
__device__ __forceinline__ void barrier_expect(u32 bar, u32 bytes) { asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes) : "memory"); }
__device__ __forceinline__ void barrier_arrive(u32 bar) { asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(bar) : "memory"); }
__device__ __forceinline__ void barrier_wait(u32 bar, u32 parity) {
  asm volatile("{\n.reg .pred done;\nAGAIN:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 done, [%0], %1, %2;\n@done bra READY;\nbra AGAIN;\nREADY:\n}\n" ::"r"(bar), "r"(parity), "r"(0x989680) : "memory");
}
__device__ __forceinline__ void load_tile(u32 to, const TensorMap* map, u32 bar, int c0, int c1) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(to), "l"(map), "r"(bar), "r"(c0), "r"(c1) : "memory");
}
__device__ __forceinline__ void store_tile(const TensorMap* map, u32 from, int c0, int c1) {
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map), "r"(from), "r"(c0), "r"(c1) : "memory");
}
// K-major, 128-byte swizzle, 1024 bytes from one group of 8 rows to the next.
__device__ __forceinline__ u64 descriptor(u32 address) { return (u64)((address & 0x3ffff) >> 4) | (u64)1 << 16 | (u64)(1024 >> 4) << 32 | (u64)1 << 62; }
__device__ __forceinline__ bool elect() {
  u32 p;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.b32 %0, 1, 0, p;\n}\n" : "=r"(p));
  return p;
}
#define D8(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
__device__ __forceinline__ void multiply(float* d, u64 a, u64 b, int accumulate) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
               "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
               "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63},"
               " %64, %65, p, 1, 1, 0, 0;\n}\n"
               : D8(0), D8(8), D8(16), D8(24), D8(32), D8(40), D8(48), D8(56)
               : "l"(a), "l"(b), "r"(accumulate));
}

extern __shared__ __align__(1024) unsigned char memory[];
extern "C" __global__ void __launch_bounds__(384, 1) k(const __grid_constant__ TensorMap map_a, const __grid_constant__ TensorMap map_b, const __grid_constant__ TensorMap map_c, int num_k) {
  const int group = threadIdx.x >> 7, warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  const u32 tiles_a = shared_address(memory), tiles_b = tiles_a + kStages * kABytes, tile_c = tiles_b + kStages * kBBytes, full = tile_c + kTileM * kTileN * 2, empty = full + kStages * 8;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) {
      barrier_init(full + i * 8, 1);
      barrier_init(empty + i * 8, 2);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map_a) : "memory");
  }
  __syncthreads();
  asm volatile("griddepcontrol.wait;" ::: "memory");
  const int m0 = blockIdx.y * kTileM, n0 = blockIdx.x * kTileN;
  if (group == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (warp == 0 && elect()) {
      for (int k = 0; k < num_k; ++k) {
        const int stage = k % kStages;
        barrier_wait(empty + stage * 8, ((k / kStages) & 1) ^ 1);
        barrier_expect(full + stage * 8, kABytes + kBBytes);
        load_tile(tiles_a + stage * kABytes, &map_a, full + stage * 8, k * kTileK, m0);
        load_tile(tiles_b + stage * kBBytes, &map_b, full + stage * 8, k * kTileK, n0);
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    float sum[64];
#pragma unroll
    for (int i = 0; i < 64; ++i) sum[i] = 0.f;
    const int consumer = group - 1;
    for (int k = 0; k < num_k; ++k) {
      const int stage = k % kStages;
      barrier_wait(full + stage * 8, (k / kStages) & 1);
      asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
      const u32 a = tiles_a + stage * kABytes + consumer * 64 * 128, b = tiles_b + stage * kBBytes;
#pragma unroll
      for (int i = 0; i < 4; ++i) multiply(sum, descriptor(a + i * 32), descriptor(b + i * 32), (k | i) != 0);
      asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
      asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
      if ((threadIdx.x & 127) == 0) barrier_arrive(empty + stage * 8);
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      u32 r[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r[i]) : "f"(sum[j * 8 + i * 2 + 1]), "f"(sum[j * 8 + i * 2]));
      const int row = consumer * 64 + (warp & 3) * 16 + (lane & 15), column = j * 16 + (lane >> 4) * 8, half = column >> 6, chunk = (column & 63) >> 3;
      const u32 to = tile_c + half * kTileM * 128 + row * 128 + ((chunk ^ (row & 7)) << 4);
      asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3]) : "memory");
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    asm volatile("bar.sync 1, 256;" ::: "memory");
    if (threadIdx.x == 128) {
      store_tile(&map_c, tile_c, n0, m0);
      store_tile(&map_c, tile_c + kTileM * 128, n0 + 64, m0);
      asm volatile("cp.async.bulk.commit_group;");
      asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
    }
    asm volatile("griddepcontrol.launch_dependents;");
  }
}
