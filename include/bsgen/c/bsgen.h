/* bsgen's C ABI: what frameworks and other languages bind to. Plain C99: no C++, no CUDA, no DLPack header.
 *
 *   bsgen_layout* layout = NULL;
 *   bsgen_mask_options mask = {.struct_size = sizeof mask};
 *   if (bsgen_layout_read("banded:64x64:width=3", &mask, &layout) != BSGEN_OK) fprintf(stderr, "%s\n", bsgen_last_error());
 *
 * docs/guide/embed-c.md shows a whole program. The rules:
 *
 * - Every function that can fail returns a bsgen_status; its message is then bsgen_last_error(), of the calling thread. Nothing is
 *   printed, no signal is raised, no exception leaves. An out parameter is written on success only.
 * - Handles are opaque, owned by the caller, and end with their *_release, which takes NULL too. What a handle was made from may be
 *   released at once: a kernel keeps its device, a buffer its device. Any handle may be used from any thread.
 * - Every struct that is passed begins with struct_size, which the caller sets to sizeof; zero means the default everywhere. So
 *   `bsgen_problem p = {.struct_size = sizeof p};` is complete, a program built with an older header goes on working, and one built with
 *   a newer header works as long as it leaves zero what this library does not know.
 * - Enumerations and functions are only added, structs only grow at their end. Symbols carry the version they came with (BSGEN_0.1).
 * - Text is UTF-8, ended by a zero byte. Pointers into a handle live as long as the handle.
 */
#ifndef BSGEN_C_BSGEN_H
#define BSGEN_C_BSGEN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BSGEN_API __attribute__((visibility("default")))
#else
#define BSGEN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; bsgen_version() is that of the library that was loaded. */
#define BSGEN_VERSION_MAJOR 0
#define BSGEN_VERSION_MINOR 1
#define BSGEN_VERSION_PATCH 0

BSGEN_API void bsgen_version(int32_t* major, int32_t* minor, int32_t* patch); /* any of them may be NULL */

/* ---- Errors ---- */

typedef int32_t bsgen_status;
enum {
  BSGEN_OK = 0,
  BSGEN_E_INVALID_ARGUMENT = 1, /* what the caller gave is wrong */
  BSGEN_E_UNSUPPORTED = 2,      /* well-formed, but no kernel, architecture or reader does it */
  BSGEN_E_COMPILE_FAILED = 3,   /* CUDA or PTX that does not compile */
  BSGEN_E_MISSING = 4,          /* a part of this machine is missing: driver, NVRTC, device, bundle entry */
  BSGEN_E_CHECK_FAILED = 5,     /* a stored thing is damaged */
  BSGEN_E_DEVICE = 6,           /* the device failed while it worked */
  BSGEN_E_IO = 7,               /* a file could not be read or written */
  BSGEN_E_INTERNAL = 8,         /* a bug in bsgen */
  BSGEN_E_OUT_OF_MEMORY = 9     /* of the host */
};

/* Of the last call of this thread that failed: operation, actual value, limit, way out. "" before the first. Valid until this thread's next
 * call that fails. */
BSGEN_API const char* bsgen_last_error(void);
BSGEN_API const char* bsgen_status_name(bsgen_status status); /* "invalid argument"; never NULL */

/* ---- Enumerations; 0 is always the default ---- */

typedef int32_t bsgen_dtype; /* default bf16 for operands; for outputs the operands', fp32 for update */
enum { BSGEN_DTYPE_DEFAULT = 0, BSGEN_FP32 = 1, BSGEN_TF32 = 2, BSGEN_FP16 = 3, BSGEN_BF16 = 4 };

typedef int32_t bsgen_op;
enum { BSGEN_FPROP = 0, BSGEN_BPROP = 1, BSGEN_UPDATE = 2 };

typedef int32_t bsgen_activations; /* which index is contiguous: features (row) or tokens (col) */
enum { BSGEN_ROW = 0, BSGEN_COL = 1 };

typedef int32_t bsgen_tier; /* how much of the mask stands in the code */
enum { BSGEN_TIER_AUTO = 0, BSGEN_TIER_STRUCTURAL = 1, BSGEN_TIER_UNROLLED = 2, BSGEN_TIER_CONSTANT = 3, BSGEN_TIER_TABLE = 4 };

