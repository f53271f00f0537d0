// From an operand of the text to the value that an op reads or writes: registers, constants, addresses, lists of registers.
#include "runtime/sim/decode/decoder.h"

namespace bsgen::sim::decoding {

using ptx::Operand;
using ptx::ScalarType;
using ptx::Space;
using Kind = Operand::Kind;

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
    case Kind::kFunction:
      if (bits != 64) return fail("a function's address needs 64 bits"), 0;
      value = ptx::function_address(operand.index);
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

void Decoder::set_slot(int slot, std::uint32_t value) {
  op_.slot[slot] = value;
  draft_.slots.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), static_cast<std::uint8_t>(slot)});
}

void Decoder::source(int slot, const Operand& operand, ScalarType type) {
  const std::uint32_t value = value_of(operand, type, false, false);
  set_slot(slot, value);
  refer(value, false);
}
void Decoder::destination(int slot, const Operand& operand, ScalarType type) {
  const std::uint32_t value = value_of(operand, type, true, false);
  set_slot(slot, value);
  refer(value, true);
}
void Decoder::scratch(int slot) {
  const auto value = static_cast<std::uint32_t>(draft_.values.size());
  draft_.values.push_back({Width::kWord, false, false, 0});
  set_slot(slot, value);
  refer(value, true);
}
void Decoder::carry(int slot, bool is_definition) {
  if (carry_ == ~0u) {
    carry_ = static_cast<std::uint32_t>(draft_.values.size());
    draft_.values.push_back({Width::kPredicate, false, false, 0});
  }
  set_slot(slot, carry_);
  draft_.references.push_back({static_cast<std::uint32_t>(draft_.program.ops.size()), carry_, is_definition, !is_definition});
}
void Decoder::constant(int slot, std::uint64_t bits, Width width) {
  set_slot(slot, constant_value(bits, width));
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

void Decoder::halves(const Operand& operand, bool is_definition) {
  std::uint32_t half[2] = {};
  if (operand.kind == Kind::kSink && is_definition) {
    half[0] = half[1] = value_of(operand, ScalarType::kB64, true, false);
  } else {
    if (operand.kind != Kind::kRegister || operand.offset != 0 || function_.registers[operand.index].type != ScalarType::kB128) return fail("expected a register of type .b128");
    half[0] = static_cast<std::uint32_t>(operand.index);
    const auto [high, is_new] = high_halves_.try_emplace(operand.index, static_cast<std::uint32_t>(draft_.values.size()));
    if (is_new) draft_.values.push_back({Width::kLong, false, false, 0});
    half[1] = high->second;
  }
  for (const std::uint32_t value : half) {
    draft_.extra_values.push_back(static_cast<std::uint32_t>(draft_.program.extra.size()));
    draft_.program.extra.push_back(value);
    refer(value, is_definition);  // the low half first: both are written together, and of an instruction's registers the first unwritten one is named
  }
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

}  // namespace bsgen::sim::decoding
