#include "runtime/sim/ptx/inline_calls.h"

#include <fmt/format.h>

#include <algorithm>

namespace bsgen::sim::ptx {
namespace {

using Kind = Operand::Kind;

constexpr std::size_t kMaxInstructions = 1u << 20;
constexpr std::size_t kMaxDepth = 64;

bool is_call(const Instruction& instruction) { return instruction.opcode == "call" || instruction.opcode.starts_with("call."); }
bool is_return(const Instruction& instruction) { return instruction.opcode == "ret" || instruction.opcode == "ret.uni"; }

class Inliner {
 public:
  Inliner(const Module& module, Function& flat) : module_(module), flat_(flat) {}

  // Appends the body of `function`. Its registers and variables start at these indices of the flat function; its parameters and
  // results are variables from `first_formal` on (-1 for the entry, which keeps its parameters).
  Status append(const Function& function, int first_register, int first_variable, int first_formal, std::size_t depth);

 private:
  Status expand(const Instruction& call, int first_register, int first_variable, int first_formal, std::size_t depth);
  Operand moved(const Operand& operand, int first_register, int first_variable, int first_formal) const;

  const Module& module_;
  Function& flat_;
};

Operand Inliner::moved(const Operand& operand, int first_register, int first_variable, int first_formal) const {
  Operand made = operand;
  if (made.kind == Kind::kRegister) made.index += first_register;
  if (made.kind == Kind::kVariable && !made.module) made.index += first_variable;
  if (made.kind == Kind::kParameter && first_formal >= 0) {
    made.kind = Kind::kVariable;
    made.index += first_formal;
  }
  for (Operand& element : made.elements) element = moved(element, first_register, first_variable, first_formal);
  return made;
}

Status Inliner::append(const Function& function, int first_register, int first_variable, int first_formal, std::size_t depth) {
  // Where each instruction of the function begins in the flat body; labels are patched at the end.
  std::vector<int> begins;
  std::vector<std::size_t> own;  // flat indices of this function's own instructions, not of what it called
  const int first_table = static_cast<int>(flat_.branch_tables.size());
  for (const std::vector<int>& table : function.branch_tables) flat_.branch_tables.push_back(table);
  for (const Instruction& instruction : function.body) {
    begins.push_back(static_cast<int>(flat_.body.size()));
    if (flat_.body.size() > kMaxInstructions)
      return Status(ErrorCode::kUnsupported, fmt::format("sim: kernel {} has more than {} instructions with its calls", flat_.name, kMaxInstructions));
    if (is_call(instruction)) {
      BSGEN_TRY(expand(instruction, first_register, first_variable, first_formal, depth));
      continue;
    }
    Instruction copy = instruction;
    if (copy.guard >= 0) copy.guard += first_register;
    for (Operand& operand : copy.operands) operand = moved(operand, first_register, first_variable, first_formal);
    own.push_back(flat_.body.size());
    if (first_formal >= 0 && is_return(instruction)) {
      copy.opcode = "bra";
      Operand target;
      target.kind = Kind::kLabel;
      target.index = static_cast<int>(function.body.size());
      copy.operands = {target};
    }
    flat_.body.push_back(std::move(copy));
  }
  begins.push_back(static_cast<int>(flat_.body.size()));
  for (std::size_t index : own)
    for (Operand& operand : flat_.body[index].operands)
      if (operand.kind == Kind::kLabel) operand.index = operand.module ? operand.index + first_table : begins[static_cast<std::size_t>(operand.index)];
  for (std::size_t i = 0; i < function.branch_tables.size(); ++i)
    for (int& target : flat_.branch_tables[static_cast<std::size_t>(first_table) + i]) target = begins[static_cast<std::size_t>(target)];
  return {};
}

// call{.uni} (result), name, (arguments): arguments are .param variables of the caller. Copying them would need loads and stores, so
// the callee's formals are the very variables that the caller names.
Status Inliner::expand(const Instruction& call, int first_register, int first_variable, int first_formal, std::size_t depth) {
  const auto refuse = [&](const std::string& why) {
    return Status(ErrorCode::kInvalidArgument, fmt::format("sim: ptx line {}: {}: {}", call.line.ptx, call.opcode.substr(0, 40), why));
  };
  if (depth >= kMaxDepth) return refuse("calls nested too deep (recursion is not supported)");
  if (call.guard >= 0) return refuse("a guarded call is not supported");
  std::vector<const Operand*> lists;
  const Operand* name = nullptr;
  for (const Operand& operand : call.operands) {
    if (operand.kind == Kind::kFunction && name == nullptr)
      name = &operand;
    else
      lists.push_back(&operand);
  }
  if (name == nullptr) return refuse("an indirect call is not supported");
  const Function& callee = module_.functions[static_cast<std::size_t>(name->index)];
  if (!callee.is_defined) {
    // What the host does for a GPU stays one instruction: its operands are the results and arguments.
    if (callee.name != "vprintf" && callee.name != "__assertfail") return refuse(fmt::format("function {} is not defined", callee.name));
    Instruction host = call;
    host.opcode = callee.name == "vprintf" ? "call.vprintf" : "call.assertfail";
    host.operands.clear();
    for (const Operand* list : lists)
      for (const Operand& operand : list->elements) host.operands.push_back(moved(operand, first_register, first_variable, first_formal));
    flat_.body.push_back(std::move(host));
    return {};
  }
  std::vector<Operand> results, arguments;
  std::size_t next = 0;
  if (!callee.results.empty() && next < lists.size()) results = lists[next++]->elements;
  if (!callee.parameters.empty() && next < lists.size()) arguments = lists[next++]->elements;
  if (results.size() != callee.results.size() || arguments.size() != callee.parameters.size() || next != lists.size())
    return refuse(fmt::format("{} takes {} arguments and gives {} results", callee.name, callee.parameters.size(), callee.results.size()));

  const int registers = static_cast<int>(flat_.registers.size());
  flat_.registers.insert(flat_.registers.end(), callee.registers.begin(), callee.registers.end());
  // Formals: fresh variables, then the callee's own.
  const int formals = static_cast<int>(flat_.variables.size());
  const auto bind = [&](const Parameter& formal, const Operand& actual) -> Status {
    const Operand here = moved(actual, first_register, first_variable, first_formal);
    if (here.kind != Kind::kVariable || here.module || flat_.variables[static_cast<std::size_t>(here.index)].bytes < formal.bytes)
      return refuse(fmt::format("the argument for {} is not a .param variable of at least {} bytes", formal.name, formal.bytes));
    Variable alias;
    alias.name = formal.name;
    alias.space = Space::kParam;
    alias.bytes = formal.bytes;
    alias.alias_of = here.index;
    flat_.variables.push_back(std::move(alias));
    return {};
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) BSGEN_TRY(bind(callee.parameters[i], arguments[i]));
  for (std::size_t i = 0; i < results.size(); ++i) BSGEN_TRY(bind(callee.results[i], results[i]));
  const int variables = static_cast<int>(flat_.variables.size());
  flat_.variables.insert(flat_.variables.end(), callee.variables.begin(), callee.variables.end());
  if (flat_.registers.size() > (1u << 22)) return refuse("too many registers with all calls expanded");
  return append(callee, registers, variables, formals, depth + 1);
}

}  // namespace

Expected<Function> inline_calls(const Module& module, const Function& entry) {
  if (std::none_of(entry.body.begin(), entry.body.end(), is_call)) return entry;
  Function flat = entry;
  flat.body.clear();
  flat.branch_tables.clear();
  BSGEN_TRY(Inliner(module, flat).append(entry, 0, 0, -1, 0));
  return flat;
}

}  // namespace bsgen::sim::ptx