typedef int32_t bsgen_log_level;
enum { BSGEN_LOG_ERROR = 0, BSGEN_LOG_WARNING = 1, BSGEN_LOG_INFO = 2, BSGEN_LOG_DEBUG = 3 };

typedef int32_t bsgen_switch;
enum { BSGEN_SWITCH_DEFAULT = 0, BSGEN_SWITCH_ON = 1, BSGEN_SWITCH_OFF = 2 };

/* ---- Layouts: which blocks of a matrix (or of a stack of them) exist ---- */

typedef struct bsgen_layout bsgen_layout;

typedef struct bsgen_layout_options {
  size_t struct_size;
  int32_t block_rows, block_cols; /* elements; 0: 32 */
  int64_t heads;                  /* matrices in the stack; 0: 1 */
  int64_t rows, cols;             /* of the matrix in elements, inside the last block; 0: grid x block */
} bsgen_layout_options;

/* bits: heads x grid_rows x grid_cols bytes, nonzero = present. */
BSGEN_API bsgen_status bsgen_layout_from_bits(const uint8_t* bits, int64_t grid_rows, int64_t grid_cols,
                                              const bsgen_layout_options* options, bsgen_layout** layout);
/* row_offsets: heads * grid_rows + 1 numbers from 0 on; block_cols: row_offsets[last] numbers, ascending in each row. */
BSGEN_API bsgen_status bsgen_layout_from_bsr(const int64_t* row_offsets, const int32_t* block_cols, int64_t grid_rows, int64_t grid_cols,
                                             const bsgen_layout_options* options, bsgen_layout** layout);

typedef struct bsgen_mask_options {
  size_t struct_size;
  int32_t block_rows, block_cols; /* 0: the file's own, else 32 */
  int64_t rows, cols;             /* of the matrix in elements; 0: grid x block */
  int32_t elements;               /* .npy and .txt hold elements, not blocks */
  int32_t has_keep;               /* then keep says how many blocks of an element file stay, as a fraction of the grid */
  double keep;
  uint64_t seed;                  /* of generators that draw and are given none */
} bsgen_mask_options;

/* A mask file (.txt .npy .npz .mtx .smtx .layout) or a generator, "banded:64x64:width=3". */
BSGEN_API bsgen_status bsgen_layout_read(const char* path_or_generator, const bsgen_mask_options* options, bsgen_layout** layout);

typedef struct bsgen_layout_info {
  size_t struct_size;
  int64_t heads, grid_rows, grid_cols; /* blocks */
  int64_t rows, cols;                  /* elements: K and N of a weight */
  int64_t num_blocks;                  /* present ones of all heads; values lie in BSR order, whole blocks, row-major inside */
  int32_t block_rows, block_cols;
  uint64_t hash_high, hash_low;        /* equal for equal layouts on every machine */
} bsgen_layout_info;

BSGEN_API bsgen_status bsgen_layout_get_info(const bsgen_layout* layout, bsgen_layout_info* info);
BSGEN_API void bsgen_layout_release(bsgen_layout* layout);

/* ---- What to compute, and how it may be done ---- */

typedef struct bsgen_problem {
  size_t struct_size;
  bsgen_op op;
  bsgen_dtype dtype, out_dtype;
  bsgen_activations activations;
  int32_t align;        /* bytes that every pointer and stride is a multiple of: 16, 4 or 2; 0: 16 */
  int32_t accumulate;   /* update adds to what dW holds */
  const char* epilogue; /* fprop: "gelu(acc + bias[n])"; NULL: acc */
} bsgen_problem;

typedef struct bsgen_compile_options {
  size_t struct_size;
  bsgen_tier tier;
  int32_t assume_finite;   /* plans may multiply padding by the data */
  int32_t batch_invariant; /* one order of arithmetic over all plans of the layout */
  int64_t plan_tokens;     /* what the planner may assume about the number of tokens; 0: 4096 */
  const char* arch;        /* "sm_90a"; NULL: the device's own, sm_80 where there is no device */
} bsgen_compile_options;

/* ---- Text and bytes that the library made ---- */

typedef struct bsgen_blob bsgen_blob;
BSGEN_API const void* bsgen_blob_data(const bsgen_blob* blob); /* followed by a zero byte that bsgen_blob_size does not count */
BSGEN_API size_t bsgen_blob_size(const bsgen_blob* blob);
BSGEN_API void bsgen_blob_release(bsgen_blob* blob);

