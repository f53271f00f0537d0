/* The C ABI as a C program sees it: compiled by a C compiler, linked with libbsgen.so and nothing else of bsgen. */
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "bsgen/c/bsgen.h"
#include "check.h"

/* Programs find their own dlopen before libc's, and so does libbsgen: here CUDA's libraries are on no machine, where the claim says so. */
static int hide_cuda = 0;
static int cuda_was_wanted = 0;
static const char* driver = NULL; /* what stands in for libcuda.so.1 */
void* dlopen(const char* name, int flags) {
  static void* (*real)(const char*, int) = NULL;
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "dlopen");
  if (hide_cuda && name && (strstr(name, "libcuda") || strstr(name, "libnvrtc") || strstr(name, "libnvJitLink"))) {
    cuda_was_wanted = 1;
    return real("/nonexistent/libcuda.so.1", flags); /* for dlerror to say what it says where there is none */
  }
  return real(driver && name && strcmp(name, "libcuda.so.1") == 0 ? driver : name, flags);
}

static void skip_without_nvrtc(bsgen_status status) {
  if (status != BSGEN_E_MISSING || !strstr(bsgen_last_error(), "nvrtc")) return;
  printf("SKIPPED: NVRTC not found\n");
  exit(0);
}

/* 2 x 2 blocks of 32 x 32, three present. */
static bsgen_layout* small_layout(void) {
  const uint8_t bits[] = {1, 1, 0, 1};
  bsgen_layout* layout = NULL;
  CHECK_OK(bsgen_layout_from_bits(bits, 2, 2, NULL, &layout));
  return layout;
}

enum { kTokens = 8, kK = 64, kN = 64, kBlock = 32, kBlocks = 3 };

/* Operands of small integers, so that every sum is exact. */
typedef struct {
  float x[kTokens * kK], w[kBlocks * kBlock * kBlock], y[kTokens * kN];
} operands;

static void fill(operands* o) {
  for (int i = 0; i < kTokens * kK; ++i) o->x[i] = (float)(i % 7 - 3);
  for (int i = 0; i < kBlocks * kBlock * kBlock; ++i) o->w[i] = (float)(i % 5 - 2);
}

static float expected(const operands* o, int m, int n) {
  static const int rows[] = {0, 0, 1}, cols[] = {0, 1, 1}; /* of the blocks, in BSR order */
  float sum = 0;
  for (int b = 0; b < kBlocks; ++b)
    for (int k = 0; k < kBlock; ++k)
      if (cols[b] == n / kBlock) sum += o->x[m * kK + rows[b] * kBlock + k] * o->w[(b * kBlock + k) * kBlock + n % kBlock];
  return sum;
}

typedef struct {
  bsgen_device* device;
  bsgen_engine* engine;
  bsgen_kernel* kernel;
  bsgen_buffer *x, *w, *y;
  operands host;
} session;

static bsgen_buffer* upload(bsgen_device* device, const void* bytes, size_t size) {
  bsgen_buffer* buffer = NULL;
  CHECK_OK(bsgen_buffer_create(device, size, &buffer));
  CHECK_OK(bsgen_buffer_write(buffer, 0, bytes, size));
  return buffer;
}

static void begin(session* s, const char* epilogue) {
  memset(s, 0, sizeof *s);
  fill(&s->host);
  bsgen_layout* layout = small_layout();
  CHECK_OK(bsgen_device_open("sim", &s->device));
  bsgen_engine_options options = {.struct_size = sizeof options};
  options.disk_cache = BSGEN_SWITCH_OFF;
  CHECK_OK(bsgen_engine_create(&options, &s->engine));
  bsgen_problem problem = {.struct_size = sizeof problem};
  problem.dtype = BSGEN_FP32;
  problem.epilogue = epilogue;
  const bsgen_status status = bsgen_engine_get_kernel(s->engine, layout, &problem, NULL, s->device, &s->kernel);
  skip_without_nvrtc(status);
  CHECK(status == BSGEN_OK);
  bsgen_layout_release(layout);
  s->x = upload(s->device, s->host.x, sizeof s->host.x);
  s->w = upload(s->device, s->host.w, sizeof s->host.w);
  s->y = upload(s->device, s->host.y, sizeof s->host.y);
}

static void end(session* s) {
  bsgen_buffer_release(s->x);
  bsgen_buffer_release(s->w);
  bsgen_buffer_release(s->y);
  bsgen_device_release(s->device); /* the kernel keeps what it needs */
  bsgen_kernel_release(s->kernel);
  bsgen_engine_release(s->engine);
}

