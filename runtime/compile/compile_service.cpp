#include "runtime/compile/compile_service.h"

#include <algorithm>
#include <thread>

#include "compiler/nvrtc/compile.h"

namespace bsgen::runtime {

CompileService::CompileService(const EngineOptions& options)
    : where_(options.compile_in),
      timeout_ms_(options.compile_timeout_ms),
      num_workers_(options.compile_workers > 0 ? options.compile_workers : std::max(1u, std::thread::hardware_concurrency())),
      logger_(options.logger),
      pool_(options.compile_in == CompileIn::kProcess ? std::string() : find_helper(options.helper), num_workers_) {}

// Where a helper is only wished for, its absence costs one warning and not the kernel.
bool CompileService::in_helper(bool many) {
  if (where_ != CompileIn::kAuto) return where_ == CompileIn::kHelper;
  if (!many && timeout_ms_ <= 0 && !nvrtc::broken_by_fork()) return false;
  if (!pool_.path().empty()) return true;
  if (logger_ && !warned_.exchange(true))
    logger_(LogLevel::kWarning, "compiler: bsgen-compiler not found; kernels are compiled in this process, one after the other and without a time limit");
  return false;
}

Expected<KernelImage> CompileService::compile(const CompileJob& job, bool many) {
  if (!in_helper(many)) {
    if (timeout_ms_ > 0 && where_ == CompileIn::kProcess)
      return Status(ErrorCode::kInvalidArgument, "compiler: compile_timeout_ms needs a helper process, and compile_in is kProcess; use kAuto");
    return compile_here(job);
  }
  if (pool_.path().empty())
    return Status(ErrorCode::kMissing,
                  "compiler: bsgen-compiler not found beside this program or library, nor in ../libexec/bsgen; install it, or use CompileIn::kAuto");
  BSGEN_ASSIGN(const std::string answer, pool_.ask(write_job(job), timeout_ms_));
  return read_answer(answer);
}

}  // namespace bsgen::runtime
