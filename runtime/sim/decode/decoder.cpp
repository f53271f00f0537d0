#include "runtime/sim/decode/decoder.h"

#include <algorithm>
#include <unordered_map>

#include "compiler/support/made_once.h"
#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/profile.h"

namespace bsgen::sim {
namespace decoding {

using ptx::Operand;
using ptx::ScalarType;
using ptx::Space;
using Kind = Operand::Kind;

Width width_of(ScalarType type) {
  const int bits = ptx::size_bits(type);
  return bits == 1 ? Width::kPredicate : bits <= 32 ? Width::kWord : Width::kLong;
}
std::uint32_t bytes_of(Width width) { return width == Width::kPredicate ? 4 : width == Width::kWord ? 128 : 256; }

Decoder::Decoder(const ptx::Module& module, const ptx::Function& function, const std::vector<std::uint64_t>& addresses)
    : module_(module), function_(function), addresses_(addresses) {
  for (const ptx::Register& reg : function.registers) draft_.values.push_back({width_of(reg.type), false, false, 0});
}

Expected<Draft> Decoder::run() {
  place_variables();
  Program& program = draft_.program;
  program.entry = std::string(function_.name);
  program.parameter_bytes = function_.parameter_bytes;
  program.max_threads = function_.max_threads;
  program.max_registers = function_.max_registers;
  std::copy(std::begin(function_.cluster), std::end(function_.cluster), program.cluster);
  for (std::string_view file : module_.files) program.files.emplace_back(file);
  for (const ptx::Instruction& instruction : function_.body) {
    if (failed()) return status_;
    instruction_ = &instruction;
    decode_one();
  }
  if (failed()) return status_;
  // Falling off the end of the body ends the thread.
  Op exit;
  exit.kind = OpKind::kExit;
  exit.index = static_cast<std::uint32_t>(program.ops.size());
  program.ops.push_back(exit);
  program.lines.push_back(function_.body.empty() ? ptx::SourceLine{function_.line, 0, 0} : function_.body.back().line);
  program.opcodes.emplace_back("ret");
  program.traits.push_back({InstructionClass::kControl, 0});
  return std::move(draft_);
}

void Decoder::mark_referenced(const Operand& operand) {
  if (operand.kind == Kind::kVariable && operand.module) referenced_[operand.index] = true;
  for (const Operand& element : operand.elements) mark_referenced(element);
}

// Shared variables one after the other, dynamic shared memory behind them; local and call-parameter variables in the thread's frame.
void Decoder::place_variables() {
  referenced_.assign(module_.variables.size(), false);
  for (const ptx::Instruction& instruction : function_.body)
    for (const Operand& operand : instruction.operands) mark_referenced(operand);
  module_shared_.assign(module_.variables.size(), 0);
  std::uint64_t shared = 0, local = 0, dynamic_align = 16;
  const auto place = [](std::uint64_t& top, const ptx::Variable& variable) {
    const std::uint64_t at = (top + variable.align - 1) / variable.align * variable.align;
    top = at + variable.bytes;
    return at;
  };
  for (std::size_t i = 0; i < module_.variables.size(); ++i) {
    const ptx::Variable& variable = module_.variables[i];
    if (variable.space != Space::kShared || !referenced_[i]) continue;
    if (variable.is_extern)
      dynamic_align = std::max<std::uint64_t>(dynamic_align, variable.align);
    else
      module_shared_[i] = kSharedBase + place(shared, variable);
  }
  for (const ptx::Variable& variable : function_.variables)
    function_variables_.push_back(variable.alias_of >= 0 ? function_variables_[static_cast<std::size_t>(variable.alias_of)]
                                  : variable.space == Space::kShared ? kSharedBase + place(shared, variable) : place(local, variable));
  constexpr std::uint64_t kMaxShared = 1 << 20, kMaxLocal = 512 << 10;
  const std::uint64_t dynamic = (shared + dynamic_align - 1) / dynamic_align * dynamic_align;
  if (dynamic > kMaxShared || local > kMaxLocal) {
    instruction_ = nullptr;
    status_ = Status(ErrorCode::kInvalidArgument,
                     fmt::format("sim: kernel {} has {} bytes of static shared memory and {} of local memory per thread, the limits are "
                                 "{} and {}", function_.name, shared, local, kMaxShared, kMaxLocal));
    return;
  }
  for (std::size_t i = 0; i < module_.variables.size(); ++i)
    if (module_.variables[i].space == Space::kShared && module_.variables[i].is_extern) module_shared_[i] = kSharedBase + dynamic;
  const auto symbol = [&](const ptx::Variable& variable, std::uint64_t address, std::uint64_t bytes) {
    draft_.program.shared_symbols.push_back({static_cast<std::uint32_t>(address - kSharedBase), static_cast<std::uint32_t>(bytes), std::string(variable.name)});
  };
  for (std::size_t i = 0; i < module_.variables.size(); ++i)
    if (module_.variables[i].space == Space::kShared && referenced_[i]) symbol(module_.variables[i], module_shared_[i], module_.variables[i].is_extern ? kMaxShared : module_.variables[i].bytes);
  for (std::size_t i = 0; i < function_.variables.size(); ++i)
    if (function_.variables[i].space == Space::kShared && function_.variables[i].alias_of < 0) symbol(function_.variables[i], function_variables_[i], function_.variables[i].bytes);
  draft_.program.static_shared_bytes = static_cast<std::uint32_t>(shared);
  draft_.program.dynamic_shared_offset = static_cast<std::uint32_t>(dynamic);
  draft_.program.local_bytes = static_cast<std::uint32_t>((local + 15) / 16 * 16);
}

void Decoder::decode_one() {
  op_ = Op();
  op_.index = static_cast<std::uint32_t>(draft_.program.ops.size());
  flops_ = 0;
  modifiers_.clear();
  next_modifier_ = 0;
  std::string_view rest = instruction_->opcode;
  const std::string_view base = rest.substr(0, rest.find('.'));
  while (rest.find('.') != std::string_view::npos) {
    rest.remove_prefix(rest.find('.') + 1);
    modifiers_.push_back(rest.substr(0, rest.find('.')));
  }
  const OpcodeDecoder decode = find_opcode(base);
  if (decode == nullptr) return fail("unknown opcode");
  if (instruction_->guard >= 0) {
    op_.guard = static_cast<std::uint32_t>(instruction_->guard);
    op_.guard_negated = instruction_->guard_negated;
    draft_.slots.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), kMaxSlots});
    refer(op_.guard, false);
  }
  decode(*this);
  if (failed()) return;
  if (next_modifier_ < modifiers_.size()) return fail(fmt::format("unknown modifier .{}", modifiers_[next_modifier_]));
  if (op_.handler == nullptr && op_.kind == OpKind::kPlain) return fail("this combination of types does not exist");
  draft_.program.ops.push_back(op_);
  draft_.program.lines.push_back(instruction_->line);
  draft_.program.opcodes.push_back(instruction_->opcode);
  draft_.program.traits.push_back({instruction_class(instruction_->opcode), flops_});
}