static void check_result(session* s, float scale) {
  CHECK_OK(bsgen_device_synchronize(s->device, NULL));
  bsgen_device_forget_stream(s->device, NULL);
  CHECK_OK(bsgen_buffer_read(s->y, 0, s->host.y, sizeof s->host.y));
  for (int m = 0; m < kTokens; ++m)
    for (int n = 0; n < kN; ++n) CHECK(s->host.y[m * kN + n] == scale * expected(&s->host, m, n));
}

static bsgen_tensor matrix(uint64_t address, int64_t rows, int64_t cols) {
  bsgen_tensor t = {.struct_size = sizeof t};
  t.data = address;
  t.dtype = BSGEN_FP32;
  t.ndim = 2;
  t.shape[0] = rows;
  t.shape[1] = cols;
  return t;
}

static void a_c_program_runs_a_kernel_and_gets_the_right_numbers(void) {
  session s;
  begin(&s, NULL);
  bsgen_kernel_info info = {.struct_size = sizeof info};
  CHECK_OK(bsgen_kernel_get_info(s.kernel, &info));
  CHECK(strncmp(info.entry, "bsgen_fprop_fp32_", 17) == 0);
  CHECK(strcmp(info.arch, "sm_80") == 0 && info.origin == BSGEN_COMPILED && info.threads > 0);
  const bsgen_tensor x = matrix(bsgen_buffer_address(s.x), kTokens, kK), y = matrix(bsgen_buffer_address(s.y), kTokens, kN);
  const bsgen_tensor w = matrix(bsgen_buffer_address(s.w), kBlocks, kBlock * kBlock);
  bsgen_launch_arguments launch = {.struct_size = sizeof launch, .x = &x, .w = &w, .y = &y};
  CHECK(bsgen_kernel_workspace_bytes(s.kernel, kTokens) == 0);
  CHECK_OK(bsgen_kernel_launch(s.kernel, &launch, NULL));
  check_result(&s, 1);
  end(&s);
}

static void an_epilogue_takes_its_arguments_by_name(void) {
  session s;
  begin(&s, "acc * scale + bias[n]");
  float zeros[kN] = {0};
  bsgen_buffer* bias_memory = upload(s.device, zeros, sizeof zeros);
  const bsgen_tensor x = matrix(bsgen_buffer_address(s.x), kTokens, kK), y = matrix(bsgen_buffer_address(s.y), kTokens, kN);
  const bsgen_tensor w = matrix(bsgen_buffer_address(s.w), kBlocks, kBlock * kBlock);
  bsgen_tensor bias = {
      .struct_size = sizeof bias, .data = bsgen_buffer_address(bias_memory), .dtype = BSGEN_FP32, .ndim = 1, .shape = {kN}};
  bsgen_argument arguments[] = {{"scale", NULL, 2}, {"bias", &bias, 0}};
  bsgen_launch_arguments launch = {.struct_size = sizeof launch, .x = &x, .w = &w, .y = &y, .arguments = arguments, .num_arguments = 2};
  CHECK_OK(bsgen_kernel_launch(s.kernel, &launch, NULL));
  check_result(&s, 2);
  arguments[1].name = "bia";
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "bias");
  launch.num_arguments = 1;
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "bias");
  bsgen_buffer_release(bias_memory);
  end(&s);
}

/* DLPack as its header spells it. */
typedef struct { int32_t device_type, device_id; } DLDevice;
typedef struct { uint8_t code, bits; uint16_t lanes; } DLDataType;
typedef struct { void* data; DLDevice device; int32_t ndim; DLDataType dtype; int64_t *shape, *strides; uint64_t byte_offset; } DLTensor;
struct DLManagedTensorVersioned {
  struct { uint32_t major, minor; } version;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor dl_tensor;
};

static DLTensor dl_tensor(uint64_t address, int ndim, int64_t* shape, int64_t* strides) {
  const DLTensor t = {(void*)(uintptr_t)address, {1, 0}, ndim, {2, 32, 1}, shape, strides, 0};
  return t;
}