/* The text form, HASH.layout of a message: a file of it is a mask. */
BSGEN_API bsgen_status bsgen_layout_get_text(const bsgen_layout* layout, bsgen_blob** text);

typedef int32_t bsgen_emit_what;
enum { BSGEN_EMIT_PLAN = 0, BSGEN_EMIT_CUDA = 1, BSGEN_EMIT_PTX = 2, BSGEN_EMIT_CUBIN = 3 };

/* One stage of a request, without a device and without a cache. Plan and CUDA need neither driver nor NVRTC. */
BSGEN_API bsgen_status bsgen_emit(const bsgen_layout* layout, const bsgen_problem* problem, const bsgen_compile_options* options,
                                  bsgen_emit_what what, bsgen_blob** blob);

/* ---- Devices ---- */

typedef struct bsgen_device bsgen_device;

/* "auto" (the first GPU, else cpu, else sim), "cuda:N", "cpu", "sim", "sim:sm_90". NULL: "auto". */
BSGEN_API bsgen_status bsgen_device_open(const char* name, bsgen_device** device);
/* The GPU behind a CUcontext of the caller's (NULL: the current one), which must outlive the device and all that is of it. Where "cuda:N"
 * works in the GPU's primary context, this device works in that one: its streams are the ones to launch on. */
BSGEN_API bsgen_status bsgen_device_of_context(void* context, bsgen_device** device);

typedef struct bsgen_device_info {
  size_t struct_size;
  const char* name;  /* "cuda:0", "sim" */
  const char* model; /* "NVIDIA H200" */
  const char* arch;  /* "sm_90a" */
  int32_t ordinal;   /* of a GPU, else -1 */
  int32_t num_sms;
} bsgen_device_info;

BSGEN_API bsgen_status bsgen_device_get_info(const bsgen_device* device, bsgen_device_info* info);
/* Waits for the stream. stream: a CUstream; NULL as in bsgen_kernel_launch. */
BSGEN_API bsgen_status bsgen_device_synchronize(bsgen_device* device, void* stream);
/* Call before you destroy a stream that was launched on; what it was given may still be running. */
BSGEN_API void bsgen_device_forget_stream(bsgen_device* device, void* stream);
BSGEN_API void bsgen_device_release(bsgen_device* device);

/* Memory of a device, for programs without a framework that owns some. */
typedef struct bsgen_buffer bsgen_buffer;
BSGEN_API bsgen_status bsgen_buffer_create(bsgen_device* device, size_t bytes, bsgen_buffer** buffer);
BSGEN_API uint64_t bsgen_buffer_address(const bsgen_buffer* buffer);
BSGEN_API bsgen_status bsgen_buffer_write(bsgen_buffer* buffer, size_t offset, const void* source, size_t bytes);
BSGEN_API bsgen_status bsgen_buffer_read(const bsgen_buffer* buffer, size_t offset, void* destination, size_t bytes);
BSGEN_API void bsgen_buffer_release(bsgen_buffer* buffer);

/* ---- Engine: the cached way to a kernel ---- */

typedef struct bsgen_engine bsgen_engine;

/* Where compilers run. A helper process can be killed, so a compile can time out; it shares no lock with a host that forks; and several of
 * them use several cores. */
typedef int32_t bsgen_compile_in;
enum {
  BSGEN_COMPILE_AUTO = 0,       /* a helper where there is one and it is needed: with a timeout, for many at once, after a fork() amid a compile */
  BSGEN_COMPILE_IN_PROCESS = 1, /* never a helper: a timeout is refused */
  BSGEN_COMPILE_IN_HELPER = 2   /* always */
};

typedef struct bsgen_engine_options {
  size_t struct_size;
  const char* cache_dir;       /* NULL: BSGEN_CACHE_DIR, $XDG_CACHE_HOME/bsgen, ~/.cache/bsgen */
  bsgen_switch disk_cache;     /* default on */
  const char* cuda_dir;        /* where libnvrtc lies; NULL: BSGEN_CUDA_DIR, then the usual places */
  uint64_t memory_entries;     /* 0: 16384 */
  void (*log)(void* user, bsgen_log_level level, const char* message); /* from any thread; NULL: silent */
  void* log_user;
  const char* bundle;          /* kernels made by `bsgen bundle`, looked up before the cache; NULL: BSGEN_BUNDLE */
  bsgen_switch jit;            /* off: never call NVRTC; a miss is BSGEN_E_MISSING and names the request. Default: BSGEN_JIT, else on */
  bsgen_compile_in compile_in;
  int32_t compile_workers;     /* kernels that are compiled at a time for prewarm and at_once; 0: the number of processors */
  double compile_timeout_ms;   /* of one kernel; 0: none */
  const char* helper;          /* the program bsgen-compiler; NULL: beside this library or program, or in ../libexec/bsgen */
  uint64_t memory_bytes;       /* of images and tables that are kept loaded; 0: 512 MiB */
  uint64_t cache_bytes;        /* of the folder, least recently used entries go first; 0: BSGEN_CACHE_SIZE, else 1 GiB */
} bsgen_engine_options;

