#include "runtime/sim/ptx/body_parser.h"

#include "runtime/sim/ptx/declarations.h"

namespace bsgen::sim::ptx {
namespace {

constexpr int kMaxScopeDepth = 256;
constexpr int kMaxOperandDepth = 3;         // {[a, {x, y}]} is the deepest that any instruction has
constexpr std::size_t kMaxRegisters = 1u << 20;
constexpr std::size_t kMaxOperands = 256;   // of one list; wgmma names 128 accumulators

}  // namespace

void BodyParser::declare(std::string_view name, Symbol symbol) {
  if (!scopes_.declare(name, symbol)) cursor_.fail(fmt::format("{} is declared twice in one scope", name.substr(0, 80)));
}

void BodyParser::run() {
  scopes_.open();
  for (std::size_t i = 0; i < function_.parameters.size(); ++i)
    declare(function_.parameters[i].name, {Symbol::Kind::kParameter, static_cast<int>(i)});
  for (std::size_t i = 0; i < function_.results.size(); ++i)
    declare(function_.results[i].name, {Symbol::Kind::kParameter, static_cast<int>(function_.parameters.size() + i)});
  int depth = 1;
  scopes_.open();
  while (depth > 0 && !cursor_.at_end()) {
    if (cursor_.accept('{')) {
      if (++depth > kMaxScopeDepth) cursor_.fail(fmt::format("scopes nested deeper than {}", kMaxScopeDepth));
      scopes_.open();
    } else if (cursor_.accept('}')) {
      --depth;
      scopes_.close();
    } else {
      statement();
    }
  }
  if (depth > 0) cursor_.fail(fmt::format("the body of {} is not closed", function_.name.substr(0, 80)));
  for (Instruction& instruction : function_.body)
    for (Operand& operand : instruction.operands) resolve(operand, instruction.line.ptx);
  for (const PendingTable& pending : pending_tables_)
    for (std::string_view label : pending.labels) {
      const Symbol* symbol = scopes_.find(label, pending.scope);
      if (symbol == nullptr || symbol->kind != Symbol::Kind::kLabel)
        return cursor_.fail_at(pending.line, fmt::format("unknown label {}", label.substr(0, 80)));
      function_.branch_tables[pending.table].push_back(symbol->index);
    }
}

void BodyParser::statement() {
  if (cursor_.now().kind != TokenKind::kWord && !cursor_.is('@')) {
    if (cursor_.accept(';')) return;
    return cursor_.fail(fmt::format("expected an instruction, found {}", cursor_.found()));
  }
  if (cursor_.now().text[0] == '.') return directive();
  if (cursor_.next().kind == TokenKind::kPunct && cursor_.next().text[0] == ':' && !cursor_.is('@')) {
    const std::string_view label = cursor_.word("a label");
    cursor_.expect(':');
    if (cursor_.is(".branchtargets")) return branch_table(label);
    if (cursor_.is(".callprototype")) return prototype(label);
    return declare(label, {Symbol::Kind::kLabel, static_cast<int>(function_.body.size())});
  }
  instruction();
}

void BodyParser::directive() {
  const std::string_view word = cursor_.now().text;
  const int line = cursor_.now().line;
  if (word.starts_with(".reg.")) {
    cursor_.cut(4);
    return declare_registers();
  }
  cursor_.advance();
  if (word == ".reg") return declare_registers();
  if (word == ".loc") return location();
  if (word == ".shared") return declare_variable(Space::kShared);
  if (word == ".local") return declare_variable(Space::kLocal);
  if (word == ".param") return declare_variable(Space::kParam);
  if (word == ".pragma") {
    while (!cursor_.at_end() && !cursor_.accept(';')) cursor_.advance();
    return;
  }
  cursor_.fail_at(line, fmt::format("unknown directive {} in a function", word.substr(0, 40)));
}

void BodyParser::declare_registers() {
  const ScalarType type = parse_type_word(cursor_);
  do {
    const std::string_view name = cursor_.word("a register name");
    std::uint64_t count = 1;
    const bool range = cursor_.accept('<');
    if (range) {
      count = cursor_.integer("register count", kMaxRegisters);
      cursor_.expect('>');
    }
    const std::uint64_t total = module_.num_registers + function_.registers.size() + count;
    if (total > kMaxRegisters) return cursor_.fail(fmt::format("{} registers, the limit is {}", total, kMaxRegisters));
    const int first = static_cast<int>(function_.registers.size());
    for (std::uint64_t i = 0; i < count; ++i) function_.registers.push_back({name, range ? static_cast<int>(i) : -1, type});
    if (range)
      scopes_.declare_range(name, static_cast<int>(count), first);
    else
      declare(name, {Symbol::Kind::kRegister, first});
  } while (cursor_.accept(','));
  cursor_.expect(';');
}

void BodyParser::declare_variable(Space space) {
  const Variable variable = parse_variable(cursor_, space);
  cursor_.expect(';');
  declare(variable.name, {Symbol::Kind::kVariable, static_cast<int>(function_.variables.size())});
  function_.variables.push_back(variable);
}

// ".loc file line column[, function_name label[+n], inlined_at file line column]": the innermost place is the one kept.
void BodyParser::location() {
  const int line = cursor_.now().line;
  here_.cuda_file = static_cast<int>(cursor_.integer("file index", 1 << 16));
  here_.cuda = static_cast<int>(cursor_.integer("line", 1 << 30));
  while (!cursor_.at_end() && cursor_.now().line == line) cursor_.advance();
}

// "name: .branchtargets L0, L1;"
void BodyParser::branch_table(std::string_view label) {
  PendingTable pending{static_cast<int>(function_.branch_tables.size()), scopes_.current(), {}, cursor_.now().line};
  cursor_.advance();
  do {
    pending.labels.push_back(cursor_.word("a label"));
  } while (cursor_.accept(','));
  cursor_.expect(';');
  declare(label, {Symbol::Kind::kBranchTable, pending.table});
  function_.branch_tables.emplace_back();
  pending_tables_.push_back(std::move(pending));
}

// "name: .callprototype (.param .b32 _) _ (.param .b32 _, .param .align 8 .b8 _[16]);"
void BodyParser::prototype(std::string_view label) {
  cursor_.advance();
  const auto sizes = [](const std::vector<Parameter>& list) {
    std::vector<std::uint32_t> bytes;
    for (const Parameter& each : list) bytes.push_back(each.bytes);
    return bytes;
  };
  Prototype made;
  made.results = sizes(parse_parameter_list(cursor_));
  cursor_.word("_");
  made.parameters = sizes(parse_parameter_list(cursor_));
  cursor_.accept(".noreturn");
  cursor_.expect(';');
  declare(label, {Symbol::Kind::kPrototype, static_cast<int>(function_.prototypes.size())});
  function_.prototypes.push_back(std::move(made));
}

void BodyParser::instruction() {
  Instruction made;
  made.line = here_;
  made.line.ptx = cursor_.now().line;
  if (cursor_.accept('@')) {
    made.guard_negated = cursor_.accept('!');
    const std::string_view name = cursor_.word("a predicate");
    const Symbol* symbol = scopes_.find(name, scopes_.current());
    if (symbol == nullptr || symbol->kind != Symbol::Kind::kRegister ||
        function_.registers[symbol->index].type != ScalarType::kPred)
      return cursor_.fail_at(made.line.ptx, fmt::format("guard {} is not a predicate register", name.substr(0, 80)));
    made.guard = symbol->index;
  }
  made.opcode = cursor_.word("an opcode");
  if (!cursor_.accept(';')) {
    do {
      made.operands.push_back(operand(0));
    } while (cursor_.accept(',') && made.operands.size() < kMaxOperands);
    cursor_.expect(';');
  }
  function_.body.push_back(std::move(made));
}

Operand BodyParser::operand(int depth) {
  Operand made;
  if (depth > kMaxOperandDepth) return cursor_.fail("operands nested too deep"), made;
  if (cursor_.accept('!')) {
    made = operand(depth + 1);
    made.negated = !made.negated;
    return made;
  }
  if (cursor_.accept('{')) {
    made.kind = Operand::Kind::kVector;
    list(made, '}', depth);
    return made;
  }
  if (cursor_.accept('(')) {
    made.kind = Operand::Kind::kVector;
    list(made, ')', depth);
    return made;
  }
  if (cursor_.accept('[')) return address(depth);
  const bool negative = cursor_.accept('-');
  if (negative || cursor_.now().kind != TokenKind::kWord) return number(negative);
  made = named(cursor_.word("an operand"));
  if (cursor_.is('+') || cursor_.is('-')) made.offset = signed_offset();
  if (cursor_.accept('|')) {
    Operand pair;
    pair.kind = Operand::Kind::kPair;
    pair.elements.push_back(std::move(made));
    pair.elements.push_back(operand(depth + 1));
    return pair;
  }
  return made;
}

void BodyParser::list(Operand& into, char close, int depth) {
  if (cursor_.accept(close)) return;
  do {
    into.elements.push_back(operand(depth + 1));
  } while (cursor_.accept(',') && into.elements.size() < kMaxOperands);
  cursor_.expect(close);
}

Operand BodyParser::address(int depth) {
  Operand made;
  made.kind = Operand::Kind::kAddress;
  list(made, ']', depth);
  if (made.elements.empty()) return cursor_.fail("an address without a base"), made;
  made.offset = made.elements[0].offset;
  made.elements[0].offset = 0;
  return made;
}

std::int64_t BodyParser::signed_offset() {
  std::uint64_t sum = 0;
  while (cursor_.is('+') || cursor_.is('-')) {
    bool negative = cursor_.is('-');
    cursor_.advance();
    if (cursor_.accept('-')) negative = !negative;
    const std::uint64_t value = cursor_.integer("an offset", ~std::uint64_t{0});
    sum += negative ? 0 - value : value;
  }
  return static_cast<std::int64_t>(sum);
}

Operand BodyParser::number(bool negative) {
  Operand made;
  const Token& token = cursor_.now();
  made.bits = token.value;
  switch (token.kind) {
    case TokenKind::kInteger:
      made.kind = Operand::Kind::kInteger;
      if (negative) made.bits = 0 - made.bits;
      break;
    case TokenKind::kFloat32:
      made.kind = Operand::Kind::kFloat32;
      if (negative) made.bits ^= std::uint64_t{1} << 31;
      break;
    case TokenKind::kFloat64:
      made.kind = Operand::Kind::kFloat64;
      if (negative) made.bits ^= std::uint64_t{1} << 63;
      break;
    default:
      cursor_.fail(fmt::format("expected an operand, found {}", cursor_.found()));
      return made;
  }
  cursor_.advance();
  return made;
}

Operand BodyParser::named(std::string_view name) {
  Operand made;
  made.text = name;
  if (name == "_") {
    made.kind = Operand::Kind::kSink;
    return made;
  }
  if (const Symbol* symbol = scopes_.find(name, scopes_.current())) {
    made.index = symbol->index;
    switch (symbol->kind) {
      case Symbol::Kind::kRegister: made.kind = Operand::Kind::kRegister; return made;
      case Symbol::Kind::kVariable: made.kind = Operand::Kind::kVariable; return made;
      case Symbol::Kind::kParameter: made.kind = Operand::Kind::kParameter; return made;
      case Symbol::Kind::kLabel:
      case Symbol::Kind::kBranchTable:
      case Symbol::Kind::kPrototype: break;  // resolved below, like labels still to come
    }
  }
  for (std::size_t i = 0; i < module_.variables.size(); ++i)
    if (module_.variables[i].name == name) {
      made.kind = Operand::Kind::kVariable;
      made.module = true;
      made.index = static_cast<int>(i);
      return made;
    }
  made.kind = name[0] == '%' ? Operand::Kind::kSpecial : Operand::Kind::kName;
  made.index = scopes_.current();
  return made;
}

void BodyParser::resolve(Operand& operand, int line) {
  for (Operand& element : operand.elements) resolve(element, line);
  if (operand.kind != Operand::Kind::kName) return;
  const Symbol* symbol = scopes_.find(operand.text, operand.index);
  if (symbol != nullptr && symbol->kind == Symbol::Kind::kLabel) {
    operand.kind = Operand::Kind::kLabel;
    operand.index = symbol->index;
  } else if (symbol != nullptr && symbol->kind == Symbol::Kind::kBranchTable) {
    operand.kind = Operand::Kind::kLabel;
    operand.index = symbol->index;
    operand.module = true;  // a table, not an instruction
  } else if (symbol != nullptr && symbol->kind == Symbol::Kind::kPrototype) {
    operand.kind = Operand::Kind::kPrototype;
    operand.index = symbol->index;
  } else {
    for (std::size_t i = 0; i < module_.functions.size(); ++i)
      if (module_.functions[i].name == operand.text) {
        operand.kind = Operand::Kind::kFunction;
        operand.index = static_cast<int>(i);
      }
    if (operand.kind == Operand::Kind::kName)
      cursor_.fail_at(line, fmt::format("unknown name {}", operand.text.substr(0, 80)));
  }
}

}  // namespace bsgen::sim::ptx