static void dlpack_tensors_go_in_as_they_are(void) {
  session s;
  begin(&s, NULL);
  int64_t x_shape[] = {kTokens, kK}, w_shape[] = {kBlocks, kBlock, kBlock}, y_shape[] = {kTokens, kN}, y_strides[] = {kN, 1};
  DLTensor x = dl_tensor(bsgen_buffer_address(s.x), 2, x_shape, NULL);
  DLTensor w = dl_tensor(bsgen_buffer_address(s.w) - 64, 3, w_shape, NULL);
  w.byte_offset = 64;
  struct DLManagedTensorVersioned y = {{1, 1}, NULL, NULL, 0, dl_tensor(bsgen_buffer_address(s.y), 2, y_shape, y_strides)};
  bsgen_tensor xv = {.struct_size = sizeof xv}, wv = {.struct_size = sizeof wv}, yv = {.struct_size = sizeof yv};
  CHECK_OK(bsgen_tensor_from_dlpack(&x, &xv));
  CHECK_OK(bsgen_tensor_from_dlpack(&w, &wv));
  CHECK_OK(bsgen_tensor_from_dlpack_versioned(&y, &yv));
  CHECK(xv.dtype == BSGEN_FP32 && xv.device_type == BSGEN_CPU && wv.data == bsgen_buffer_address(s.w));
  bsgen_launch_arguments launch = {.struct_size = sizeof launch, .x = &xv, .w = &wv, .y = &yv};
  CHECK_OK(bsgen_kernel_launch(s.kernel, &launch, NULL));
  check_result(&s, 1);

  /* A transposed view is told from a contiguous one by its strides, and the way out is named. */
  int64_t transposed[] = {1, kTokens}, gap[] = {2 * kK, 2}, swapped[] = {kBlock * kBlock, 1, kBlock};
  x.strides = transposed;
  CHECK_OK(bsgen_tensor_from_dlpack(&x, &xv));
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "ask for a kernel with activations col");
  x.strides = gap;
  CHECK_OK(bsgen_tensor_from_dlpack(&x, &xv));
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "has strides (128, 2)");
  x.strides = NULL;
  CHECK_OK(bsgen_tensor_from_dlpack(&x, &xv));
  w.strides = swapped;
  CHECK_OK(bsgen_tensor_from_dlpack(&w, &wv));
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "w (values) has strides (1024, 1, 32)");
  w.strides = NULL;
  w_shape[0] = 4;
  CHECK_OK(bsgen_tensor_from_dlpack(&w, &wv));
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "has 4096 elements, the layout has 3072");
  w_shape[0] = kBlocks;
  w_shape[1] = 16, w_shape[2] = 64;
  CHECK_OK(bsgen_tensor_from_dlpack(&w, &wv));
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "its blocks are 32 x 32");
  w_shape[1] = w_shape[2] = kBlock;
  CHECK_OK(bsgen_tensor_from_dlpack(&w, &wv));

  y.flags = 1;
  CHECK_OK(bsgen_tensor_from_dlpack_versioned(&y, &yv));
  CHECK_FAILS(bsgen_kernel_launch(s.kernel, &launch, NULL), BSGEN_E_INVALID_ARGUMENT, "read-only");
  y.version.major = 2;
  CHECK_FAILS(bsgen_tensor_from_dlpack_versioned(&y, &yv), BSGEN_E_UNSUPPORTED, "version 2.1");
  x.dtype.bits = 64;
  CHECK_FAILS(bsgen_tensor_from_dlpack(&x, &xv), BSGEN_E_UNSUPPORTED, "elements are float64");
  x.dtype.bits = 32;
  x.ndim = 5;
  CHECK_FAILS(bsgen_tensor_from_dlpack(&x, &xv), BSGEN_E_INVALID_ARGUMENT, "5 dimensions");
  end(&s);
}

static void* fail_elsewhere(void* message) {
  bsgen_layout* layout = NULL;
  CHECK(strcmp(bsgen_last_error(), "") == 0);
  CHECK_FAILS(bsgen_layout_read("nonsense:2x2", NULL, &layout), BSGEN_E_INVALID_ARGUMENT, "nonsense");
  strcpy(message, bsgen_last_error());
  return NULL;
}

static void messages_belong_to_the_thread_that_failed(void) {
  bsgen_device* device = NULL;
  char theirs[512], ours[512];
  CHECK_FAILS(bsgen_device_open("gpu", &device), BSGEN_E_INVALID_ARGUMENT, "\"gpu\" is none of auto, sim");
  strcpy(ours, bsgen_last_error());
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, fail_elsewhere, theirs) == 0 && pthread_join(thread, NULL) == 0);
  CHECK(strcmp(ours, bsgen_last_error()) == 0 && strcmp(ours, theirs) != 0);
  CHECK(device == NULL); /* out parameters are left alone */
  CHECK(strcmp(bsgen_status_name(BSGEN_E_INVALID_ARGUMENT), "invalid argument") == 0);
  CHECK(bsgen_status_name(12345) != NULL);
}

