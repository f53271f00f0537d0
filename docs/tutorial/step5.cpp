// Step 5: an epilogue. Y = relu(X W + bias[n]) * scale in one kernel; the names become launch arguments.
#include <bsgen/bsgen.h>

#include <algorithm>
#include <cstdio>

#include "upload.h"

bsgen::Status run() {
  BSGEN_ASSIGN(auto layout, bsgen::Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32}));
  BSGEN_ASSIGN(auto device, bsgen::Device::open("auto"));
  bsgen::Engine engine({.disk_cache = false});
  bsgen::Problem problem{
      .op = bsgen::Op::kFprop, .dtype = bsgen::DType::kTf32, .epilogue = "relu(acc + bias[n]) * scale"};
  BSGEN_ASSIGN(auto kernel, engine.kernel(layout, problem, device));

  const int tokens = 3, k = 64, n = 64;
  std::vector<float> x(tokens * k, 1.0f), w(3 * 32 * 32, 0.25f), y(tokens * n), bias(n, -10.0f);
  BSGEN_ASSIGN(auto dx, upload(*device, x));
  BSGEN_ASSIGN(auto dw, upload(*device, w));
  BSGEN_ASSIGN(auto dy, upload(*device, y));
  BSGEN_ASSIGN(auto dbias, upload(*device, bias));

  bsgen::LaunchArguments a{.tokens = tokens};
  a.x = {.data = dx.address(), .rows = tokens, .cols = k, .leading_dimension = k};
  a.w = {.data = dw.address(), .rows = 3, .cols = 1024, .leading_dimension = 1024};
  a.y = {.data = dy.address(), .rows = tokens, .cols = n, .leading_dimension = n};
  a.scalars["scale"] = 2.0f;
  a.tensors["bias"] = {.data = dbias.address(), .rows = 1, .cols = n, .leading_dimension = n};
  BSGEN_TRY(kernel.launch(a));
  BSGEN_TRY(download(*device, dy, y));

  // Column 0 sees one block: relu(32 * 0.25 - 10) * 2 = 0; column 32 sees two: relu(64 * 0.25 - 10) * 2 = 12.
  std::printf("y[0][0] = %g, y[0][32] = %g\n", y[0], y[32]);
  if (y[0] != 0 || y[32] != 12) return {bsgen::ErrorCode::kCheckFailed, "step5: wrong result"};
  return {};
}

int main() {
  const bsgen::Status status = run();
  if (!status) std::fprintf(stderr, "%s\n", status.message().c_str());
  return bsgen::exit_status(status.code());
}