void Decoder::fail(const std::string& message) {
  if (failed()) return;
  status_ = Status(ErrorCode::kInvalidArgument, fmt::format("sim: ptx line {}: {}: {}", instruction_->line.ptx,
                                                            instruction_->opcode.substr(0, 120), message));
}

void Decoder::need_target(int number) {
  if (module_.target < number) fail(fmt::format("needs .target sm_{} or higher, the text says sm_{}", number, module_.target));
}

const Operand& Decoder::operand(std::size_t i) {
  static const Operand kNothing;
  if (i < instruction_->operands.size()) return instruction_->operands[i];
  fail(fmt::format("operand {} is missing", i + 1));
  return kNothing;
}

void Decoder::want_operands(std::size_t least, std::size_t most) {
  const std::size_t count = num_operands();
  if (count >= least && count <= most) return;
  fail(least == most ? fmt::format("{} operands, {} expected", count, least)
                     : fmt::format("{} operands, {} to {} expected", count, least, most));
}

std::string_view Decoder::peek() const { return next_modifier_ < modifiers_.size() ? modifiers_[next_modifier_] : std::string_view(); }
bool Decoder::take(std::string_view modifier) {
  const bool found = next_modifier_ < modifiers_.size() && modifiers_[next_modifier_] == modifier;
  next_modifier_ += found;
  return found;
}
int Decoder::take_one_of(std::initializer_list<std::string_view> modifiers) {
  int i = 0;
  for (std::string_view modifier : modifiers) {
    if (take(modifier)) return i;
    ++i;
  }
  return -1;
}
void Decoder::require(std::string_view modifier) {
  if (!take(modifier)) fail(fmt::format("expected .{}{}", modifier, peek().empty() ? "" : fmt::format(", found .{}", peek())));
}
ScalarType Decoder::take_type() {
  const ScalarType type = ptx::parse_type(peek());
  if (type == ScalarType::kNone)
    fail(peek().empty() ? "no type" : fmt::format("unknown modifier .{}", peek()));
  else
    ++next_modifier_;
  return type;
}
ScalarType Decoder::take_type_of(std::initializer_list<ScalarType> allowed) {
  const std::string_view word = peek();
  const ScalarType type = take_type();
  if (!failed() && std::find(allowed.begin(), allowed.end(), type) == allowed.end()) fail(fmt::format("type .{} is not supported here", word));
  return type;
}
Space Decoder::take_space() {
  if (take("global")) return Space::kGlobal;
  if (take("shared") || take("shared::cta")) return Space::kShared;
  if (take("const")) return Space::kConst;
  if (take("local")) return Space::kLocal;
  if (take("param") || take("param::entry") || take("param::func")) return Space::kParam;
  return Space::kGeneric;
}