static void structs_of_older_and_newer_headers_are_taken(void) {
  bsgen_layout* layout = small_layout();
  bsgen_blob* blob = NULL;
  /* Older: a header whose problem ended behind out_dtype. */
  union {
    bsgen_problem known;
    struct { bsgen_problem known; int64_t later; } newer;
    unsigned char bytes[sizeof(bsgen_problem) + 8];
  } problem;
  memset(&problem, 0xee, sizeof problem);
  problem.known.struct_size = offsetof(bsgen_problem, activations);
  problem.known.op = BSGEN_BPROP;
  problem.known.dtype = BSGEN_FP16;
  problem.known.out_dtype = BSGEN_DTYPE_DEFAULT;
  CHECK_OK(bsgen_emit(layout, &problem.known, NULL, BSGEN_EMIT_CUDA, &blob));
  CHECK(strstr(bsgen_blob_data(blob), "bsgen_bprop_fp16_") && strlen(bsgen_blob_data(blob)) == bsgen_blob_size(blob));
  bsgen_blob_release(blob);
  /* Newer: what this library does not know is zero, or refused. */
  memset(&problem, 0, sizeof problem);
  problem.known.struct_size = sizeof problem.newer;
  CHECK_OK(bsgen_emit(layout, &problem.known, NULL, BSGEN_EMIT_PLAN, &blob));
  bsgen_blob_release(blob);
  problem.newer.later = 1;
  CHECK_FAILS(bsgen_emit(layout, &problem.known, NULL, BSGEN_EMIT_PLAN, &blob), BSGEN_E_UNSUPPORTED, "leave newer fields zero");
  problem.known.struct_size = 0;
  CHECK_FAILS(bsgen_emit(layout, &problem.known, NULL, BSGEN_EMIT_PLAN, &blob), BSGEN_E_INVALID_ARGUMENT, "set it to sizeof(bsgen_problem)");
  /* What is filled: as far as the caller's struct goes, and no further. */
  bsgen_layout_info info;
  memset(&info, 0xee, sizeof info);
  info.struct_size = offsetof(bsgen_layout_info, rows);
  CHECK_OK(bsgen_layout_get_info(layout, &info));
  CHECK(info.struct_size == offsetof(bsgen_layout_info, rows) && info.heads == 1 && info.grid_rows == 2 && info.grid_cols == 2);
  CHECK(((unsigned char*)&info.rows)[0] == 0xee);
  bsgen_layout_release(layout);
}

static void what_is_null_or_out_of_range_is_refused_by_name(void) {
  bsgen_layout* layout = NULL;
  const uint8_t bits[4] = {1, 1, 1, 1};
  const int64_t offsets[] = {0, 1, 9};
  CHECK_FAILS(bsgen_layout_from_bits(NULL, 2, 2, NULL, &layout), BSGEN_E_INVALID_ARGUMENT, "bits is null");
  CHECK_FAILS(bsgen_layout_from_bits(bits, 2, 2, NULL, NULL), BSGEN_E_INVALID_ARGUMENT, "layout is null");
  CHECK_FAILS(bsgen_layout_from_bits(bits, -2, 2, NULL, &layout), BSGEN_E_INVALID_ARGUMENT, "-2");
  CHECK_FAILS(bsgen_layout_from_bits(bits, INT64_MAX, 4, NULL, &layout), BSGEN_E_INVALID_ARGUMENT, "blocks is none");
  CHECK_FAILS(bsgen_layout_from_bsr(offsets, NULL, 2, 2, NULL, &layout), BSGEN_E_INVALID_ARGUMENT, "row_offsets end at 9, the grid has 4");
  CHECK_FAILS(bsgen_layout_read(NULL, NULL, &layout), BSGEN_E_INVALID_ARGUMENT, "path_or_generator is null");
  CHECK_FAILS(bsgen_layout_get_info(NULL, NULL), BSGEN_E_INVALID_ARGUMENT, "layout is null");
  CHECK_FAILS(bsgen_engine_get_kernel(NULL, NULL, NULL, NULL, NULL, NULL), BSGEN_E_INVALID_ARGUMENT, "engine is null");
  CHECK_FAILS(bsgen_kernel_launch(NULL, NULL, NULL), BSGEN_E_INVALID_ARGUMENT, "kernel is null");
  CHECK_FAILS(bsgen_buffer_create(NULL, 1, NULL), BSGEN_E_INVALID_ARGUMENT, "device is null");
  layout = small_layout();
  bsgen_blob* blob = NULL;
  bsgen_problem problem = {.struct_size = sizeof problem};
  problem.op = 7;
  CHECK_FAILS(bsgen_emit(layout, &problem, NULL, BSGEN_EMIT_PLAN, &blob), BSGEN_E_INVALID_ARGUMENT, "bsgen_op: 7 is not a value");
  CHECK_FAILS(bsgen_emit(layout, NULL, NULL, -1, &blob), BSGEN_E_INVALID_ARGUMENT, "bsgen_emit_what: -1");
  bsgen_layout_release(layout);
  bsgen_layout_release(NULL);
  bsgen_blob_release(NULL);
  bsgen_device_forget_stream(NULL, NULL);
  bsgen_device_release(NULL);
  bsgen_buffer_release(NULL);
  bsgen_engine_release(NULL);
  bsgen_kernel_release(NULL);
  CHECK(bsgen_blob_size(NULL) == 0 && bsgen_buffer_address(NULL) == 0);
}