BSGEN_API bsgen_status bsgen_engine_create(const bsgen_engine_options* options, bsgen_engine** engine);
BSGEN_API void bsgen_engine_release(bsgen_engine* engine);

typedef struct bsgen_engine_stats {
  size_t struct_size;
  uint64_t entries, bytes, hits_memory, hits_disk, misses, compiles, corrupt, hits_bundle;
} bsgen_engine_stats;

BSGEN_API bsgen_status bsgen_engine_get_stats(const bsgen_engine* engine, bsgen_engine_stats* stats);
/* All counters, with a histogram of the times of compiles, as one JSON object. */
BSGEN_API bsgen_status bsgen_engine_get_stats_json(const bsgen_engine* engine, bsgen_blob** json);

/* What a bundle holds; an engine opens its own. Needs neither driver nor NVRTC. */
typedef struct bsgen_bundle bsgen_bundle;
BSGEN_API bsgen_status bsgen_bundle_open(const char* path, bsgen_bundle** bundle);
BSGEN_API size_t bsgen_bundle_size(const bsgen_bundle* bundle);
BSGEN_API const char* bsgen_bundle_digest(const bsgen_bundle* bundle); /* SHA-256 in hex, which pins every byte of the file */
/* The request of a kernel as a line of the list that `bsgen bundle` compiles; NULL past the end. */
BSGEN_API const char* bsgen_bundle_request(const bsgen_bundle* bundle, size_t index);
/* Checks every kernel: BSGEN_E_CHECK_FAILED names the first that is damaged. */
BSGEN_API bsgen_status bsgen_bundle_verify(const bsgen_bundle* bundle);
BSGEN_API void bsgen_bundle_release(bsgen_bundle* bundle);

/* ---- Kernels ---- */

typedef struct bsgen_kernel bsgen_kernel;

/* From memory, the bundle, disk or the compilers. Threads that ask for one kernel at once cause one compile. */
BSGEN_API bsgen_status bsgen_engine_get_kernel(bsgen_engine* engine, const bsgen_layout* layout, const bsgen_problem* problem,
                                               const bsgen_compile_options* options, bsgen_device* device, bsgen_kernel** kernel);

/* A request that was checked, planned and hashed once: held, it costs nanoseconds to be asked again. It goes with the engine that made it. */
typedef struct bsgen_request bsgen_request;
BSGEN_API bsgen_status bsgen_request_create(bsgen_engine* engine, const bsgen_layout* layout, const bsgen_problem* problem,
                                            const bsgen_compile_options* options, bsgen_device* device, bsgen_request** request);
BSGEN_API void bsgen_request_release(bsgen_request* request);

typedef struct bsgen_serving {
  size_t struct_size;
  /* Nonzero: a request that is not ready is answered with the kernel of tier table, which layouts of one class share, while the one that was
   * asked for is compiled in the background; later calls get it when it is ready. Both compute the same bits. */
  int32_t at_once;
  /* Nonzero: `stream` is what the kernel will be launched on. While it is being captured only what is resident is served: a miss is
   * BSGEN_E_DEVICE, nothing is compiled or loaded, and the capture stays good. */
  int32_t has_stream;
  void* stream; /* a CUstream */
} bsgen_serving;

/* serving: NULL for none of both. */
BSGEN_API bsgen_status bsgen_request_get_kernel(bsgen_engine* engine, const bsgen_request* request, const bsgen_serving* serving,
                                                bsgen_kernel** kernel);
