#include "runtime/cpu/llvm/compile.h"

#include <fmt/format.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/OptBisect.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>
#include <array>
#include <memory>

#include "runtime/cpu/llvm/parts.h"
#include "runtime/cpu/llvm/versions.h"

namespace bsgen::cpu {
namespace {

Expected<std::unique_ptr<llvm::TargetMachine>> target_machine(const CpuPlan& plan) {
  const std::string triple = llvm::sys::getProcessTriple();
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) return Status(ErrorCode::kMissing, fmt::format("cpu: LLVM has no code generator for {}: {}", triple, error));
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // every fused multiply-add is written as one
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(triple, plan.machine.cpu, plan.machine.features, options, llvm::Reloc::PIC_,
                                                                           llvm::CodeModel::Small, kOptimise, true));
  if (!machine) return Status(ErrorCode::kMissing, fmt::format("cpu: LLVM makes no code for {} {}", triple, plan.machine.cpu));
  return machine;
}

// Passes that cost a third of the time and find nothing in kernels: loops carry their addresses already, and processors that execute out
// of order need no second scheduling. A context's gate concerns nobody else in the process who has this LLVM, as its options would.
class Gate final : public llvm::OptPassGate {
 public:
  bool isEnabled() const override { return true; }
  bool shouldRunPass(const llvm::StringRef pass, llvm::StringRef) override {
    static constexpr std::array kNeedless = {"Loop Strength Reduction", "Post RA top-down list latency scheduler", "Canonicalize Freeze Instructions in Loops",
                                             "Constant Hoisting"};
    return std::none_of(kNeedless.begin(), kNeedless.end(), [&](const char* each) { return pass == each; });
  }
};

}  // namespace

Expected<std::string> compile_plan(const CpuPlan& plan, BsgenCpuForm form) {
  BSGEN_ASSIGN(const std::unique_ptr<llvm::TargetMachine> machine, target_machine(plan));
  Gate gate;
  llvm::LLVMContext context;
  context.setOptPassGate(gate);
  llvm::Module module("bsgen", context);
  module.setTargetTriple(machine->getTargetTriple().str());
  module.setDataLayout(machine->createDataLayout());
  const bool arm = machine->getTargetTriple().isAArch64();
  Emitter emit(module, arm || plan.machine.isa != Isa::kPortable, arm || plan.machine.isa != Isa::kPortable);
  emit_kernel(emit, plan);
  std::string text;
  llvm::raw_string_ostream messages(text);
  if (llvm::verifyModule(module, &messages)) return Status(ErrorCode::kInternal, "cpu: the IR is malformed: " + messages.str());
  if (form == kBsgenCpuLlvm) {
    module.print(messages, nullptr);
    return std::move(messages.str());
  }
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  const auto type = form == kBsgenCpuAssembly ? kAssemblyFile : kObjectFile;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type)) return Status(ErrorCode::kMissing, "cpu: LLVM emits no objects for this machine");
  passes.run(module);
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace bsgen::cpu