OpcodeDecoder find_opcode(std::string_view opcode) {
  using Table = std::unordered_map<std::string_view, OpcodeDecoder>;
  static constinit MadeOnce<const Table> once;
  const Table* table = once.there();
  if (!table) {
    auto mine = std::make_unique<Table>();
    for (const auto& rows : {arithmetic_opcodes(), bit_opcodes(), rare_opcodes(), selection_opcodes(), conversion_opcodes(), memory_opcodes(), warp_opcodes(), mma_opcodes(),
                             wgmma_opcodes(), control_opcodes(), asynchronous_opcodes()})
      for (const OpcodeRow& row : rows) mine->emplace(row.name, row.decode);
    table = &once.keep(std::move(mine));
  }
  const auto found = table->find(opcode);
  return found == table->end() ? nullptr : found->second;
}

namespace {

void name_registers(Draft& draft, const ptx::Module& module, const ptx::Function& function) {
  Program& program = draft.program;
  program.text = module.text;
  program.registers.reserve(function.registers.size());
  for (std::size_t i = 0; i < function.registers.size(); ++i) program.registers.push_back({function.registers[i], draft.offsets[i]});
  for (const Reference& reference : draft.references)
    if (reference.value < function.registers.size()) program.mentions.push_back({reference.op, reference.value, reference.is_definition});
}

}  // namespace
}  // namespace decoding

Expected<Program> decode(const ptx::Module& module, const ptx::Function& entry, const std::vector<std::uint64_t>& addresses) {
  decoding::Decoder decoder(module, entry, addresses);
  BSGEN_ASSIGN(decoding::Draft draft, decoder.run());
  decoding::find_written_memory(draft, entry);
  decoding::watch_wgmma_registers(draft, entry);
  decoding::allocate_registers(draft, entry);
  decoding::name_registers(draft, module, entry);
  constexpr std::uint32_t kMaxRegisterBytes = 4 << 20;  // of a warp; hardware has 32640
  if (draft.program.register_file_bytes > kMaxRegisterBytes)
    return Status(ErrorCode::kUnsupported, fmt::format("sim: kernel {} needs {} bytes of registers per warp, the limit is {}", entry.name,
                                                       draft.program.register_file_bytes, kMaxRegisterBytes));
  return std::move(draft.program);
}

}  // namespace bsgen::sim