/* Makes all of them resident, compiling on several cores. Every one is tried; the first error is returned. */
BSGEN_API bsgen_status bsgen_engine_prewarm(bsgen_engine* engine, const bsgen_request* const* requests, size_t num_requests);
/* 1: bsgen_request_get_kernel would neither compile nor load, unless more than fits into memory comes between; else 0. */
BSGEN_API int32_t bsgen_request_is_resident(const bsgen_engine* engine, const bsgen_request* request);

typedef int32_t bsgen_origin;
enum { BSGEN_FROM_MEMORY = 0, BSGEN_FROM_DISK = 1, BSGEN_COMPILED = 2, BSGEN_FROM_BUNDLE = 3 };

typedef struct bsgen_kernel_info {
  size_t struct_size;
  const char* entry;     /* "bsgen_fprop_bf16_9f2c41" */
  const char* arch;      /* "sm_80" */
  bsgen_tier tier;
  bsgen_origin origin;   /* where this handle's kernel came from */
  int32_t registers;     /* per thread; 0: nothing was assembled here */
  int32_t shared_bytes;  /* per cta, static and dynamic */
  int32_t spill_bytes;
  int32_t threads;       /* per cta */
} bsgen_kernel_info;

BSGEN_API bsgen_status bsgen_kernel_get_info(const bsgen_kernel* kernel, bsgen_kernel_info* info);
BSGEN_API void bsgen_kernel_release(bsgen_kernel* kernel);

/* Codes of DLPack's DLDeviceType, as far as bsgen knows them. 0: not said, not checked. */
typedef int32_t bsgen_device_type;
enum { BSGEN_ANY_DEVICE = 0, BSGEN_CPU = 1, BSGEN_CUDA = 2, BSGEN_CUDA_HOST = 3, BSGEN_CUDA_MANAGED = 13 };

/* A tensor that somebody else owns, in logical order: activations are [heads,] tokens x features however they lie in memory, values are
 * [heads, blocks, ...] in BSR order ([blocks, block_rows, block_cols], or those flattened), vectors of an epilogue are [heads,] n. */
#define BSGEN_MAX_NDIM 4
typedef struct bsgen_tensor {
  size_t struct_size;
  uint64_t data; /* device address of element 0 */
  bsgen_dtype dtype;
  int32_t ndim;
  int64_t shape[BSGEN_MAX_NDIM];
  int64_t strides[BSGEN_MAX_NDIM]; /* elements; all 0: contiguous, the last index fastest */
  bsgen_device_type device_type;
  int32_t device_id;
  int32_t read_only; /* refused as an output */
} bsgen_tensor;

/* A view of a DLPack tensor; ownership stays where it is. `tensor` points to a DLTensor, which is also how a DLManagedTensor begins; the second
 * form takes DLPack 1.x's struct and honours its version and its read-only flag. view->struct_size is set by the caller. */
struct DLManagedTensorVersioned;
BSGEN_API bsgen_status bsgen_tensor_from_dlpack(const void* tensor, bsgen_tensor* view);
BSGEN_API bsgen_status bsgen_tensor_from_dlpack_versioned(const struct DLManagedTensorVersioned* tensor, bsgen_tensor* view);

/* What the epilogue names. tensor NULL: a scalar. */
typedef struct bsgen_argument {
  const char* name;
  const bsgen_tensor* tensor;
  float scalar;
} bsgen_argument;

typedef struct bsgen_launch_arguments {
  size_t struct_size;
  const bsgen_tensor* x;           /* X; bprop writes it (dX) */
  const bsgen_tensor* w;           /* values; update writes them (dW) */
  const bsgen_tensor* y;           /* Y, which fprop writes; dY of the others */
  const bsgen_argument* arguments; /* of the epilogue */
  size_t num_arguments;
  void* workspace;                 /* at least bsgen_kernel_workspace_bytes(tokens); NULL where that is 0 */
} bsgen_launch_arguments;

BSGEN_API size_t bsgen_kernel_workspace_bytes(const bsgen_kernel* kernel, int64_t tokens);

/* Checks every argument, then queues the kernel: one driver call, no allocation (with an epilogue that has parameters: host memory
 * only), no synchronisation. The number of tokens is that of x. stream: a CUstream; NULL is a stream of the device's own, in order with the legacy default
 * stream; the simulated device has one stream and ignores it. */
BSGEN_API bsgen_status bsgen_kernel_launch(const bsgen_kernel* kernel, const bsgen_launch_arguments* arguments, void* stream);

#ifdef __cplusplus
}
#endif

#endif /* BSGEN_C_BSGEN_H */
