// WarnOnce: tells a logger of each cause once. Thread-safe.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "bsgen/options.h"
#include "compiler/support/fork_safe_mutex.h"

namespace bsgen::runtime {

class WarnOnce {
 public:
  explicit WarnOnce(Logger logger) : logger_(std::move(logger)) {}
  void operator()(const std::string& cause, const std::string& message) {
    {
      const std::lock_guard lock(mutex_);
      if (!warned_.insert(cause).second) return;
    }
    if (logger_) logger_(LogLevel::kWarning, message);
  }

 private:
  Logger logger_;
  ForkSafeMutex mutex_;
  std::set<std::string> warned_;
};

}  // namespace bsgen::runtime
