#include "tests/support/fake_cuda/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace fake {
namespace {

std::vector<std::unique_ptr<Device>> make_devices(std::string_view list) {
  std::vector<std::unique_ptr<Device>> devices;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    auto arch = bsgen::Arch::parse(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (!arch.ok()) {
      std::fprintf(stderr, "fake_cuda: FAKE_CUDA_DEVICES: %s\n", arch.status().message().c_str());
      std::abort();
    }
    auto device = std::make_unique<Device>();
    device->ordinal = static_cast<int>(devices.size());
    device->arch = *arch;
    device->arch.suffix = arch->number >= 90 ? 'a' : '\0';  // as the chip itself is
    devices.push_back(std::move(device));
  }
  return devices;
}

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

std::uint64_t thread_number(State& s) {
  const auto id = std::this_thread::get_id();
  const auto found = std::find(s.threads.begin(), s.threads.end(), id);
  if (found != s.threads.end()) return static_cast<std::uint64_t>(found - s.threads.begin());
  s.threads.push_back(id);
  return s.threads.size() - 1;
}

CUresult asked_to_fail(State& s, std::string_view name) {
  for (Failure& failure : s.failures) {
    if (!failure.name.empty() && failure.name != name) continue;
    if (failure.skip > 0) {
      --failure.skip;
      continue;
    }
    if (failure.count == 0) continue;
    --failure.count;
    return failure.result;
  }
  return CUDA_SUCCESS;
}

}  // namespace

State& state() {
  // Never destroyed: other libraries' destructors may still call the driver while the process ends.
  static State* const instance = new State;
  return *instance;
}

ThreadState& this_thread() {
  static thread_local ThreadState thread;
  if (thread.generation != state().generation) {
    thread = {};
    thread.generation = state().generation;
  }
  return thread;
}

Context* current() {
  const ThreadState& thread = this_thread();
  return thread.stack.empty() ? nullptr : thread.stack.back();
}

void reset(const char* devices, int driver_version) {
  State& s = state();
  // Work that is still queued refers to what is about to go.
  for (auto& [handle, stream] : s.streams) stream->queue.clear();
  s.graphs.clear();
  s.graph_execs.clear();
  s.user_objects.clear();
  s.callbacks.clear();  // whose they were is gone with the test before
  s.events.clear();
  s.libraries.clear();
  s.streams.clear();
  s.contexts.clear();
  s.graveyard.clear();
  s.devices = make_devices(devices ? devices : from_environment("FAKE_CUDA_DEVICES", "sm_80"));
  s.driver_version = driver_version ? driver_version : std::atoi(from_environment("FAKE_CUDA_DRIVER", "13000").c_str());
  s.initialized = false;
  s.memory_bytes = std::size_t{4} << 30;
  s.execute = true;
  s.cubins.clear();
  s.calls.clear();
  s.threads.clear();
  s.failures.clear();
  s.hidden.clear();
  s.violations.clear();
  s.last_failure.clear();
  s.launches_queued = s.launches_done = 0;
  ++s.generation;
}

Call::Call(const char* name) : lock_(state().mutex) {
  State& s = state();
  if (s.generation == 0) reset(nullptr, 0);  // nobody steers: the variables decide
  if (this_thread().in_callback) s.violation(std::string(name) + " in the destructor of a user object");
  index_ = s.calls.size();
  s.calls.push_back({name, CUDA_SUCCESS, thread_number(s)});
  failure_ = asked_to_fail(s, name);
}

Call::~Call() {
  auto due = std::exchange(state().callbacks, {});
  lock_.unlock();
  this_thread().in_callback = true;
  for (const auto& [destroy, resource] : due) destroy(resource);
  this_thread().in_callback = false;
}

UserObject::~UserObject() { state().callbacks.emplace_back(destroy, resource); }

CUresult Call::done(CUresult result) {
  state().calls[index_].result = result;
  return result;
}

}  // namespace fake