static void it_works_with_neither_libcuda_nor_libnvrtc(void) {
  hide_cuda = 1;
  int32_t major = -1, minor = -1;
  bsgen_version(&major, &minor, NULL);
  CHECK(major == BSGEN_VERSION_MAJOR && minor == BSGEN_VERSION_MINOR);
  bsgen_layout* layout = NULL;
  bsgen_mask_options mask = {.struct_size = sizeof mask, .block_rows = 16, .block_cols = 32};
  CHECK_OK(bsgen_layout_read("banded:64x64:width=3", &mask, &layout));
  bsgen_layout_info info = {.struct_size = sizeof info};
  CHECK_OK(bsgen_layout_get_info(layout, &info));
  CHECK(info.rows == 1024 && info.cols == 2048 && info.num_blocks == 190);
  bsgen_blob* blob = NULL;
  bsgen_compile_options options = {.struct_size = sizeof options};
  options.arch = "sm_90";
  CHECK_OK(bsgen_emit(layout, NULL, &options, BSGEN_EMIT_CUDA, &blob));
  CHECK(strstr(bsgen_blob_data(blob), "#include <bsgen/kernels/"));
  bsgen_blob_release(blob);
  CHECK(!cuda_was_wanted); /* nothing so far even looked for them */

  CHECK_FAILS(bsgen_emit(layout, NULL, &options, BSGEN_EMIT_PTX, &blob), BSGEN_E_MISSING, "nvrtc");
  bsgen_device* device = NULL;
  CHECK_FAILS(bsgen_device_open("cuda:0", &device), BSGEN_E_MISSING, "libcuda.so.1 not found");
  CHECK_OK(bsgen_device_open("auto", &device));
  bsgen_device_info about = {.struct_size = sizeof about};
  CHECK_OK(bsgen_device_get_info(device, &about));
  CHECK((strcmp(about.name, "cpu") == 0 || strcmp(about.name, "sim") == 0) && about.ordinal == -1);
  bsgen_device_release(device);
  bsgen_layout_release(layout);
}

/* argv[2] is the tool: it makes a bundle, which is then all there is. */
static const char* tool = NULL;

static void a_bundle_serves_where_nothing_of_cuda_is_installed(void) {
  char folder[] = "/tmp/bsgen-c-XXXXXX", list[64], file[64], command[1024];
  CHECK(mkdtemp(folder) != NULL && tool != NULL);
  snprintf(list, sizeof list, "%s/list", folder);
  snprintf(file, sizeof file, "%s/bundle", folder);
  FILE* lines = fopen(list, "w");
  CHECK(lines && fputs("bits:2x2:hex=d --dtype fp32\n", lines) >= 0 && fclose(lines) == 0);
  snprintf(command, sizeof command, "'%s' bundle '%s' --arch sm_80 --no-cache -o '%s' > '%s/out' 2>&1", tool, list, file, folder);
  const int made = system(command);
  bsgen_bundle* bundle = NULL;
  bsgen_device* device = NULL;
  bsgen_engine* engine = NULL;
  bsgen_kernel* kernel = NULL;
  hide_cuda = 1;
  if (made == 0) {
    CHECK_OK(bsgen_bundle_open(file, &bundle));
    CHECK(bsgen_bundle_size(bundle) == 1 && strlen(bsgen_bundle_digest(bundle)) == 64);
    CHECK(strcmp(bsgen_bundle_request(bundle, 0), "bits:2x2:hex=d --dtype fp32 --arch sm_80") == 0 && !bsgen_bundle_request(bundle, 1));
    CHECK_OK(bsgen_bundle_verify(bundle));
    bsgen_bundle_release(bundle);
    bsgen_engine_options options = {.struct_size = sizeof options, .disk_cache = BSGEN_SWITCH_OFF, .cuda_dir = "/nonexistent", .bundle = file, .jit = BSGEN_SWITCH_OFF};
    bsgen_problem problem = {.struct_size = sizeof problem, .dtype = BSGEN_FP32};
    bsgen_layout* layout = small_layout();
    CHECK_OK(bsgen_device_open("sim", &device));
    CHECK_OK(bsgen_engine_create(&options, &engine));
    CHECK_OK(bsgen_engine_get_kernel(engine, layout, &problem, NULL, device, &kernel));
    bsgen_kernel_info info = {.struct_size = sizeof info};
    CHECK_OK(bsgen_kernel_get_info(kernel, &info));
    CHECK(info.origin == BSGEN_FROM_BUNDLE);
    bsgen_kernel_release(kernel);
    problem.op = BSGEN_BPROP;
    CHECK_FAILS(bsgen_engine_get_kernel(engine, layout, &problem, NULL, device, &kernel), BSGEN_E_MISSING,
                ": bits:2x2:hex=d --block 32 --op bprop --dtype fp32 --arch sm_80");
    bsgen_engine_stats stats = {.struct_size = sizeof stats};
    CHECK_OK(bsgen_engine_get_stats(engine, &stats));
    CHECK(stats.hits_bundle == 1 && stats.compiles == 0);
    bsgen_engine_release(engine);
    bsgen_device_release(device);
    bsgen_layout_release(layout);
  }
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  CHECK(system(command) == 0);
  if (made != 0) printf("SKIPPED: NVRTC not found, so no bundle was made\n");
}

