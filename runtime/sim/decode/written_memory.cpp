// Which memory a kernel may write, told from where the addresses of its stores come from: pointers among its parameters, its module's
// variables, or 8-byte values out of memory, which may be anything. Races are looked for there only (check/global_shadow.h).
//
// Followed through all instructions alike, whatever the control flow. An address is the sum of one pointer and indices, so what a value
// is computed from counts in full; loaded values of up to 4 bytes are indices.
#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/memory_map.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;

struct Origin {
  bool anything = false, variables = false;
  std::set<std::uint32_t> parameters;
  bool join(const Origin& other) {
    const std::size_t before = parameters.size();
    const bool changed = (other.anything && !anything) || (other.variables && !variables);
    anything |= other.anything;
    variables |= other.variables;
    parameters.insert(other.parameters.begin(), other.parameters.end());
    return changed || parameters.size() != before;
  }
};

bool names(std::string_view opcode, std::string_view word) { return opcode.find(word) != std::string_view::npos; }
std::string_view base_of(std::string_view opcode) { return opcode.substr(0, opcode.find('.')); }

// The 8-byte words that hold these bytes of the parameters. What lies outside is refused when it is executed.
void add_words(std::uint64_t offset, int bytes, Origin& origin) {
  constexpr std::uint64_t kMostBytes = 32764;  // of all parameters (PTX ISA, "Kernel function parameters")
  if (offset > kMostBytes) return;
  for (std::uint64_t at = offset / 8 * 8; at < offset + static_cast<std::uint64_t>(bytes); at += 8) origin.parameters.insert(static_cast<std::uint32_t>(at));
}

// The parameter words that an operand names: [parameter + offset] those that are loaded (0 bytes: none is), a parameter's address all of its own.
void parameters_of(const Operand& operand, const ptx::Function& function, int loaded_bytes, Origin& origin) {
  if (operand.kind == Operand::Kind::kParameter && static_cast<std::size_t>(operand.index) < function.parameters.size()) {
    const ptx::Parameter& parameter = function.parameters[static_cast<std::size_t>(operand.index)];
    for (std::uint32_t at = 0; at < parameter.bytes; at += 8) origin.parameters.insert((parameter.offset + at) / 8 * 8);
  }
  for (const Operand& element : operand.elements) {
    if (loaded_bytes > 0 && operand.kind == Operand::Kind::kAddress && element.kind == Operand::Kind::kParameter && static_cast<std::size_t>(element.index) < function.parameters.size()) {
      add_words(function.parameters[static_cast<std::size_t>(element.index)].offset + static_cast<std::uint64_t>(operand.offset), loaded_bytes, origin);
    } else {
      parameters_of(element, function, loaded_bytes, origin);
    }
  }
}

// "ld.param.v2.u32": 8. 0: nothing of a parameter is loaded.
int loaded_parameter_bytes(std::string_view opcode) {
  if (!names(opcode, ".param")) return 0;
  const std::size_t digits = opcode.find_last_not_of("0123456789") + 1;
  int bits = 64;
  std::from_chars(opcode.data() + digits, opcode.data() + opcode.size(), bits);
  return bits / 8 * (names(opcode, ".v4") ? 4 : names(opcode, ".v2") ? 2 : 1);
}

// The slot whose address the instruction writes to in global memory; -1 = none.
int written_slot(std::string_view opcode) {
  const std::string_view base = base_of(opcode);
  if (base == "st" || base == "atom" || base == "red") return names(opcode, ".shared") || names(opcode, ".local") || names(opcode, ".param") ? -1 : 1;
  if (base == "cp" && (names(opcode, ".bulk.global.shared") || (names(opcode, ".bulk.tensor") && names(opcode, ".global.shared")))) return 2;
  return -1;
}

}  // namespace

void find_written_memory(Draft& draft, const ptx::Function& function) {
  Program& program = draft.program;
  std::vector<Origin> origins(draft.values.size());
  for (std::size_t i = 0; i < draft.values.size(); ++i) origins[i].variables = draft.values[i].is_constant && draft.values[i].bits >= kGlobalBase && draft.values[i].bits < 2 * kGlobalBase;
  const auto from_memory = [&](std::uint32_t op) {
    const std::string_view opcode = function.body[op].opcode, base = base_of(opcode);
    return (base == "ld" || base == "ldu" || base == "atom") && !names(opcode, ".param");
  };
  // Registers that hold a parameter's address and nothing else: NVRTC reads a struct's later members through one.
  std::vector<std::optional<std::uint64_t>> parameter_address(draft.values.size());
  std::vector<int> definitions(draft.values.size());
  for (const auto& reference : draft.references)
    if (reference.is_definition) ++definitions[reference.value];
  for (const auto& reference : draft.references) {
    if (!reference.is_definition || definitions[reference.value] != 1 || reference.op >= function.body.size()) continue;
    const ptx::Instruction& made = function.body[reference.op];
    if (base_of(made.opcode) != "mov" || made.operands.size() != 2 || made.operands[1].kind != Operand::Kind::kParameter) continue;
    parameter_address[reference.value] = function.parameters[static_cast<std::size_t>(made.operands[1].index)].offset + static_cast<std::uint64_t>(made.operands[1].offset);
  }
  const auto step = [&](std::uint32_t op, std::size_t first, std::size_t last) {
    Origin origin;
    const bool in_text = op < function.body.size();
    if (in_text && from_memory(op)) {
      const std::string_view opcode = function.body[op].opcode;
      for (const std::string_view type : {".b64", ".u64", ".s64", ".b128"}) origin.anything |= names(opcode, type);
    } else {
      if (in_text)
        for (const Operand& operand : function.body[op].operands) parameters_of(operand, function, loaded_parameter_bytes(function.body[op].opcode), origin);
      const int loaded = in_text ? loaded_parameter_bytes(function.body[op].opcode) : 0;
      for (std::size_t i = first; i < last; ++i) {
        if (draft.references[i].is_definition) continue;
        if (const auto base = parameter_address[draft.references[i].value]; loaded > 0 && base)
          add_words(*base + static_cast<std::uint64_t>(function.body[op].operands[1].offset), loaded, origin);
        else
          origin.join(origins[draft.references[i].value]);
      }
    }
    bool changed = false;
    for (std::size_t i = first; i < last; ++i)
      if (draft.references[i].is_definition && !draft.values[draft.references[i].value].is_sink) changed |= origins[draft.references[i].value].join(origin);
    return changed;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t first = 0; first < draft.references.size();) {
      std::size_t last = first;
      while (last < draft.references.size() && draft.references[last].op == draft.references[first].op) ++last;
      changed |= step(draft.references[first].op, first, last);
      first = last;
    }
  }
  Origin written;
  for (std::size_t i = 0; i < function.body.size(); ++i) {
    const int slot = written_slot(function.body[i].opcode);
    if (slot < 0) continue;
    const Op& op = program.ops[i];
    written.join(origins[op.slot[slot]]);
    // An address that is no register: a variable, or a tensor map in a parameter that is named at once.
    written.variables |= slot == 1 && static_cast<std::uint64_t>(op.immediate) >= kGlobalBase;
    if (slot == 2)
      for (const Operand& operand : function.body[i].operands) parameters_of(operand, function, 0, written);
  }
  program.written.anything = written.anything;
  program.written.variables = written.variables;
  program.written.parameters.assign(written.parameters.begin(), written.parameters.end());
}

}  // namespace bsgen::sim::decoding
