#include "runtime/sim/decode/decoder.h"

#include <algorithm>
#include <unordered_map>

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

void Decoder::refer(std::uint32_t value, bool is_definition) {
  draft_.references.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), value, is_definition, false});
}

std::uint32_t Decoder::constant_value(std::uint64_t bits, Width width) {
  const auto [found, is_new] = constants_.try_emplace({bits, static_cast<int>(width)}, static_cast<std::uint32_t>(draft_.values.size()));
  if (is_new) draft_.values.push_back({width, true, false, bits});
  return found->second;
}

std::uint64_t Decoder::address_of(const Operand& operand) {
  if (operand.kind == Kind::kParameter) {
    if (static_cast<std::size_t>(operand.index) >= function_.parameters.size()) return fail("results have no address here"), 0;
    return function_.parameters[operand.index].offset + static_cast<std::uint64_t>(operand.offset);
  }
  std::uint64_t base;
  if (!operand.module)
    base = function_variables_[operand.index];
  else if (module_.variables[operand.index].space == Space::kShared)
    base = module_shared_[operand.index];
  else
    base = addresses_[operand.index];
  return base + static_cast<std::uint64_t>(operand.offset);
}

std::uint32_t Decoder::value_of(const Operand& operand, ScalarType type, bool is_definition, bool wider) {
  const Width width = width_of(type);
  const int bits = ptx::size_bits(type);
  if (operand.negated) return fail("a negated predicate cannot stand here"), 0;
  if (operand.kind == Kind::kRegister) {
    const ptx::Register& reg = function_.registers[operand.index];
    if (operand.offset != 0) return fail("a displacement can only stand in an address"), 0;
    const int have = ptx::size_bits(reg.type);
    const bool fits = wider ? have >= bits && (have == 1) == (bits == 1) && bits <= 64 : have == bits;
    if (!fits) return fail(fmt::format("register {} is .{}, the instruction takes {} bits", reg.full_name(), ptx::name(reg.type), bits)), 0;
    return static_cast<std::uint32_t>(operand.index);
  }
  if (operand.kind == Kind::kSink && is_definition) {
    std::uint32_t& sink = sinks_[static_cast<int>(width)];
    if (sink == ~0u) {
      sink = static_cast<std::uint32_t>(draft_.values.size());
      draft_.values.push_back({width, false, true, 0});
    }
    return sink;
  }
  if (is_definition) return fail("the result must be a register"), 0;
  std::uint64_t value = operand.bits;
  switch (operand.kind) {
    case Kind::kInteger:
      if (ptx::is_float(type) && bits >= 32 && type != ScalarType::kF16x2 && type != ScalarType::kBf16x2)
        return fail(fmt::format("an integer constant for type .{}", ptx::name(type))), 0;
      break;
    case Kind::kFloat32:
      if (bits != 32) return fail(fmt::format("a 32-bit float constant for type .{}", ptx::name(type))), 0;
      break;
    case Kind::kFloat64:
      if (type == ScalarType::kF32)
        value = __builtin_bit_cast(std::uint32_t, static_cast<float>(__builtin_bit_cast(double, value)));
      else if (bits != 64)
        return fail(fmt::format("a 64-bit float constant for type .{}", ptx::name(type))), 0;
      break;
    case Kind::kVariable:
    case Kind::kParameter:
      if (bits < 32) return fail("an address needs 32 or 64 bits"), 0;
      value = address_of(operand);
      break;
    default:
      return fail(operand.text.empty() ? "this operand is not a value" : fmt::format("{} is not a value", operand.text.substr(0, 80))), 0;
  }
  if (bits == 1) value = value != 0 ? ~std::uint64_t{0} : 0;
  if (bits < 64 && bits > 1) value &= (std::uint64_t{1} << bits) - 1;
  return constant_value(value, width);
}