static bsgen_engine* engine_in_memory(void) {
  bsgen_engine_options options = {.struct_size = sizeof options, .disk_cache = BSGEN_SWITCH_OFF};
  bsgen_engine* engine = NULL;
  CHECK_OK(bsgen_engine_create(&options, &engine));
  return engine;
}

static bsgen_kernel_info about(const bsgen_kernel* kernel) {
  bsgen_kernel_info info = {.struct_size = sizeof info};
  CHECK_OK(bsgen_kernel_get_info(kernel, &info));
  return info;
}

static uint64_t num_compiles(const bsgen_engine* engine) {
  bsgen_engine_stats stats = {.struct_size = sizeof stats};
  CHECK_OK(bsgen_engine_get_stats(engine, &stats));
  return stats.compiles;
}

static void prewarmed_requests_are_resident_and_served_from_memory(void) {
  bsgen_engine* engine = engine_in_memory();
  bsgen_device* device = NULL;
  CHECK_OK(bsgen_device_open("sim", &device));
  bsgen_layout* layout = small_layout();
  bsgen_request* requests[2] = {NULL, NULL};
  for (int i = 0; i < 2; ++i) {
    bsgen_problem problem = {.struct_size = sizeof problem, .op = i, .dtype = BSGEN_FP32};
    CHECK_OK(bsgen_request_create(engine, layout, &problem, NULL, device, &requests[i]));
    CHECK(bsgen_request_is_resident(engine, requests[i]) == 0);
  }
  bsgen_layout_release(layout); /* a request keeps what it needs */
  bsgen_device_release(device);
  const bsgen_request* const with_a_hole[] = {requests[0], NULL};
  CHECK_FAILS(bsgen_engine_prewarm(engine, with_a_hole, 2), BSGEN_E_INVALID_ARGUMENT, "bsgen_engine_prewarm: requests[1] is null");
  CHECK_FAILS(bsgen_engine_prewarm(engine, NULL, 1), BSGEN_E_INVALID_ARGUMENT, "requests is null");
  CHECK_OK(bsgen_engine_prewarm(engine, NULL, 0));
  CHECK(bsgen_request_is_resident(engine, requests[0]) == 0 && bsgen_request_is_resident(engine, NULL) == 0);
  const bsgen_status status = bsgen_engine_prewarm(engine, (const bsgen_request* const*)requests, 2);
  skip_without_nvrtc(status);
  CHECK_OK(status);
  CHECK(num_compiles(engine) == 2);
  const char* entries[] = {"bsgen_fprop_", "bsgen_bprop_"};
  for (int i = 0; i < 2; ++i) {
    bsgen_kernel* kernel = NULL;
    CHECK(bsgen_request_is_resident(engine, requests[i]) == 1);
    CHECK_OK(bsgen_request_get_kernel(engine, requests[i], NULL, &kernel));
    CHECK(about(kernel).origin == BSGEN_FROM_MEMORY && strncmp(about(kernel).entry, entries[i], 12) == 0);
    bsgen_kernel_release(kernel);
    bsgen_request_release(requests[i]);
  }
  CHECK(num_compiles(engine) == 2);
  bsgen_blob* json = NULL;
  CHECK_OK(bsgen_engine_get_stats_json(engine, &json));
  CHECK(strstr(bsgen_blob_data(json), "\"compiles\": 2,") && strstr(bsgen_blob_data(json), "\"hits_memory\": 2,"));
  bsgen_blob_release(json);
  bsgen_request_release(NULL);
  bsgen_engine_release(engine);
}

