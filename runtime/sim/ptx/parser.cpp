#include "runtime/sim/ptx/parser.h"

#include <algorithm>
#include <cstring>

#include "runtime/sim/ptx/body_parser.h"
#include "runtime/sim/ptx/declarations.h"

namespace bsgen::sim::ptx {
namespace {

constexpr std::size_t kMaxNames = 4096;  // of variables and of functions: names are searched one by one

// The module level: directives, variables with their initialisers, functions.
class ModuleParser {
 public:
  ModuleParser(Cursor& cursor, Module& module) : cursor_(cursor), module_(module) {}

  void run() {
    while (!cursor_.at_end()) item();
    if (cursor_.status().ok() && module_.target == 0) cursor_.fail("no .target directive");
  }

 private:
  void item();
  void version();
  void target();
  void file();
  void section();
  void variable(Space space, bool is_extern);
  void initializer(Variable& variable);
  void value(Variable& variable, std::uint64_t& at, std::uint64_t bytes);
  void function(bool is_entry);
  void performance_directives(Function& function);

  Cursor& cursor_;
  Module& module_;
};

void ModuleParser::item() {
  const int line = cursor_.now().line;
  if (cursor_.accept(';')) return;
  std::string_view word = cursor_.word("a directive");
  bool is_extern = false;
  while (word == ".visible" || word == ".extern" || word == ".weak" || word == ".common") {
    is_extern |= word == ".extern";
    word = cursor_.word("a directive");
  }
  if (word == ".version") return version();
  if (word == ".target") return target();
  if (word == ".address_size") {
    if (cursor_.integer("address size", 64) != 64) cursor_.fail_at(line, "address size is not 64");
    return;
  }
  if (word == ".file") return file();
  if (word == ".section") return section();
  if (word == ".global") return variable(Space::kGlobal, is_extern);
  if (word == ".const") return variable(Space::kConst, is_extern);
  if (word == ".shared") return variable(Space::kShared, is_extern);
  if (word == ".entry") return function(true);
  if (word == ".func") return function(false);
  if (word == ".pragma") {
    while (!cursor_.at_end() && !cursor_.accept(';')) cursor_.advance();
    return;
  }
  cursor_.fail_at(line, fmt::format("unknown directive {}", word.substr(0, 40)));
}

// "9.0" reads as a decimal fraction; its text says both numbers exactly.
void ModuleParser::version() {
  const std::string_view text = cursor_.now().text;
  const std::size_t dot = text.find('.');
  if (cursor_.now().kind != TokenKind::kFloat64 || dot == std::string_view::npos || dot > 2 || text.size() - dot > 3)
    return cursor_.fail(fmt::format("expected a version like 9.0, found {}", cursor_.found()));
  for (char c : text.substr(0, dot)) module_.version_major = module_.version_major * 10 + (c - '0');
  for (char c : text.substr(dot + 1)) module_.version_minor = module_.version_minor * 10 + (c - '0');
  cursor_.advance();
}

void ModuleParser::target() {
  const int line = cursor_.now().line;
  do {
    std::string_view word = cursor_.word("a target");
    if (!word.starts_with("sm_")) {
      if (word == "debug" || word == "texmode_independent" || word == "texmode_unified") continue;
      return cursor_.fail_at(line, fmt::format("unknown target {}", word.substr(0, 40)));
    }
    word.remove_prefix(3);
    int number = 0;
    while (!word.empty() && word[0] >= '0' && word[0] <= '9' && number < 10000) {
      number = number * 10 + (word[0] - '0');
      word.remove_prefix(1);
    }
    if (number == 0 || word.size() > 1 || (word.size() == 1 && word[0] != 'a' && word[0] != 'f'))
      return cursor_.fail_at(line, "a target reads sm_80, sm_90a or sm_100f");
    module_.target = number;
    module_.target_suffix = word.empty() ? '\0' : word[0];
  } while (cursor_.accept(','));
}

void ModuleParser::file() {
  const std::uint64_t index = cursor_.integer("file index", 1 << 12);
  if (cursor_.now().kind != TokenKind::kString) return cursor_.fail("expected a file name");
  if (module_.files.size() <= index) module_.files.resize(index + 1);
  const std::string_view path = cursor_.now().text;
  const std::size_t slash = path.find_last_of("/\\");
  module_.files[index] = slash == std::string_view::npos ? path : path.substr(slash + 1);
  cursor_.advance();
  while (cursor_.accept(',')) cursor_.integer("a time stamp or size", ~std::uint64_t{0});
}

// Debug sections say nothing about execution.
void ModuleParser::section() {
  cursor_.word("a section name");
  cursor_.expect('{');
  while (!cursor_.at_end() && !cursor_.is('}')) cursor_.advance();
  cursor_.expect('}');
}

void ModuleParser::variable(Space space, bool is_extern) {
  Variable made = parse_variable(cursor_, space);
  made.is_extern = is_extern;
  if (cursor_.accept('=')) initializer(made);
  cursor_.expect(';');
  if (module_.variables.size() >= kMaxNames) return cursor_.fail(fmt::format("more than {} variables", kMaxNames));
  for (const Variable& other : module_.variables)
    if (other.name == made.name) return cursor_.fail_at(made.line, fmt::format("{} is declared twice", made.name.substr(0, 80)));
  module_.variables.push_back(std::move(made));
}

void ModuleParser::initializer(Variable& variable) {
  if (variable.space == Space::kShared) return cursor_.fail("shared memory cannot be initialised");
  variable.is_initialized = true;
  std::uint64_t at = 0;
  if (!cursor_.accept('{')) return value(variable, at, variable.element_bytes);
  do {
    value(variable, at, variable.element_bytes);
  } while (cursor_.accept(',') && !cursor_.at_end());
  cursor_.expect('}');
}

void ModuleParser::value(Variable& variable, std::uint64_t& at, std::uint64_t bytes) {
  if (bytes > 8 || at + bytes > variable.bytes)
    return cursor_.fail(fmt::format("the initialiser of {} is longer than its {} bytes", variable.name.substr(0, 80), variable.bytes));
  const bool negative = cursor_.accept('-');
  const Token token = cursor_.now();
  std::uint64_t bits = token.value;
  if (token.kind == TokenKind::kWord) {  // name, name + 8, generic(name) + 8
    Variable::Pointer pointer{at, -1, 0, false};
    cursor_.advance();
    std::string_view name = token.text;
    if (name == "generic") {
      pointer.generic = true;
      cursor_.expect('(');
      name = cursor_.word("a variable");
      cursor_.expect(')');
    }
    while (cursor_.is('+') || cursor_.is('-')) {
      const bool minus = cursor_.is('-');
      cursor_.advance();
      const auto addend = static_cast<std::int64_t>(cursor_.integer("an offset", kMaxVariableBytes));
      pointer.addend += minus ? -addend : addend;
    }
    for (std::size_t i = 0; i < module_.variables.size(); ++i)
      if (module_.variables[i].name == name) pointer.variable = static_cast<int>(i);
    int function = -1;
    for (std::size_t i = 0; i < module_.functions.size(); ++i)
      if (module_.functions[i].name == name) function = static_cast<int>(i);
    if ((pointer.variable < 0 && (function < 0 || pointer.generic || pointer.addend != 0)) || bytes != 8)
      return cursor_.fail(fmt::format("the initialiser names {}, no variable or function before it", name.substr(0, 80)));
    if (pointer.variable >= 0) variable.pointers.push_back(pointer);
    if (pointer.variable < 0) module_.functions_in_memory.push_back(function);
    bits = pointer.variable < 0 ? function_address(function) : 0;
  } else if (token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat32 || token.kind == TokenKind::kFloat64) {
    cursor_.advance();
    if (negative && token.kind == TokenKind::kInteger) bits = 0 - bits;
    if (negative && token.kind == TokenKind::kFloat32) bits ^= std::uint64_t{1} << 31;
    if (negative && token.kind == TokenKind::kFloat64) bits ^= std::uint64_t{1} << 63;
  } else {
    return cursor_.fail(fmt::format("expected a value, found {}", cursor_.found()));
  }
  variable.initial.resize(at + bytes);
  std::memcpy(variable.initial.data() + at, &bits, bytes);
  at += bytes;
}

void ModuleParser::function(bool is_entry) {
  Function made;
  made.line = cursor_.now().line;
  made.is_entry = is_entry;
  if (!is_entry) made.results = parse_parameter_list(cursor_);
  made.name = cursor_.word("a function name");
  made.parameters = parse_parameter_list(cursor_);
  for (Parameter& parameter : made.parameters) {
    parameter.offset = (made.parameter_bytes + parameter.align - 1) / parameter.align * parameter.align;
    made.parameter_bytes = parameter.offset + parameter.bytes;
  }
  performance_directives(made);
  if (module_.functions.size() >= kMaxNames) return cursor_.fail(fmt::format("more than {} functions", kMaxNames));
  if (cursor_.accept(';')) {
    for (const Function& other : module_.functions)
      if (other.name == made.name) return;
    module_.functions.push_back(std::move(made));
    return;
  }
  cursor_.expect('{');
  made.is_defined = true;
  for (const Function& other : module_.functions)
    if (other.name == made.name && other.is_defined)
      return cursor_.fail_at(made.line, fmt::format("function {} is defined twice", made.name.substr(0, 80)));
  BodyParser(cursor_, module_, made).run();
  module_.num_registers += made.registers.size();
  for (Function& other : module_.functions)
    if (other.name == made.name) {
      other = std::move(made);
      return;
    }
  module_.functions.push_back(std::move(made));
}

void ModuleParser::performance_directives(Function& function) {
  while (cursor_.now().kind == TokenKind::kWord && cursor_.now().text[0] == '.') {
    const std::string_view word = cursor_.now().text;
    const int line = cursor_.now().line;
    cursor_.advance();
    if (word == ".noreturn" || word == ".explicitcluster" || word == ".blocksareclusters") continue;
    if (word == ".pragma") {
      while (!cursor_.at_end() && !cursor_.accept(';')) cursor_.advance();
      continue;
    }
    if (word != ".maxntid" && word != ".reqntid" && word != ".minnctapersm" && word != ".maxnreg" && word != ".maxnctapersm" &&
        word != ".reqnctapercluster" && word != ".maxclusterrank")
      return cursor_.fail_at(line, fmt::format("unknown directive {}", word.substr(0, 40)));
    std::uint64_t product = 1;
    std::uint32_t values[3] = {1, 1, 1};
    std::size_t count = 0;
    do {
      const std::uint64_t value = cursor_.integer(word, 1 << 16);
      product *= value;
      if (count < 3) values[count++] = static_cast<std::uint32_t>(value);
    } while (cursor_.accept(','));
    if (word == ".reqnctapercluster") std::copy(std::begin(values), std::end(values), function.cluster);
    if (word == ".maxnreg") function.max_registers = values[0];
    if (word == ".maxntid" || word == ".reqntid") function.max_threads = static_cast<std::uint32_t>(std::min<std::uint64_t>(product, 1024));
  }
}

}  // namespace

Expected<Module> parse(std::string text) {
  Module module;
  module.text = std::make_shared<const std::string>(std::move(text));
  Cursor cursor(lex(*module.text));
  ModuleParser(cursor, module).run();
  if (!cursor.status().ok()) return cursor.status();
  return module;
}

}  // namespace bsgen::sim::ptx
