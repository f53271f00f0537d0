#include "runtime/sim/sim_function.h"

#include <fmt/format.h>

#include <cstring>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/ptx/inline_calls.h"
#include "runtime/sim/ptx/parser.h"

namespace bsgen::sim {
namespace {

Status bad(std::string message) { return Status(ErrorCode::kInvalidArgument, "sim: " + std::move(message)); }

// The rules of ptxas: plain targets run on everything newer, "a" on this chip only, "f" on the family's newer members.
Status check_target(const ptx::Module& module, const Arch& arch) {
  const bool same = module.target == arch.number;
  const bool family = module.target / 10 == arch.number / 10 && module.target <= arch.number;
  if (module.target_suffix == 'a' ? same : module.target_suffix == 'f' ? family : module.target <= arch.number) return {};
  return bad(fmt::format("the ptx is for sm_{}{}, the simulated device is {}; try --device sim:sm_{}", module.target,
                         module.target_suffix == '\0' ? "" : std::string(1, module.target_suffix), arch.name(), module.target));
}

Status place_variables(const ptx::Module& module, SimFunction& function, std::vector<std::uint64_t>& addresses) {
  constexpr std::uint64_t kMaxConstBytes = 64 * 1024;  // CUDA programming guide, "Technical specifications per compute capability"
  std::uint64_t const_bytes = 0;
  addresses.assign(module.variables.size(), 0);
  for (std::size_t i = 0; i < module.variables.size(); ++i) {
    const ptx::Variable& variable = module.variables[i];
    if (variable.space == ptx::Space::kShared) continue;
    if (variable.is_extern) return bad(fmt::format("variable {} is not defined", variable.name));
    const bool is_const = variable.space == ptx::Space::kConst;
    if (is_const && (const_bytes += variable.bytes) > kMaxConstBytes)
      return bad(fmt::format("more than {} bytes of constant memory", kMaxConstBytes));
    BSGEN_ASSIGN(const auto placed, function.memory->allocate(variable.bytes, std::max<std::uint32_t>(variable.align, 256), !is_const, std::string(variable.name)));
    addresses[i] = placed->base;
    function.variables.push_back(placed->base);
    std::memset(placed->data.get(), 0, variable.bytes);
    if (!variable.initial.empty()) std::memcpy(placed->data.get(), variable.initial.data(), variable.initial.size());
    placed->set_valid(0, variable.bytes, true);  // what has no initialiser starts as zero
  }
  for (std::size_t i = 0; i < module.variables.size(); ++i)
    for (const ptx::Variable::Pointer& pointer : module.variables[i].pointers) {
      const std::uint64_t target = addresses[static_cast<std::size_t>(pointer.variable)] + static_cast<std::uint64_t>(pointer.addend);
      const auto placed = function.memory->find_containing(addresses[i], module.variables[i].bytes);
      if (placed != nullptr) std::memcpy(placed->data.get() + pointer.offset, &target, sizeof target);
    }
  return {};
}

}  // namespace

SimFunction::~SimFunction() {
  for (std::uint64_t address : variables) memory->free(address);
}

Expected<std::shared_ptr<const SimFunction>> SimFunction::load(std::shared_ptr<MemoryMap> memory, const std::string& ptx, const std::string& entry,
                                                               const Arch& arch) {
  BSGEN_ASSIGN(ptx::Module module, ptx::parse(ptx));
  BSGEN_TRY(check_target(module, arch));
  const ptx::Function* found = module.find_entry(entry);
  if (found == nullptr) {
    std::string entries;
    for (const ptx::Function& function : module.functions)
      if (function.is_entry && function.is_defined) entries += fmt::format("{}{}", entries.empty() ? "" : ", ", function.name);
    return bad(fmt::format("the ptx has no entry {}; it has {}", entry, entries.empty() ? "none" : entries));
  }
  BSGEN_ASSIGN(const ptx::Function flat, ptx::inline_calls(module, *found));
  auto function = std::make_shared<SimFunction>();
  function->memory = std::move(memory);
  std::vector<std::uint64_t> addresses;
  BSGEN_TRY(place_variables(module, *function, addresses));
  BSGEN_ASSIGN(function->program, decode(module, flat, addresses));
  return std::shared_ptr<const SimFunction>(std::move(function));
}

}  // namespace bsgen::sim
