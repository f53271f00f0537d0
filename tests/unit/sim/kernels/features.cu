// What the front end makes of C++ that kernels may contain: calls, local arrays, switches, printf, assert, wide integers, doubles,
// conversions, shuffles, atomics. Each kernel leaves one number per thread that plain C++ predicts.
extern "C" __device__ int printf(const char*, ...);

struct Pair { int a; double b; };

__device__ __noinline__ int apart(int x, Pair p) { return x * p.a + static_cast<int>(p.b); }
__device__ __noinline__ float apart_f(float x, float y) { return x > y ? apart(static_cast<int>(x), {2, 1.5}) + y : x - y; }

extern "C" __global__ void calls(int* out) {
  const int t = threadIdx.x;
  out[t] = apart(t, {3, t + 0.5}) + static_cast<int>(apart_f(static_cast<float>(t), 7.f));
}

extern "C" __global__ void local_arrays(int* out) {
  const int t = threadIdx.x;
  int table[8];
  for (int i = 0; i < 8; ++i) table[i] = i * t;
  int sum = 0;
  for (int i = 0; i < 8; ++i) sum += table[(i * 5 + t) & 7] << (i & 3);
  out[t] = sum;
}

extern "C" __global__ void switches(int* out) {
  const int t = threadIdx.x;
  int r;
  switch (t % 9) {
    case 0: r = 11; break;
    case 1: r = t * 3; break;
    case 2: r = t - 100; break;
    case 3: r = t ^ 77; break;
    case 4: r = t << 2; break;
    case 5: r = t / 3; break;
    case 6: r = t % 4; break;
    case 7: r = ~t; break;
    default: r = -1;
  }
  out[t] = r;
}

extern "C" __global__ void wide(int* out) {
  const int t = threadIdx.x;
  const unsigned long long x = 0xfedcba9876543210ULL + t, y = x * (t + 3);
  const unsigned long long z = __umul64hi(x, y) ^ (y >> 17) * 3;
  out[t] = static_cast<int>(z / (t + 5) ^ z % (t + 7) ^ z >> 32);
}

extern "C" __global__ void doubles(int* out) {
  const int t = threadIdx.x;
  const double x = t * 1.25 + 0.375;
  const double y = __drcp_rn(x) + __dsqrt_rn(x) * __dadd_rn(__dmul_rn(x, x), -2.0) / (x + 1.0);
  out[t] = static_cast<int>(__double2ll_rn(y * 1000.0)) + __double2int_rz(x);
}

extern "C" __global__ void prints(int* out) {
  const int t = threadIdx.x;
  if (t == 3) printf("thread %d of %u\n", t, blockDim.x);
  out[t] = t + 1;
}

extern "C" __global__ void asserts(int* out) {
  const int t = threadIdx.x;
  if (t == 5) __assertfail("t != 5", "features.cu", 77, "asserts", 1);
  out[t] = t;
}

extern "C" __global__ void votes(int* out) {
  const int t = threadIdx.x;
  const unsigned ballot = __ballot_sync(0xffffffffu, t & 2);
  const int sum = __shfl_xor_sync(0xffffffffu, t * t, 5) + __shfl_down_sync(0xffffffffu, t, 3) + __popc(__match_any_sync(0xffffffffu, t / 3));
  out[t] = sum + static_cast<int>(ballot >> 28) + __clz(t + 1) + __ffs(t) + static_cast<int>(__brev(t)) + __dp4a(t, 0x01020304, 5) +
           static_cast<int>(__byte_perm(t, 0x11223344, 0x0541)) + __funnelshift_l(t, t * 3, t) + __mulhi(t << 20, t << 15) + __hadd(t, 9) + __sad(t, 17, 2);
}

extern "C" __global__ void atomics(int* out) {
  __shared__ int sum;
  __shared__ float total;
  const int t = threadIdx.x;
  if (t == 0) sum = 0, total = 0.f;
  __syncthreads();
  atomicAdd(&sum, t);
  atomicAdd(&total, 0.5f);
  atomicMax(&sum, 3);
  __threadfence_block();
  __syncthreads();
  out[t] = sum + static_cast<int>(total) + __syncthreads_count(t & 1);
}

// Calls through pointers: out of memory, out of constant memory, handed on, and through the tables of virtual functions.
using Way = int (*)(int, Pair);
__device__ __noinline__ int sum_of(int x, Pair p) { return x + p.a + static_cast<int>(p.b); }
__device__ __noinline__ int difference(int x, Pair p) { return x - p.a * static_cast<int>(p.b); }
__device__ Way ways[3] = {apart, sum_of, difference};
__constant__ Way fixed_ways[2] = {difference, apart};
__device__ __noinline__ int through(Way way, int x) { return way(x, {5, 2.5}); }

extern "C" __global__ void pointers(int* out) {
  const int t = threadIdx.x;
  out[t] = ways[t % 3](t, {3, 1.5}) + fixed_ways[t & 1](t, {2, t + 0.25}) * 1000 + through(t > 11 ? sum_of : apart, t) * 7;
}

struct Shape {
  int size;
  __device__ virtual int area(int x) const { return x; }
};
struct Square : Shape {
  __device__ int area(int x) const override { return size * size + x; }
};
struct Bar : Shape {
  __device__ int area(int x) const override { return size * x; }
};

extern "C" __global__ void virtual_functions(int* out) {
  const int t = threadIdx.x;
  Shape shape;
  Square square;
  Bar bar;
  shape.size = 1, square.size = t, bar.size = 3;
  const Shape* const all[] = {&shape, &square, &bar};
  out[t] = all[t % 3]->area(t + 1) + all[(t + 1) % 3]->area(2) * 100;
}
