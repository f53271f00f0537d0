#include "runtime/sim/ptx/inline_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace bsgen::sim::ptx {
namespace {

using Kind = Operand::Kind;

constexpr std::size_t kMaxInstructions = 1u << 20;
constexpr std::size_t kMaxDepth = 64;

bool is_call(const Instruction& instruction) { return instruction.opcode == "call" || instruction.opcode.starts_with("call."); }
bool is_return(const Instruction& instruction) { return instruction.opcode == "ret" || instruction.opcode == "ret.uni"; }

// Where a function's registers and variables start in the flat function. Its parameters and results are variables from `first_formal`
// on; -1 for the entry, which keeps its parameters.
struct Base {
  int first_register = 0, first_variable = 0, first_formal = -1;
};

struct Call {
  const Instruction& instruction;
  const Base& base;  // of the caller
  std::size_t depth;
  std::vector<Operand> results, arguments;
};

Prototype form_of(const Function& function) {
  Prototype form;
  for (const Parameter& each : function.results) form.results.push_back(each.bytes);
  for (const Parameter& each : function.parameters) form.parameters.push_back(each.bytes);
  return form;
}

Operand made(Kind kind, int index) {
  Operand operand;
  operand.kind = kind;
  operand.index = index;
  return operand;
}

Status refuse(const Call& call, const std::string& why) {
  return Status(ErrorCode::kInvalidArgument, fmt::format("sim: ptx line {}: {}: {}", call.instruction.line.ptx, call.instruction.opcode.substr(0, 40), why));
}

// The functions whose addresses a kernel may hold.
std::set<std::size_t> addressed_functions(const Module& module) {
  std::set<std::size_t> addressed(module.functions_in_memory.begin(), module.functions_in_memory.end());
  for (const Function& function : module.functions)
    for (const Instruction& instruction : function.body)
      for (const Operand& operand : instruction.operands)
        if (operand.kind == Kind::kFunction && !is_call(instruction)) addressed.insert(static_cast<std::size_t>(operand.index));
  return addressed;
}

class Inliner {
 public:
  Inliner(const Module& module, Function& flat) : module_(module), flat_(flat), addressed_(addressed_functions(module)) {}

  Status append(const Function& function, const Base& base, std::size_t depth);

 private:
  Status expand(const Function& caller, const Instruction& instruction, const Base& base, std::size_t depth);
  Status expand_one(const Call& call, std::size_t index);
  Status expand_pointer(const Call& call, const Operand& pointer, const Prototype& form);
  Operand moved(const Operand& operand, const Base& base) const;
  void add(std::string_view opcode, const Call& call, std::vector<Operand> operands) {
    flat_.body.push_back({opcode, -1, false, std::move(operands), call.instruction.line});
  }

