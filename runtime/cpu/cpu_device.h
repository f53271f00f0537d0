// The cpu device: memory of the process, code from libbsgen-cpu, threads of its own or the program's.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bsgen/cpu.h"
#include "runtime/cpu/cpu_launch.h"
#include "runtime/cpu/cpu_plan.h"

namespace bsgen::cpu {

class CpuDevice : public Device {
 public:
  virtual const Machine& machine() const = 0;
  virtual Expected<std::string> compile(const CpuPlan& plan, BsgenCpuForm form) const = 0;
  // The function of a plan bound to a layout. Functions of equal plans share their code; it is `object`, or compiled where that is empty.
  virtual Expected<std::shared_ptr<const DeviceFunction>> function(const CpuPlan& plan, const Layout& layout, std::string_view object) = 0;
  virtual std::string compiler() const = 0;  // "LLVM 19.1.7"
};

}  // namespace bsgen::cpu
