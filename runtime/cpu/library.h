// libbsgen-cpu, opened when it is first needed and kept for the life of the process.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bsgen/status.h"
#include "runtime/cpu/cpu_plan.h"
#include "runtime/cpu/llvm/api.h"

namespace bsgen::cpu {

Expected<const BsgenCpuApi*> open_library();

// The machine this process runs on; with `wanted` code for a lesser one, which any machine that has those instructions runs.
Expected<Machine> host_machine(const BsgenCpuApi& api, std::string_view wanted = {});

// What a machine of these features, in LLVM's spelling, is programmed for.
Isa isa_of(std::string_view features);

Expected<std::string> compile(const BsgenCpuApi& api, const CpuPlan& plan, BsgenCpuForm form);

// Code in memory, gone with its last owner.
class Code {
 public:
  static Expected<std::shared_ptr<const Code>> load(const BsgenCpuApi& api, std::string_view object);
  ~Code() { api_.unload(module_); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  BsgenCpuPass first() const { return passes_[0]; }  // null where the plan has no first pass
  BsgenCpuPass main() const { return passes_[1]; }

 private:
  explicit Code(const BsgenCpuApi& api) : api_(api) {}
  const BsgenCpuApi& api_;
  void* module_ = nullptr;
  BsgenCpuPass passes_[2] = {};
};

}  // namespace bsgen::cpu
