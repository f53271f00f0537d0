#include "runtime/cpu/library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <optional>
#include <sstream>
#include <vector>

#include "compiler/support/fork_safe_mutex.h"
#include "compiler/support/made_once.h"

namespace bsgen::cpu {
namespace {

constexpr const char* kFile = "libbsgen-cpu.so";

// Beside the program or library that this code is part of, in lib beside its folder, then where the loader looks.
std::vector<std::string> places() {
  std::vector<std::string> paths;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&open_library), &info) && info.dli_fname) {
    const std::string self = info.dli_fname;
    if (const std::size_t slash = self.rfind('/'); slash != std::string::npos)
      for (const char* folder : {"/", "/../lib/"}) paths.push_back(self.substr(0, slash) + folder + kFile);
  }
  char link[4096];
  if (const ssize_t length = readlink("/proc/self/exe", link, sizeof link); length > 0) {
    const std::string self(link, static_cast<std::size_t>(length));
    for (const char* folder : {"/", "/../lib/"}) paths.push_back(self.substr(0, self.rfind('/')) + folder + kFile);
  }
  paths.emplace_back(kFile);
  return paths;
}

Expected<const BsgenCpuApi*> open_once() {
  const char* given = std::getenv("BSGEN_CPU_LIBRARY");
  void* handle = nullptr;
  std::string reason;
  for (const std::string& path : given && *given ? std::vector<std::string>{given} : places()) {
    if (path[0] == '/' && access(path.c_str(), F_OK) != 0 && !given) continue;
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle) break;
    reason = dlerror();
  }
  if (!handle)
    return Status(ErrorCode::kMissing,
                  fmt::format("cpu: {} could not be opened: {}; build bsgen where llvm-19-dev is installed, or take --device sim (BSGEN_DEVICE=sim)", kFile, reason));
  auto* entry = reinterpret_cast<const BsgenCpuApi* (*)()>(dlsym(handle, "bsgen_cpu_api"));
  const BsgenCpuApi* api = entry ? entry() : nullptr;
  if (!api || api->abi != kBsgenCpuAbi)
    return Status(ErrorCode::kMissing, fmt::format("cpu: {} is of another version (interface {}, this bsgen speaks {}); build both together", kFile,
                                                   api ? api->abi : 0, kBsgenCpuAbi));
  return api;
}

std::string take(const BsgenCpuApi& api, BsgenCpuBuffer& buffer) {
  std::string text(buffer.data ? buffer.data : "", buffer.size);
  api.release(&buffer);
  return text;
}

bool has(std::string_view features, std::string_view name) {
  const std::string wanted = fmt::format(",+{},", name);
  return fmt::format(",{},", features).find(wanted) != std::string::npos;
}

}  // namespace

Expected<const BsgenCpuApi*> open_library() {
  struct Opening {
    ForkSafeMutex mutex;  // a fork finds the library open or closed
    std::optional<Expected<const BsgenCpuApi*>> result;
  };
  static constinit MadeOnce<Opening> opening;
  const std::lock_guard lock(opening.get().mutex);
  auto& result = opening.get().result;
  if (!result) result = open_once();
  return *result;
}

Expected<Machine> host_machine(const BsgenCpuApi& api, std::string_view wanted) {
  BsgenCpuBuffer cpu{}, features{};
  if (api.host(&cpu, &features) != 0) return Status(ErrorCode::kInternal, "cpu: LLVM does not know this machine; take --device sim");
  Machine machine;
  machine.cpu = take(api, cpu);
  machine.features = take(api, features);
  machine.isa = isa_of(machine.features);
  if (const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE); l2 > 0) machine.l2_bytes = l2;
  if (wanted.empty()) return machine;
  BSGEN_ASSIGN(const Isa isa, parse_isa(wanted));
  if (isa > machine.isa)
    return Status(ErrorCode::kMissing, fmt::format("cpu: {} has no {}, it has {}; leave the suffix out", machine.cpu, name(isa), name(machine.isa)));
  if (isa == machine.isa) return machine;
  machine.cpu = isa == Isa::kAvx512 ? "x86-64-v4" : isa == Isa::kAvx2 ? "x86-64-v3" : "x86-64";
  machine.features.clear();
  machine.isa = isa;
  return machine;
}

Isa isa_of(std::string_view features) {
  const auto all = [&](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names)
      if (!has(features, name)) return false;
    return true;
  };
  if (!all({"avx2", "fma", "f16c"})) return Isa::kPortable;
  if (!all({"avx512f", "avx512bw", "avx512dq", "avx512vl"})) return Isa::kAvx2;
  return all({"avx512bf16"}) ? Isa::kAvx512Bf16 : Isa::kAvx512;
}

Expected<std::string> compile(const BsgenCpuApi& api, const CpuPlan& plan, BsgenCpuForm form) {
  std::ostringstream text;
  plan.dump(text);
  const std::string source = text.str();
  BsgenCpuBuffer out{}, error{};
  if (api.compile(source.data(), source.size(), form, &out, &error) != 0) return Status(ErrorCode::kCompileFailed, take(api, error));
  return take(api, out);
}

Expected<std::shared_ptr<const Code>> Code::load(const BsgenCpuApi& api, std::string_view object) {
  std::shared_ptr<Code> code(new Code(api));
  BsgenCpuBuffer error{};
  if (api.load(object.data(), object.size(), &code->module_, code->passes_, &error) != 0) return Status(ErrorCode::kInternal, take(api, error));
  return std::shared_ptr<const Code>(std::move(code));
}

}  // namespace bsgen::cpu
