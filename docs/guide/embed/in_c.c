/* Y = X W with a block-sparse W, from C. */
#include <bsgen/c/bsgen.h>
#include <stdio.h>

static int failed(const char* what) {
  fprintf(stderr, "%s: %s\n", what, bsgen_last_error());
  return 1;
}

/* A contiguous fp32 matrix at a device address; bsgen_tensor_from_dlpack makes the same of a framework's tensor. */
static bsgen_tensor matrix(const bsgen_buffer* memory, int64_t rows, int64_t cols) {
  bsgen_tensor t = {.struct_size = sizeof t, .data = bsgen_buffer_address(memory), .dtype = BSGEN_FP32, .ndim = 2, .shape = {rows, cols}};
  return t;
}

int main(void) {
  const uint8_t bits[] = {1, 1, 0, 1}; /* W: 64 x 64, three of four 32 x 32 blocks */
  bsgen_layout* layout = NULL;
  bsgen_device* device = NULL;
  bsgen_engine* engine = NULL;
  bsgen_kernel* kernel = NULL;
  bsgen_problem problem = {.struct_size = sizeof problem, .op = BSGEN_FPROP, .dtype = BSGEN_FP32};
  if (bsgen_layout_from_bits(bits, 2, 2, NULL, &layout)) return failed("layout");
  if (bsgen_device_open("auto", &device)) return failed("device"); /* the first GPU, else this processor */
  if (bsgen_engine_create(NULL, &engine)) return failed("engine");
  if (bsgen_engine_get_kernel(engine, layout, &problem, NULL, device, &kernel)) return failed("kernel");

  static float x[8 * 64], w[3 * 32 * 32], y[8 * 64];
  for (int i = 0; i < 8 * 64; ++i) x[i] = 1;
  for (int i = 0; i < 3 * 32 * 32; ++i) w[i] = 0.5f;
  bsgen_buffer *xb = NULL, *wb = NULL, *yb = NULL;
  if (bsgen_buffer_create(device, sizeof x, &xb) || bsgen_buffer_create(device, sizeof w, &wb)) return failed("memory");
  if (bsgen_buffer_create(device, sizeof y, &yb)) return failed("memory");
  if (bsgen_buffer_write(xb, 0, x, sizeof x) || bsgen_buffer_write(wb, 0, w, sizeof w)) return failed("write");

  const bsgen_tensor tx = matrix(xb, 8, 64), tw = matrix(wb, 3, 32 * 32), ty = matrix(yb, 8, 64);
  bsgen_launch_arguments launch = {.struct_size = sizeof launch, .x = &tx, .w = &tw, .y = &ty};
  if (bsgen_kernel_launch(kernel, &launch, NULL)) return failed("launch"); /* queued by one driver call */
  if (bsgen_device_synchronize(device, NULL) || bsgen_buffer_read(yb, 0, y, sizeof y)) return failed("read");
  printf("y[0][0] = %g, y[0][63] = %g\n", y[0], y[63]); /* 32 and 64 products of 0.5 */

  bsgen_buffer_release(xb);
  bsgen_buffer_release(wb);
  bsgen_buffer_release(yb);
  bsgen_kernel_release(kernel);
  bsgen_engine_release(engine);
  bsgen_device_release(device);
  bsgen_layout_release(layout);
  return y[0] == 16 && y[63] == 32 ? 0 : 1;
}
