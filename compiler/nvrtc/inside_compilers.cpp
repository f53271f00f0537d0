#include "compiler/nvrtc/inside_compilers.h"

#include <pthread.h>

#include <atomic>

#include "compiler/nvrtc/compile.h"

namespace bsgen::nvrtc {
namespace {

constinit std::atomic<int> inside{0};
constinit std::atomic<bool> broken{false};

void in_child() {
  if (inside.exchange(0, std::memory_order_relaxed) > 0) broken.store(true, std::memory_order_relaxed);
}

// When the program is loaded, not at the first compile: a fork may be in the middle of that.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, &in_child);

}  // namespace

InsideCompilers::InsideCompilers() { inside.fetch_add(1, std::memory_order_relaxed); }
InsideCompilers::~InsideCompilers() { inside.fetch_sub(1, std::memory_order_relaxed); }

Status InsideCompilers::status() const {
  if (!broken_by_fork()) return {};
  return {ErrorCode::kUnsupported,
          "nvrtc: this process was forked while its parent compiled, and the compilers would wait for threads that stayed there; fork before the "
          "first compile, or compile in a helper process"};
}

bool broken_by_fork() { return broken.load(std::memory_order_relaxed); }

}  // namespace bsgen::nvrtc