  const Module& module_;
  Function& flat_;
  const std::set<std::size_t> addressed_;
  std::vector<std::size_t> entered_;  // functions that are being expanded, outermost first
};

Operand Inliner::moved(const Operand& operand, const Base& base) const {
  Operand here = operand;
  if (here.kind == Kind::kRegister) here.index += base.first_register;
  if (here.kind == Kind::kVariable && !here.module) here.index += base.first_variable;
  if (here.kind == Kind::kParameter && base.first_formal >= 0) {
    here.kind = Kind::kVariable;
    here.index += base.first_formal;
  }
  for (Operand& element : here.elements) element = moved(element, base);
  return here;
}

Status Inliner::append(const Function& function, const Base& base, std::size_t depth) {
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
      BSGEN_TRY(expand(function, instruction, base, depth));
      continue;
    }
    Instruction copy = instruction;
    if (copy.guard >= 0) copy.guard += base.first_register;
    for (Operand& operand : copy.operands) operand = moved(operand, base);
    own.push_back(flat_.body.size());
    if (base.first_formal >= 0 && is_return(instruction)) {
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
// the callee's formals are the very variables that the caller names. Through a pointer: (result), register, (arguments), prototype.
Status Inliner::expand(const Function& caller, const Instruction& instruction, const Base& base, std::size_t depth) {
  Call call{instruction, base, depth, {}, {}};
  if (depth >= kMaxDepth) return refuse(call, "calls nested too deep (recursion is not supported)");
  if (instruction.guard >= 0) return refuse(call, "a guarded call is not supported");
  const Operand *name = nullptr, *pointer = nullptr, *prototype = nullptr;
  std::vector<const Operand*> lists;
  for (const Operand& operand : instruction.operands) {
    if (operand.kind == Kind::kFunction && name == nullptr)
      name = &operand;
    else if (operand.kind == Kind::kRegister)
      pointer = &operand;
    else if (operand.kind == Kind::kPrototype)
      prototype = &operand;
    else
      lists.push_back(&operand);
  }
  if (name == nullptr && (pointer == nullptr || prototype == nullptr)) return refuse(call, "a call takes a function, or a register and a .callprototype");
  const Function* const callee = name == nullptr ? nullptr : &module_.functions[static_cast<std::size_t>(name->index)];
  if (callee != nullptr && !callee->is_defined) {
    // What the host does for a GPU stays one instruction: its operands are the results and arguments.
    if (callee->name != "vprintf" && callee->name != "__assertfail") return refuse(call, fmt::format("function {} is not defined", callee->name));
    Instruction host = instruction;
    host.opcode = callee->name == "vprintf" ? "call.vprintf" : "call.assertfail";
    host.operands.clear();
    for (const Operand* list : lists)
      for (const Operand& operand : list->elements) host.operands.push_back(moved(operand, base));
    flat_.body.push_back(std::move(host));
    return {};
  }
  const Prototype form = callee != nullptr ? form_of(*callee) : caller.prototypes[static_cast<std::size_t>(prototype->index)];
  std::size_t next = 0;
  if (!form.results.empty() && next < lists.size()) call.results = lists[next++]->elements;
  if (!form.parameters.empty() && next < lists.size()) call.arguments = lists[next++]->elements;
  if (call.results.size() != form.results.size() || call.arguments.size() != form.parameters.size() || next != lists.size())
    return refuse(call, fmt::format("{} takes {} arguments and gives {} results", callee != nullptr ? callee->name : "the prototype", form.parameters.size(), form.results.size()));
  return callee != nullptr ? expand_one(call, static_cast<std::size_t>(name->index)) : expand_pointer(call, *pointer, form);
}

Status Inliner::expand_one(const Call& call, std::size_t index) {
  const Function& callee = module_.functions[index];
  Base inside;
  inside.first_register = static_cast<int>(flat_.registers.size());
  flat_.registers.insert(flat_.registers.end(), callee.registers.begin(), callee.registers.end());
  // Formals: fresh variables, then the callee's own.
  inside.first_formal = static_cast<int>(flat_.variables.size());
  const auto bind = [&](const Parameter& formal, const Operand& actual) -> Status {
    const Operand here = moved(actual, call.base);
    if (here.kind != Kind::kVariable || here.module || flat_.variables[static_cast<std::size_t>(here.index)].bytes < formal.bytes)
      return refuse(call, fmt::format("the argument for {} is not a .param variable of at least {} bytes", formal.name, formal.bytes));
    Variable alias;
    alias.name = formal.name;
    alias.space = Space::kParam;
    alias.bytes = formal.bytes;
    alias.alias_of = here.index;
    flat_.variables.push_back(std::move(alias));
    return {};
  };
  for (std::size_t i = 0; i < call.arguments.size(); ++i) BSGEN_TRY(bind(callee.parameters[i], call.arguments[i]));
  for (std::size_t i = 0; i < call.results.size(); ++i) BSGEN_TRY(bind(callee.results[i], call.results[i]));
  inside.first_variable = static_cast<int>(flat_.variables.size());
  flat_.variables.insert(flat_.variables.end(), callee.variables.begin(), callee.variables.end());
  if (flat_.registers.size() > (1u << 22)) return refuse(call, "too many registers with all calls expanded");
  entered_.push_back(index);
  BSGEN_TRY(append(callee, inside, call.depth + 1));
  entered_.pop_back();
  return {};
}

// One comparison after the other, each with the body of a function whose address the kernel takes somewhere and whose parameters fit:
//   setp.ne.u64 p, pointer, address;  @p bra next;  <body>  bra end;  next: ...  call.stray pointer;  end:
// A function that is being called already is left out, since bodies are expanded: recursion shows as a stray call when it happens.
Status Inliner::expand_pointer(const Call& call, const Operand& pointer, const Prototype& form) {
  const Operand from = moved(pointer, call.base);
  Operand differs = made(Kind::kRegister, static_cast<int>(flat_.registers.size()));
  flat_.registers.push_back({"%is_another", -1, ScalarType::kPred});
  std::vector<std::size_t> leaves;
  for (const std::size_t index : addressed_) {
    const Function& callee = module_.functions[index];
    if (!callee.is_defined || callee.is_entry || !(form_of(callee) == form) || std::find(entered_.begin(), entered_.end(), index) != entered_.end()) continue;
    Operand address = made(Kind::kInteger, -1);
    address.bits = function_address(static_cast<int>(index));
    add("setp.ne.u64", call, {differs, from, address});
    const std::size_t skip = flat_.body.size();
    add("bra", call, {made(Kind::kLabel, 0)});
    flat_.body[skip].guard = differs.index;
    BSGEN_TRY(expand_one(call, index));
    leaves.push_back(flat_.body.size());
    add("bra", call, {made(Kind::kLabel, 0)});
    flat_.body[skip].operands[0].index = static_cast<int>(flat_.body.size());
  }
  Operand num_candidates = made(Kind::kInteger, -1);
  num_candidates.bits = leaves.size();
  add("call.stray", call, {from, num_candidates});
  for (const std::size_t leave : leaves) flat_.body[leave].operands[0].index = static_cast<int>(flat_.body.size());
  return {};
}

}  // namespace

Expected<Function> inline_calls(const Module& module, const Function& entry) {
  if (std::none_of(entry.body.begin(), entry.body.end(), is_call)) return entry;
  Function flat = entry;
  flat.body.clear();
  flat.branch_tables.clear();
  BSGEN_TRY(Inliner(module, flat).append(entry, {}, 0));
  return flat;
}

}  // namespace bsgen::sim::ptx