static void at_once_serves_the_kernel_of_the_class_until_the_one_asked_for_is_there(void) {
  session s;
  begin(&s, NULL); /* its kernel is not used */
  bsgen_layout* layout = small_layout();
  bsgen_problem problem = {.struct_size = sizeof problem, .dtype = BSGEN_FP32};
  bsgen_compile_options options = {.struct_size = sizeof options, .tier = BSGEN_TIER_CONSTANT};
  bsgen_request* request = NULL;
  CHECK_OK(bsgen_request_create(s.engine, layout, &problem, &options, s.device, &request));
  const bsgen_serving at_once = {.struct_size = sizeof at_once, .at_once = 1};
  const bsgen_tier tiers[] = {BSGEN_TIER_TABLE, BSGEN_TIER_CONSTANT};
  for (int i = 0; i < 2; ++i) {
    bsgen_kernel* kernel = NULL;
    CHECK_OK(bsgen_request_get_kernel(s.engine, request, &at_once, &kernel));
    CHECK(about(kernel).tier == tiers[i]);
    CHECK_OK(bsgen_buffer_write(s.y, 0, s.host.x, sizeof s.host.y)); /* anything */
    const bsgen_tensor x = matrix(bsgen_buffer_address(s.x), kTokens, kK), y = matrix(bsgen_buffer_address(s.y), kTokens, kN);
    const bsgen_tensor w = matrix(bsgen_buffer_address(s.w), kBlocks, kBlock * kBlock);
    bsgen_launch_arguments launch = {.struct_size = sizeof launch, .x = &x, .w = &w, .y = &y};
    CHECK_OK(bsgen_kernel_launch(kernel, &launch, NULL));
    check_result(&s, 1);
    bsgen_kernel_release(kernel);
    for (int waits = 0; waits < 5000 && !bsgen_request_is_resident(s.engine, request); ++waits) usleep(2000);
    CHECK(bsgen_request_is_resident(s.engine, request));
  }
  bsgen_request_release(request);
  bsgen_layout_release(layout);
  end(&s);
}

static void compilers_run_where_the_options_say(void) {
  bsgen_engine* engine = NULL;
  bsgen_engine_options options = {.struct_size = sizeof options, .disk_cache = BSGEN_SWITCH_OFF, .helper = "/nonexistent/helper"};
  options.compile_in = 3;
  CHECK_FAILS(bsgen_engine_create(&options, &engine), BSGEN_E_INVALID_ARGUMENT, "bsgen_compile_in: 3 is not a value");
  options.compile_in = BSGEN_COMPILE_IN_PROCESS;
  options.compile_timeout_ms = -1;
  CHECK_FAILS(bsgen_engine_create(&options, &engine), BSGEN_E_INVALID_ARGUMENT, "neither is negative");
  const struct {
    bsgen_compile_in where;
    double timeout_ms;
    bsgen_status status;
    const char* message;
  } cases[] = {{BSGEN_COMPILE_IN_PROCESS, 5000, BSGEN_E_INVALID_ARGUMENT, "compile_timeout_ms needs a helper process"},
               {BSGEN_COMPILE_IN_HELPER, 0, BSGEN_E_MISSING, "/nonexistent/helper cannot be started"},
               {BSGEN_COMPILE_AUTO, 5000, BSGEN_E_MISSING, "/nonexistent/helper cannot be started"},
               {BSGEN_COMPILE_AUTO, 0, BSGEN_OK, ""}};
  bsgen_device* device = NULL;
  bsgen_layout* layout = small_layout();
  CHECK_OK(bsgen_device_open("sim", &device));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    options.compile_in = cases[i].where;
    options.compile_timeout_ms = cases[i].timeout_ms;
    CHECK_OK(bsgen_engine_create(&options, &engine));
    bsgen_kernel* kernel = NULL;
    const bsgen_status status = bsgen_engine_get_kernel(engine, layout, NULL, NULL, device, &kernel);
    skip_without_nvrtc(status);
    CHECK(status == cases[i].status && (status == BSGEN_OK || strstr(bsgen_last_error(), cases[i].message)));
    bsgen_kernel_release(kernel);
    bsgen_engine_release(engine);
  }
  bsgen_layout_release(layout);
  bsgen_device_release(device);
}

/* On the driver of the tests, which offers an application's calls in this order. */
static const char* test_driver = NULL;
enum { kCtxSetCurrent, kCtxCreate, kCtxDestroy, kBeginCapture, kEndCapture, kInstantiate, kGraphLaunch, kGraphDestroy, kExecDestroy, kNumCalls };

