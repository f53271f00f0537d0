// Step 4: launch. Y = X W with tensors in device memory, compared with three loops.
#include <bsgen/bsgen.h>

#include <cstdio>

#include "upload.h"

// X is tokens x K, W is K x N in blocks, Y is tokens x N. tf32 tensors are fp32 in memory.
bsgen::Status multiply(bsgen::Device& device, const bsgen::Kernel& kernel, const bsgen::Layout& layout,
                       const std::vector<float>& x, const std::vector<float>& w, std::vector<float>& y) {
  const auto k = layout.rows(), n = layout.cols(), tokens = std::int64_t(x.size()) / k;
  const auto per_block = layout.block().rows * layout.block().cols;
  BSGEN_ASSIGN(auto dx, upload(device, x));
  BSGEN_ASSIGN(auto dw, upload(device, w));
  BSGEN_ASSIGN(auto dy, upload(device, y));
  BSGEN_ASSIGN(auto workspace, device.allocate(kernel.workspace_bytes(tokens)));

  bsgen::LaunchArguments a{.tokens = tokens};
  a.x = {.data = dx.address(), .rows = tokens, .cols = k, .leading_dimension = k};
  // The values: one row for each present block, in the order of block row, then block column.
  a.w = {.data = dw.address(), .rows = layout.num_blocks(), .cols = per_block, .leading_dimension = per_block};
  a.y = {.data = dy.address(), .rows = tokens, .cols = n, .leading_dimension = n};
  a.workspace = reinterpret_cast<void*>(workspace.address());
  BSGEN_TRY(kernel.launch(a));  // checks every argument, then one driver call
  return download(device, dy, y);
}

int main() {
  auto layout = bsgen::Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32});
  auto device = bsgen::Device::open("auto");
  if (!layout || !device) return 1;
  bsgen::Engine engine({.disk_cache = false});
  auto kernel = engine.kernel(*layout, {.op = bsgen::Op::kFprop, .dtype = bsgen::DType::kTf32}, *device);
  if (!kernel) return std::fputs(kernel.status().message().c_str(), stderr), 1;

  const int tokens = 10, k = 64, n = 64;
  std::vector<float> x(tokens * k), w(3 * 32 * 32), y(tokens * n), expected(tokens * n);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = float(int(i) % 7 - 3);  // small integers: exact in tf32
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = float(int(i) % 5 - 2);
  if (auto status = multiply(**device, *kernel, *layout, x, w, y); !status)
    return std::fputs(status.message().c_str(), stderr), 1;

  for (int block = 0; block < 3; ++block)
    for (int i = 0; i < 32; ++i)
      for (int j = 0; j < 32; ++j)
        for (int token = 0; token < tokens; ++token) {
          const int row = (block < 2 ? 0 : 32) + i, col = (block == 0 ? 0 : 32) + j;
          expected[token * n + col] += x[token * k + row] * w[(block * 32 + i) * 32 + j];
        }
  std::printf("y[0][0] = %g, expected %g; all equal: %s\n", y[0], expected[0], y == expected ? "yes" : "no");
  return y == expected ? 0 : 1;
}
