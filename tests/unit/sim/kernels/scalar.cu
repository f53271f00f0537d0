// Library functions, a call that is not inlined, and a switch.
__device__ __noinline__ float repeat(float y, float x, int n) {
  for (int i = 0; i < n; ++i) y = y * 0.5f + x;
  return y;
}
extern "C" __global__ void k(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float value = 0;
  switch (i & 1) {
    case 0: value = expf(x[i]) + tanhf(x[i]); break;
    default: value = tanhf(x[i]) + expf(x[i]); break;
  }
  y[i] = repeat(value, x[i], i & 3);
}