static void a_device_of_the_caller_s_context_refuses_a_miss_under_capture_and_keeps_it_good(void) {
  driver = test_driver;
  void* library = driver ? dlopen("libcuda.so.1", RTLD_NOW) : NULL;
  CHECK(library != NULL);
  void (*get_application)(void*) = NULL;
  int (*find)(const char*, void**, int, uint64_t, int*) = NULL;
  int (*init)(unsigned) = NULL;
  *(void**)&get_application = dlsym(library, "fake_cuda_get_application");
  *(void**)&find = dlsym(library, "cuGetProcAddress_v2");
  *(void**)&init = dlsym(library, "cuInit");
  int (*calls[kNumCalls])() = {NULL};
  get_application(calls);
  int (*stream_create)(void**, unsigned) = NULL;
  int (*stream_destroy)(void*) = NULL;
  CHECK(find("cuStreamCreate", (void**)&stream_create, 2000, 0, NULL) == 0 && find("cuStreamDestroy", (void**)&stream_destroy, 4000, 0, NULL) == 0);

  bsgen_device* device = NULL;
  bsgen_device_info info = {.struct_size = sizeof info};
  CHECK(init(0) == 0);
  CHECK_FAILS(bsgen_device_of_context(NULL, &device), BSGEN_E_INVALID_ARGUMENT, "no context is current in this thread");
  CHECK_FAILS(bsgen_device_of_context(NULL, NULL), BSGEN_E_INVALID_ARGUMENT, "device is null");
  void *context = NULL, *stream = NULL, *graph = NULL;
  CHECK(calls[kCtxCreate](&context, 0u, 0) == 0);
  CHECK(stream_create(&stream, 1) == 0);
  CHECK_OK(bsgen_device_of_context(context, &device));
  CHECK_OK(bsgen_device_get_info(device, &info));
  CHECK(strcmp(info.name, "cuda:0") == 0 && info.ordinal == 0);

  bsgen_engine* engine = engine_in_memory();
  bsgen_layout* layout = small_layout();
  bsgen_request* request = NULL;
  bsgen_kernel* kernel = NULL;
  CHECK_OK(bsgen_request_create(engine, layout, NULL, NULL, device, &request));
  const bsgen_serving on_stream = {.struct_size = sizeof on_stream, .has_stream = 1, .stream = stream};
  CHECK(calls[kBeginCapture](stream, 0) == 0);
  CHECK_FAILS(bsgen_request_get_kernel(engine, request, &on_stream, &kernel), BSGEN_E_DEVICE, "the stream is being captured");
  CHECK(calls[kEndCapture](stream, &graph) == 0 && graph != NULL && calls[kGraphDestroy](graph) == 0);
  const bsgen_request* const all[] = {request};
  const bsgen_status status = bsgen_engine_prewarm(engine, all, 1);
  if (status == BSGEN_OK) {
    CHECK(calls[kBeginCapture](stream, 0) == 0);
    CHECK_OK(bsgen_request_get_kernel(engine, request, &on_stream, &kernel));
    CHECK(calls[kEndCapture](stream, &graph) == 0 && calls[kGraphDestroy](graph) == 0);
  }
  bsgen_kernel_release(kernel);
  bsgen_request_release(request);
  bsgen_layout_release(layout);
  bsgen_engine_release(engine);
  bsgen_device_forget_stream(device, stream);
  bsgen_device_release(device);
  CHECK(stream_destroy(stream) == 0 && calls[kCtxDestroy](context) == 0);
  skip_without_nvrtc(status);
  CHECK_OK(status);
}

static const struct {
  const char* name;
  void (*run)(void);
} kClaims[] = {
#define CLAIM(name) {#name, name}
    CLAIM(a_c_program_runs_a_kernel_and_gets_the_right_numbers),
    CLAIM(an_epilogue_takes_its_arguments_by_name),
    CLAIM(dlpack_tensors_go_in_as_they_are),
    CLAIM(messages_belong_to_the_thread_that_failed),
    CLAIM(structs_of_older_and_newer_headers_are_taken),
    CLAIM(what_is_null_or_out_of_range_is_refused_by_name),
    CLAIM(it_works_with_neither_libcuda_nor_libnvrtc),
    CLAIM(a_bundle_serves_where_nothing_of_cuda_is_installed),
    CLAIM(prewarmed_requests_are_resident_and_served_from_memory),
    CLAIM(at_once_serves_the_kernel_of_the_class_until_the_one_asked_for_is_there),
    CLAIM(compilers_run_where_the_options_say),
    CLAIM(a_device_of_the_caller_s_context_refuses_a_miss_under_capture_and_keeps_it_good),
};

int main(int argc, char** argv) {
  if (argc == 4) tool = argv[2], test_driver = argv[3];
  for (size_t i = 0; i < sizeof kClaims / sizeof kClaims[0]; ++i)
    if (argc >= 2 && strcmp(argv[1], kClaims[i].name) == 0) {
      kClaims[i].run();
      return 0;
    }
  fprintf(stderr, "usage: claims CLAIM [TOOL DRIVER]\n");
  return 2;
}
