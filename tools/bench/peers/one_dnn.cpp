#include "tools/bench/peers/one_dnn.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace bsgen::bench {
namespace {

// Of dnnl_types.h, the same in versions 2 and 3.
constexpr int kCpu = 1, kInOrder = 1, kAnyTag = 1, kBf16 = 2, kF32 = 3, kQueryWeights = 131;
constexpr int kSource = 1, kDestination = 17, kWeights = 33;
constexpr std::size_t kDescriptorBytes = 4096;  // structs of version 2; the largest has less than 3 kB

using Dims = std::int64_t[12];
struct Argument {
  int what;
  void* memory;
};

class Product {
 public:
  Product(void* handle, int major) : handle_(handle), major_(major) {}

  bool make(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, void* x, std::int64_t ldx, void* w, void* y) {
    const int type = dtype == DType::kBf16 ? kBf16 : kF32;
    void* const source = strided(type, m, k, ldx);
    void* const plain = strided(type, k, n, n);
    void* const weights = any(type, k, n);
    void* const destination = strided(type, m, n, n);
    if (!call("dnnl_engine_create", create(engine_, "dnnl_engine_destroy"), kCpu, std::size_t{0}) ||
        !call("dnnl_stream_create", create(stream_, "dnnl_stream_destroy"), engine_, unsigned{kInOrder}))
      return false;
    void* described = nullptr;
    if (major_ == 2) {
      void* const operation = room();
      if (!call("dnnl_matmul_desc_init", operation, source, weights, nullptr, destination) ||
          !call("dnnl_primitive_desc_create", create(described, "dnnl_primitive_desc_destroy"), operation, nullptr, engine_, nullptr))
        return false;
    } else if (!call("dnnl_matmul_primitive_desc_create", create(described, "dnnl_primitive_desc_destroy"), engine_, source, weights, nullptr, destination, nullptr)) {
      return false;
    }
    auto* query = reinterpret_cast<void* (*)(void*, int, int)>(dlsym(handle_, "dnnl_primitive_desc_query_md"));
    auto* size = reinterpret_cast<std::size_t (*)(void*)>(dlsym(handle_, "dnnl_memory_desc_get_size"));
    void* const liked = query ? query(described, kQueryWeights, 0) : nullptr;
    if (!liked || !size) return false;
    weights_.resize(size(liked) + 64);
    void* packed = weights_.data() + (64 - reinterpret_cast<std::uintptr_t>(weights_.data()) % 64);
    void *of_x = nullptr, *of_y = nullptr, *from = nullptr, *to = nullptr, *reordering = nullptr, *reorder = nullptr;
    if (!memory(of_x, source, x) || !memory(of_y, destination, y) || !memory(from, plain, w) || !memory(to, liked, packed)) return false;
    if (!call("dnnl_reorder_primitive_desc_create", create(reordering, "dnnl_primitive_desc_destroy"), plain, engine_, liked, engine_, nullptr) ||
        !call("dnnl_primitive_create", create(reorder, "dnnl_primitive_destroy"), reordering) ||
        !call("dnnl_primitive_create", create(product_, "dnnl_primitive_destroy"), described))
      return false;
    const Argument moved[] = {{kSource, from}, {kDestination, to}};
    arguments_ = {{kSource, of_x}, {kWeights, to}, {kDestination, of_y}};
    execute_ = reinterpret_cast<int (*)(void*, void*, int, const Argument*)>(dlsym(handle_, "dnnl_primitive_execute"));
    wait_ = reinterpret_cast<int (*)(void*)>(dlsym(handle_, "dnnl_stream_wait"));
    return execute_ && wait_ && execute_(reorder, stream_, 2, moved) == 0 && wait_(stream_) == 0;
  }

  bool run() { return execute_(product_, stream_, static_cast<int>(arguments_.size()), arguments_.data()) == 0 && wait_(stream_) == 0; }

