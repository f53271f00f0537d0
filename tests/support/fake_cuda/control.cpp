// How a test steers the fake and asks it what happened.
#include "tests/support/fake_cuda/functions.h"

namespace {

std::lock_guard<std::mutex> locked() {
  return std::lock_guard<std::mutex>(fake::state().mutex);
}

}  // namespace

void fake_cuda_reset(const char* devices, int driver_version) {
  const auto lock = locked();
  fake::reset(devices, driver_version);
}

void fake_cuda_clear_calls() {
  const auto lock = locked();
  fake::state().calls.clear();
}

std::size_t fake_cuda_num_calls() {
  const auto lock = locked();
  return fake::state().calls.size();
}

FakeCudaCall fake_cuda_call(std::size_t index) {
  const auto lock = locked();
  const auto& calls = fake::state().calls;
  return index < calls.size() ? calls[index] : FakeCudaCall{nullptr, 0, 0};
}

void fake_cuda_fail(const char* name, std::size_t skip, std::size_t count, int result) {
  const auto lock = locked();
  fake::state().failures.push_back({name ? name : "", skip, count, result});
}

void fake_cuda_hide(const char* name) {
  const auto lock = locked();
  fake::state().hidden.insert(name);
}

void fake_cuda_register_cubin(const void* cubin, std::size_t bytes, const char* ptx, const char* arch) {
  const auto lock = locked();
  const auto* begin = static_cast<const std::byte*>(cubin);
  fake::state().cubins.push_back({{begin, begin + bytes}, ptx, *bsgen::Arch::parse(arch)});
}

void fake_cuda_set_memory(std::size_t bytes) {
  const auto lock = locked();
  fake::state().memory_bytes = bytes;
}

void fake_cuda_set_execute(int execute) {
  const auto lock = locked();
  fake::state().execute = execute != 0;
}

FakeCudaLive fake_cuda_live() {
  const auto lock = locked();
  fake::State& s = fake::state();
  FakeCudaLive live{};
  live.contexts = s.contexts.size();
  live.streams = s.streams.size();
  for (const auto& [handle, context] : s.contexts) live.allocations += context->allocations.size();
  live.libraries = s.libraries.size();
  live.captures = fake::num_captures();
  live.graphs = s.graphs.size() + s.graph_execs.size();
  live.events = s.events.size();
  return live;
}

std::size_t fake_cuda_launches_queued() {
  const auto lock = locked();
  return fake::state().launches_queued;
}

std::size_t fake_cuda_launches_done() {
  const auto lock = locked();
  return fake::state().launches_done;
}

std::size_t fake_cuda_num_violations() {
  const auto lock = locked();
  return fake::state().violations.size();
}

const char* fake_cuda_violation(std::size_t index) {
  const auto lock = locked();
  const auto& violations = fake::state().violations;
  return index < violations.size() ? violations[index].c_str() : nullptr;
}

const char* fake_cuda_last_failure() {
  const auto lock = locked();
  return fake::state().last_failure.c_str();
}
