// What people write with CCCL and cooperative groups, as NVRTC compiles it. Each kernel has 128 threads and, where it says so, clusters of 2.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda/atomic>
#include <cuda/barrier>
#include <cuda/pipeline>
#include <cuda/ptx>

namespace cg = cooperative_groups;

// out[i] = in[i] + in[i ^ 1] of this cta's 128, brought by memcpy_async on a barrier.
extern "C" __global__ void on_a_barrier(const int* in, int* out) {
  __shared__ alignas(16) int tile[128];
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  const auto block = cg::this_thread_block();
  if (block.thread_rank() == 0) {
    init(&barrier, block.size());
#if __CUDA_ARCH__ >= 900
    cuda::ptx::fence_proxy_async(cuda::ptx::space_shared);  // the copy is a bulk copy there; CCCL leaves the fence out, and that is reported
#endif
  }
  block.sync();
  cuda::memcpy_async(block, tile, in + 128 * blockIdx.x, cuda::aligned_size_t<16>(sizeof tile), barrier);
  barrier.arrive_and_wait();
  out[128 * blockIdx.x + threadIdx.x] = tile[threadIdx.x] + tile[threadIdx.x ^ 1];
}

// The same through a pipeline of two stages, four tiles.
extern "C" __global__ void in_a_pipeline(const int* in, int* out) {
  __shared__ alignas(16) int tiles[2][128];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
  const auto block = cg::this_thread_block();
  auto pipeline = cuda::make_pipeline(block, &state);
  for (int fetched = 0, tile = 0; tile < 4; ++tile) {
    for (; fetched < 4 && fetched < tile + 2; ++fetched) {
      pipeline.producer_acquire();
      cuda::memcpy_async(block, tiles[fetched % 2], in + 128 * fetched, cuda::aligned_size_t<16>(sizeof tiles[0]), pipeline);
      pipeline.producer_commit();
    }
    pipeline.consumer_wait();
    out[128 * tile + threadIdx.x] = tiles[tile % 2][threadIdx.x] + tiles[tile % 2][threadIdx.x ^ 1];
    pipeline.consumer_release();
  }
}

// out[0] = sum of all, out[1] = largest, out[2] = how many warps came, by tiles of 32 and atomics.
extern "C" __global__ void in_groups(const int* in, int* out) {
  const auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  const int mine = in[128 * blockIdx.x + threadIdx.x];
  const int sum = cg::reduce(warp, mine, cg::plus<int>()), most = cg::reduce(warp, mine, cg::greater<int>());
  if (warp.thread_rank() != 0) return;
  cuda::atomic_ref<int, cuda::thread_scope_device>(out[0]).fetch_add(sum, cuda::memory_order_relaxed);
  cuda::atomic_ref<int, cuda::thread_scope_device>(out[1]).fetch_max(most);
  cuda::atomic_ref<int, cuda::thread_scope_device> warps(out[2]);
  for (int seen = warps.load(); !warps.compare_exchange_weak(seen, seen + 1);) {}
}

#if __CUDA_ARCH__ >= 900
// Each cta of a cluster adds its values to the other's tile, and counts in it.
extern "C" __global__ void __cluster_dims__(2, 1, 1) across_a_cluster(const int* in, int* out) {
  __shared__ int tile[128], count;
  const auto cluster = cg::this_cluster();
  tile[threadIdx.x] = 0;
  if (threadIdx.x == 0) count = 0;
  cluster.sync();
  const unsigned other = cluster.block_rank() ^ 1;
  atomicAdd(cluster.map_shared_rank(tile, other) + (threadIdx.x ^ 1), in[128 * blockIdx.x + threadIdx.x]);
  cuda::atomic_ref<int, cuda::thread_scope_system>(*cluster.map_shared_rank(&count, other)).fetch_add(1);
  cluster.sync();
  out[128 * blockIdx.x + threadIdx.x] = tile[threadIdx.x] + count;
}

// A bulk copy in and one out by cuda::ptx, as the CUDA programming guide has it.
extern "C" __global__ void by_ptx(const int* in, int* out) {
  namespace ptx = cuda::ptx;
  __shared__ alignas(128) int tile[128];
  __shared__ unsigned long long full;
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(&full, 1);
    ptx::fence_mbarrier_init(ptx::sem_release, ptx::scope_cluster);
    ptx::cp_async_bulk(ptx::space_cluster, ptx::space_global, tile, in + 128 * blockIdx.x, sizeof tile, &full);
    ptx::mbarrier_arrive_expect_tx(ptx::sem_release, ptx::scope_cta, ptx::space_shared, &full, sizeof tile);
  }
  __syncthreads();
  while (!ptx::mbarrier_try_wait_parity(&full, 0)) {}
  const int sum = tile[threadIdx.x] + tile[threadIdx.x ^ 1];
  __syncthreads();
  tile[threadIdx.x] = sum;
  ptx::fence_proxy_async(ptx::space_shared);
  __syncthreads();
  if (threadIdx.x != 0) return;
  ptx::cp_async_bulk(ptx::space_global, ptx::space_shared, out + 128 * blockIdx.x, tile, sizeof tile);
  ptx::cp_async_bulk_commit_group();
  ptx::cp_async_bulk_wait_group_read(ptx::n32_t<0>());
}
#endif
