// The library's table of functions: Status and std::string on this side, plain C on the other. Nothing is thrown across.
#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>

#include "runtime/cpu/llvm/api.h"
#include "runtime/cpu/llvm/compile.h"
#include "runtime/cpu/llvm/versions.h"

namespace bsgen::cpu {
namespace {

void put(BsgenCpuBuffer* buffer, std::string_view text) {
  buffer->data = static_cast<char*>(std::malloc(text.size() + 1));
  buffer->size = buffer->data ? text.size() : 0;
  if (buffer->data) std::memcpy(buffer->data, text.data(), text.size()), buffer->data[text.size()] = '\0';
}

void release(BsgenCpuBuffer* buffer) {
  std::free(buffer->data);
  *buffer = {nullptr, 0};
}

int host(BsgenCpuBuffer* cpu, BsgenCpuBuffer* features) {
  try {
    put(cpu, llvm::sys::getHostCPUName().str());
    std::map<std::string, bool> sorted;
    for (const auto& each : host_features()) sorted[each.getKey().str()] = each.getValue();
    std::string text;
    for (const auto& [name, has] : sorted) text += fmt::format("{}{}{}", text.empty() ? "" : ",", has ? '+' : '-', name);
    put(features, text);
    return 0;
  } catch (const std::exception&) {
    return 1;
  }
}

// Runs `work`, an Expected<std::string>, and hands over what it came to.
template <class Work>
int guarded(BsgenCpuBuffer* error, const Work& work) {
  try {
    const Status status = work();
    if (status.ok()) return 0;
    put(error, status.message());
  } catch (const std::exception& e) {
    put(error, fmt::format("cpu: {}", e.what()));
  }
  return 1;
}

int compile(const char* plan, std::size_t plan_bytes, std::uint32_t form, BsgenCpuBuffer* out, BsgenCpuBuffer* error) {
  return guarded(error, [&]() -> Status {
    BSGEN_ASSIGN(const CpuPlan parsed, CpuPlan::parse({plan, plan_bytes}));
    BSGEN_ASSIGN(const std::string made, compile_plan(parsed, static_cast<BsgenCpuForm>(form)));
    put(out, made);
    return {};
  });
}

Status failed(llvm::Error error) { return {ErrorCode::kInternal, "cpu: " + llvm::toString(std::move(error))}; }

int load(const char* object, std::size_t object_bytes, void** module, BsgenCpuPass passes[2], BsgenCpuBuffer* error) {
  return guarded(error, [&]() -> Status {
    auto made = llvm::orc::LLJITBuilder().create();
    if (!made) return failed(made.takeError());
    std::unique_ptr<llvm::orc::LLJIT> jit = std::move(*made);
    // memcpy, memset and, where there is no fused multiply-add, fmaf come from the process.
    auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(jit->getDataLayout().getGlobalPrefix());
    if (!process) return failed(process.takeError());
    jit->getMainJITDylib().addGenerator(std::move(*process));
    if (auto bad = jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy({object, object_bytes}, "bsgen"))) return failed(std::move(bad));
    auto main = jit->lookup("bsgen_cpu_main");
    if (!main) return failed(main.takeError());
    passes[1] = main->toPtr<BsgenCpuPass>();
    auto first = jit->lookup("bsgen_cpu_first");
    passes[0] = first ? first->toPtr<BsgenCpuPass>() : nullptr;
    if (!first) llvm::consumeError(first.takeError());
    *module = jit.release();
    return {};
  });
}

void unload(void* module) { delete static_cast<llvm::orc::LLJIT*>(module); }

constexpr BsgenCpuApi kApi = {kBsgenCpuAbi, LLVM_VERSION_STRING, host, compile, load, unload, release};

}  // namespace
}  // namespace bsgen::cpu

// Compiling needs the code generator, and so does loading what was compiled in another process.
extern "C" const BsgenCpuApi* bsgen_cpu_api() {
  static const bool initialised = [] { return !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter(); }();
  return initialised ? &bsgen::cpu::kApi : nullptr;
}
