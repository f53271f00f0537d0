// C[M,N] (fp32) = A[M,K] B[N,K]^T (bf16), tiles of 128 x 128 x 32, eight warps, three stages of cp.async, swizzled shared memory.
using u32 = unsigned int;
using u16 = unsigned short;
enum { BM = 128, BN = 128, BK = 32, STAGES = 3 };
__device__ __forceinline__ void copy16(u32 to, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n"::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void load4(u32& a, u32& b, u32& c, u32& d, u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "r"(address) : "memory");
}
__device__ __forceinline__ void multiply(float* c, const u32* a, const u32* b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
extern __shared__ __align__(128) unsigned char smem[];
extern "C" __global__ void __launch_bounds__(256) k(const u16* A, const u16* B, float* C, int M, int N, int K) {
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, wm = (warp & 1) * 64, wn = (warp >> 1) * 32;
  const int m0 = blockIdx.y * BM, n0 = blockIdx.x * BN;
  const u32 sa = static_cast<u32>(__cvta_generic_to_shared(smem)), sb = sa + STAGES * BM * BK * 2;
  auto load = [&](int stage, int step) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int index = tid + i * 256, row = index >> 2, chunk = index & 3, at = row * 64 + (chunk ^ ((row >> 1) & 3)) * 16;
      const bool p = m0 + row < M, q = n0 + row < N;
      copy16(sa + stage * BM * BK * 2 + at, A + (size_t)(p ? m0 + row : 0) * K + step * BK + chunk * 8, p ? 16 : 0);
      copy16(sb + stage * BN * BK * 2 + at, B + (size_t)(q ? n0 + row : 0) * K + step * BK + chunk * 8, q ? 16 : 0);
    }
  };
  float acc[4][4][4] = {};
  const int steps = K / BK;
  for (int s = 0; s < STAGES - 1; ++s) {
    if (s < steps) load(s, s);
    asm volatile("cp.async.commit_group;\n");
  }
  for (int step = 0; step < steps; ++step) {
    asm volatile("cp.async.wait_group %0;\n"::"n"(STAGES-2):"memory");
    __syncthreads();
    if (step + STAGES - 1 < steps) load((step + STAGES - 1) % STAGES, step + STAGES - 1);
    asm volatile("cp.async.commit_group;\n");
    const u32 a0 = sa + step % STAGES * BM * BK * 2, b0 = sb + step % STAGES * BN * BK * 2;
#pragma unroll
    for (int kk = 0; kk < 2; ++kk) {
      u32 a[4][4], b[4][2];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = wm + i * 16 + (lane & 15), chunk = kk * 2 + (lane >> 4);
        load4(a[i][0], a[i][1], a[i][2], a[i][3], a0 + row * 64 + ((chunk ^ ((row >> 1) & 3)) << 4));
      }
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int row = wn + j * 16 + (lane & 7) + ((lane >> 4) << 3), chunk = kk * 2 + ((lane >> 3) & 1);
        load4(b[2 * j][0], b[2 * j][1], b[2 * j + 1][0], b[2 * j + 1][1], b0 + row * 64 + ((chunk ^ ((row >> 1) & 3)) << 4));
      }
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) multiply(acc[i][j], a[i], b[j]);
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int row = m0 + wm + i * 16 + (lane >> 2) + 8 * h, col = n0 + wn + j * 8 + (lane & 3) * 2;
        if (row < M && col < N) C[(size_t)row * N + col] = acc[i][j][2 * h];
        if (row < M && col + 1 < N) C[(size_t)row * N + col + 1] = acc[i][j][2 * h + 1];
      }
}
