#include "runtime/compile/helper_pool.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

namespace bsgen::runtime {

HelperPool::HelperPool(std::string path, unsigned max_idle) : path_(std::move(path)), max_idle_(max_idle) { idle_.reserve(max_idle); }
HelperPool::~HelperPool() = default;

// Those of the process that this one was forked from are only closed here.
std::unique_ptr<HelperProcess> HelperPool::take_idle() {
  std::vector<std::unique_ptr<HelperProcess>> foreign;  // closed without the mutex
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) {
    auto helper = std::move(idle_.back());
    idle_.pop_back();
    if (helper->ours()) return helper;
    foreign.push_back(std::move(helper));
  }
  return nullptr;
}

void HelperPool::give_back(std::unique_ptr<HelperProcess> helper) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < max_idle_) idle_.push_back(std::move(helper));
  // else it is killed with the argument, after the mutex was given back
}

Expected<std::string> HelperPool::ask(std::string_view message, double timeout_ms) {
  HelperProcess::Deadline deadline;
  if (timeout_ms > 0)
    deadline = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                      std::chrono::duration<double, std::milli>(timeout_ms));
  for (;;) {
    std::unique_ptr<HelperProcess> helper = take_idle();
    const bool waited = helper != nullptr;
    if (!helper) {
      BSGEN_ASSIGN(helper, HelperProcess::start(path_));
    }
    std::string answer;
    switch (helper->ask(message, answer, deadline)) {
      case HelperProcess::Outcome::kAnswered:
        give_back(std::move(helper));
        return answer;
      case HelperProcess::Outcome::kTimedOut:
        return Status(ErrorCode::kCompileFailed,
                      fmt::format("compiler: the kernel did not compile within {:.0f} ms and was given up; raise compile_timeout_ms, or ask for tier table",
                                  timeout_ms));
      case HelperProcess::Outcome::kGone:
        if (waited) continue;  // it had ended while it waited, as they do
        return Status(ErrorCode::kCompileFailed,
                      fmt::format("compiler: {} ended before it answered: killed, out of memory, or not bsgen-compiler", path_));
    }
  }
}

std::string find_helper(const std::string& named) {
  if (!named.empty()) return named;
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> folders;
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&find_helper), &here) != 0 && here.dli_fname) folders.push_back(fs::canonical(here.dli_fname, error).parent_path());
  folders.push_back(fs::read_symlink("/proc/self/exe", error).parent_path());
  for (const fs::path& folder : folders)
    for (const char* place : {"", "../libexec/bsgen", "../bin"})
      if (const fs::path program = folder / place / "bsgen-compiler"; !folder.empty() && access(program.c_str(), X_OK) == 0)
        return fs::weakly_canonical(program, error).string();
  return {};
}

}  // namespace bsgen::runtime
