// CompileService: where a kernel is compiled, in this process or in a helper (CompileIn, bsgen/engine.h).
#pragma once

#include <atomic>

#include "bsgen/engine.h"
#include "runtime/compile/compile_job.h"
#include "runtime/compile/helper_pool.h"

namespace bsgen::runtime {

class CompileService {
 public:
  explicit CompileService(const EngineOptions& options);

  // many: others are compiled at the same time, so that a helper is worth its start.
  Expected<KernelImage> compile(const CompileJob& job, bool many = false);

  unsigned num_workers() const { return num_workers_; }

 private:
  bool in_helper(bool many);

  const CompileIn where_;
  const double timeout_ms_;
  const unsigned num_workers_;
  const Logger logger_;
  HelperPool pool_;
  std::atomic<bool> warned_{false};
};

}  // namespace bsgen::runtime