  ~Product() {
    for (auto each = made_.rbegin(); each != made_.rend(); ++each)
      if (*each->object) each->destroy(*each->object);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

 private:
  struct Made {
    std::unique_ptr<void*> object;
    int (*destroy)(void*);
  };
  // Where a call puts what it makes; destroyed with this.
  struct Created {
    void** here;
    void** kept;
  };
  Created create(void*& here, const char* destroy) {
    made_.push_back({std::make_unique<void*>(nullptr), reinterpret_cast<int (*)(void*)>(dlsym(handle_, destroy))});
    return {&here, made_.back().object.get()};
  }

  template <class... Rest>
  bool call(const char* name, Created created, Rest... rest) {
    auto* function = reinterpret_cast<int (*)(void**, Rest...)>(dlsym(handle_, name));
    if (!function || function(created.here, rest...) != 0) return false;
    *created.kept = *created.here;
    return true;
  }
  template <class... Rest>
  bool call(const char* name, void* first, Rest... rest) {
    auto* function = reinterpret_cast<int (*)(void*, Rest...)>(dlsym(handle_, name));
    return function && function(first, rest...) == 0;
  }
  bool memory(void*& here, void* description, void* data) { return call("dnnl_memory_create", create(here, "dnnl_memory_destroy"), description, engine_, data); }

  void* room() { return rooms_.emplace_back(std::make_unique<std::max_align_t[]>(kDescriptorBytes / sizeof(std::max_align_t))).get(); }
  // Descriptions of matrices: structs of ours in version 2, objects of the library in version 3.
  void* strided(int type, std::int64_t rows, std::int64_t cols, std::int64_t pitch) {
    Dims shape = {rows, cols}, strides = {pitch, 1};
    if (major_ == 2) {
      void* const made = room();
      return call("dnnl_memory_desc_init_by_strides", made, 2, &shape[0], type, &strides[0]) ? made : nullptr;
    }
    void* made = nullptr;
    (void)call("dnnl_memory_desc_create_with_strides", create(made, "dnnl_memory_desc_destroy"), 2, &shape[0], type, &strides[0]);
    return made;
  }
  void* any(int type, std::int64_t rows, std::int64_t cols) {
    Dims shape = {rows, cols};
    if (major_ == 2) {
      void* const made = room();
      return call("dnnl_memory_desc_init_by_tag", made, 2, &shape[0], type, kAnyTag) ? made : nullptr;
    }
    void* made = nullptr;
    (void)call("dnnl_memory_desc_create_with_tag", create(made, "dnnl_memory_desc_destroy"), 2, &shape[0], type, kAnyTag);
    return made;
  }

  void* handle_;
  const int major_;
  std::vector<Made> made_;
  std::vector<std::unique_ptr<std::max_align_t[]>> rooms_;
  std::vector<char> weights_;
  std::vector<Argument> arguments_;
  void *engine_ = nullptr, *stream_ = nullptr, *product_ = nullptr;
  int (*execute_)(void*, void*, int, const Argument*) = nullptr;
  int (*wait_)(void*) = nullptr;
};

}  // namespace

std::optional<OneDnn> OneDnn::open() {
  OneDnn opened;
  for (const char* file : {"libdnnl.so.3", "libdnnl.so.2"})
    if (!opened.handle_) opened.handle_ = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!opened.handle_) return std::nullopt;
  auto* version = reinterpret_cast<const int* (*)()>(dlsym(opened.handle_, "dnnl_version"));  // its struct begins with three ints
  if (!version) return std::nullopt;
  opened.major_ = version()[0];
  opened.name_ = fmt::format("oneDNN {}.{}.{}", version()[0], version()[1], version()[2]);
  return opened;
}

void OneDnn::set_threads(int threads) const {
  // The build that distributions ship takes its threads from OpenMP.
  if (auto* set = reinterpret_cast<void (*)(int)>(dlsym(handle_, "omp_set_num_threads"))) set(threads);
}

std::function<bool()> OneDnn::product(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, void* x, std::int64_t ldx, void* w, void* y) const {
  auto made = std::make_shared<Product>(handle_, major_);
  if (!made->make(dtype, m, n, k, x, ldx, w, y)) return nullptr;
  return [made] { return made->run(); };
}

}  // namespace bsgen::bench
