// HelperPool: helper processes that wait for the next job, so that opening the compilers' libraries is paid once a helper.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"
#include "compiler/support/fork_safe_mutex.h"
#include "runtime/compile/helper_process.h"

namespace bsgen::runtime {

class HelperPool {
 public:
  // At most `max_idle` of them wait; they end by themselves when nothing comes for half a minute.
  HelperPool(std::string path, unsigned max_idle);
  ~HelperPool();

  // One message to one helper; any number of threads. kMissing: none can be started. timeout_ms 0: none.
  Expected<std::string> ask(std::string_view message, double timeout_ms);

  const std::string& path() const { return path_; }

 private:
  std::unique_ptr<HelperProcess> take_idle();
  void give_back(std::unique_ptr<HelperProcess> helper);

  std::string path_;
  unsigned max_idle_;
  ForkSafeMutex mutex_;
  std::vector<std::unique_ptr<HelperProcess>> idle_;
};

// The program bsgen-compiler: `named` if not empty; else beside the file that holds this code or beside the program that runs, or in
// ../libexec/bsgen or ../bin from there. Empty where it is in none of these.
std::string find_helper(const std::string& named);

}  // namespace bsgen::runtime
