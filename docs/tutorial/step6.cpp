// Step 6: training. The gradients of step 4: dX = dY W^T and dW = X^T dY on the mask.
#include <bsgen/bsgen.h>

#include <cstdio>

#include "upload.h"

bsgen::Status run() {
  BSGEN_ASSIGN(auto layout, bsgen::Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32}));
  BSGEN_ASSIGN(auto device, bsgen::Device::open("auto"));
  bsgen::Engine engine({.disk_cache = false});
  BSGEN_ASSIGN(auto bprop, engine.kernel(layout, {.op = bsgen::Op::kBprop, .dtype = bsgen::DType::kTf32}, device));
  // accumulate: dW is added to what is there, as gradients over several micro-batches are.
  BSGEN_ASSIGN(auto update, engine.kernel(layout, {.op = bsgen::Op::kUpdate, .dtype = bsgen::DType::kTf32, .accumulate = true}, device));

  const int tokens = 16, k = 64, n = 64;
  std::vector<float> x(tokens * k, 2.0f), dy(tokens * n, 0.5f), w(3 * 1024, 1.0f), dx(tokens * k), dw(3 * 1024, 100.0f);
  BSGEN_ASSIGN(auto device_x, upload(*device, x));
  BSGEN_ASSIGN(auto device_dy, upload(*device, dy));
  BSGEN_ASSIGN(auto device_w, upload(*device, w));
  BSGEN_ASSIGN(auto device_dx, upload(*device, dx));
  BSGEN_ASSIGN(auto device_dw, upload(*device, dw));

  // Operands by role: y is dY for both gradients, x is dX for bprop, w is dW for update.
  bsgen::LaunchArguments a{.tokens = tokens};
  a.y = {.data = device_dy.address(), .rows = tokens, .cols = n, .leading_dimension = n};
  a.w = {.data = device_w.address(), .rows = 3, .cols = 1024, .leading_dimension = 1024};
  a.x = {.data = device_dx.address(), .rows = tokens, .cols = k, .leading_dimension = k};
  BSGEN_TRY(bprop.launch(a));
  a.w.data = device_dw.address();
  a.x.data = device_x.address();
  BSGEN_ASSIGN(auto workspace, device->allocate(update.workspace_bytes(tokens)));
  a.workspace = reinterpret_cast<void*>(workspace.address());
  BSGEN_TRY(update.launch(a));
  BSGEN_TRY(download(*device, device_dx, dx));
  BSGEN_TRY(download(*device, device_dw, dw));

  // Row 0 of W has two blocks, row 32 one: dX = 64 * 0.5 and 32 * 0.5. dW = 100 + 16 * 2 * 0.5.
  std::printf("dx[0][0] = %g, dx[0][32] = %g, dw[0] = %g\n", dx[0], dx[32], dw[0]);
  if (dx[0] != 32 || dx[32] != 16 || dw[0] != 116) return {bsgen::ErrorCode::kCheckFailed, "step6: wrong result"};
  return {};
}

int main() {
  const bsgen::Status status = run();
  if (!status) std::fprintf(stderr, "%s\n", status.message().c_str());
  return bsgen::exit_status(status.code());
}