void Decoder::source(int slot, const Operand& operand, ScalarType type) {
  const std::uint32_t value = value_of(operand, type, false, false);
  op_.slot[slot] = value;
  draft_.slots.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), static_cast<std::uint8_t>(slot)});
  refer(value, false);
}
void Decoder::destination(int slot, const Operand& operand, ScalarType type) {
  const std::uint32_t value = value_of(operand, type, true, false);
  op_.slot[slot] = value;
  draft_.slots.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), static_cast<std::uint8_t>(slot)});
  refer(value, true);
}
void Decoder::scratch(int slot) {
  const auto value = static_cast<std::uint32_t>(draft_.values.size());
  draft_.values.push_back({Width::kWord, false, false, 0});
  op_.slot[slot] = value;
  draft_.slots.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), static_cast<std::uint8_t>(slot)});
  refer(value, true);
}
void Decoder::carry(int slot, bool is_definition) {
  if (carry_ == ~0u) {
    carry_ = static_cast<std::uint32_t>(draft_.values.size());
    draft_.values.push_back({Width::kPredicate, false, false, 0});
  }
  op_.slot[slot] = carry_;
  draft_.slots.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), static_cast<std::uint8_t>(slot)});
  draft_.references.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), carry_, is_definition, !is_definition});
}
void Decoder::constant(int slot, std::uint64_t bits, Width width) {
  op_.slot[slot] = constant_value(bits, width);
  draft_.slots.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), static_cast<std::uint8_t>(slot)});
}

Width Decoder::extra(const Operand& operand, ScalarType type, std::size_t count, bool is_definition, bool wider) {
  const bool is_vector = operand.kind == Kind::kVector;
  const std::size_t have = is_vector ? operand.elements.size() : 1;
  if (have != count) return fail(fmt::format("{} registers, {} expected", have, count)), Width::kWord;
  Width width = Width::kPredicate;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t value = value_of(is_vector ? operand.elements[i] : operand, type, is_definition, wider);
    if (failed()) return Width::kWord;
    const Value& made = draft_.values[value];
    if (i > 0 && made.width != width && !made.is_sink) return fail("registers of different sizes"), width;
    width = made.width;
    draft_.extra_values.push_back(static_cast<std::uint32_t>(draft_.program.extra.size()));
    draft_.program.extra.push_back(value);
    refer(value, is_definition);
  }
  return width;
}

void Decoder::reads_too(std::uint32_t first) {
  for (std::size_t i = first; i < draft_.program.extra.size(); ++i)
    draft_.references.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), draft_.program.extra[i], false, true});
}

bool Decoder::address(int slot, const Operand& operand, Space space) {
  if (operand.kind != Kind::kAddress) return fail("expected an address in brackets"), false;
  const Operand& base = operand.elements[0];
  op_.immediate = operand.offset;
  if (base.kind == Kind::kRegister) {
    const ScalarType type = function_.registers[base.index].type;
    const bool is_long = ptx::size_bits(type) == 64;
    if (!is_long && ptx::size_bits(type) != 32) return fail("an address register has 32 or 64 bits"), false;
    if (!is_long && (space == Space::kGlobal || space == Space::kGeneric)) return fail("a 32-bit address for global memory"), false;
    source(slot, base, type);
    return is_long;
  }
  if (base.kind == Kind::kVariable || base.kind == Kind::kParameter)
    op_.immediate += static_cast<std::int64_t>(address_of(base));
  else if (base.kind == Kind::kInteger)
    op_.immediate += static_cast<std::int64_t>(base.bits);
  else
    return fail("this operand is not an address"), false;
  constant(slot, 0, Width::kLong);
  return true;
}

std::int64_t Decoder::integer(const Operand& operand, std::int64_t low, std::int64_t high) {
  if (operand.kind != Kind::kInteger) return fail("expected an integer constant"), low;
  const auto value = static_cast<std::int64_t>(operand.bits);
  if (value < low || value > high) return fail(fmt::format("constant {} is not between {} and {}", value, low, high)), low;
  return value;
}

int Decoder::label(const Operand& operand) {
  if (operand.kind != Kind::kLabel || operand.module) return fail("expected a label"), 0;
  return operand.index;
}

OpcodeDecoder find_opcode(std::string_view opcode) {
  static const std::unordered_map<std::string_view, OpcodeDecoder> kTable = [] {
    std::unordered_map<std::string_view, OpcodeDecoder> table;
    for (const auto& rows : {arithmetic_opcodes(), bit_opcodes(), rare_opcodes(), selection_opcodes(), conversion_opcodes(), memory_opcodes(), warp_opcodes(), mma_opcodes(),
                             wgmma_opcodes(), control_opcodes(), asynchronous_opcodes()})
      for (const OpcodeRow& row : rows) table.emplace(row.name, row.decode);
    return table;
  }();
  const auto found = kTable.find(opcode);
  return found == kTable.end() ? nullptr : found->second;
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
