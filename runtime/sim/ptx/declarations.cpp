#include "runtime/sim/ptx/declarations.h"

#include <algorithm>

namespace bsgen::sim::ptx {

ScalarType parse_type_word(Cursor& cursor) {
  const int line = cursor.now().line;
  const std::string_view word = cursor.word("a type");
  const ScalarType type = word.starts_with('.') ? parse_type(word.substr(1)) : ScalarType::kNone;
  if (type == ScalarType::kNone) cursor.fail_at(line, fmt::format("unknown type {}", word.substr(0, 40)));
  return type;
}

std::uint32_t parse_alignment(Cursor& cursor) {
  if (!cursor.accept(".align")) return 0;
  const auto align = static_cast<std::uint32_t>(cursor.integer("alignment", 4096));
  if (align == 0 || (align & (align - 1)) != 0) cursor.fail(fmt::format("alignment {} is not a power of two", align));
  return align;
}

std::uint64_t parse_extents(Cursor& cursor, bool& unsized) {
  std::uint64_t count = 1;
  while (cursor.accept('[')) {
    if (cursor.accept(']')) {
      unsized = true;
      continue;
    }
    const std::uint64_t extent = cursor.integer("array extent", kMaxVariableBytes);
    count *= extent;
    if (count > kMaxVariableBytes) cursor.fail(fmt::format("array of {} elements, the limit is {} bytes", count, kMaxVariableBytes));
    cursor.expect(']');
  }
  return count;
}

namespace {

// Vector qualifiers of a variable: ".v2", ".v4".
std::uint64_t parse_vector(Cursor& cursor) { return cursor.accept(".v2") ? 2 : cursor.accept(".v4") ? 4 : 1; }

}  // namespace

Variable parse_variable(Cursor& cursor, Space space) {
  Variable variable;
  variable.space = space;
  variable.line = cursor.now().line;
  while (cursor.is(".attribute")) {  // ".attribute(.managed)"
    cursor.advance();
    cursor.expect('(');
    while (!cursor.at_end() && !cursor.accept(')')) cursor.advance();
  }
  const std::uint32_t align = parse_alignment(cursor);
  const std::uint64_t lanes = parse_vector(cursor);
  const ScalarType type = parse_type_word(cursor);
  if (type == ScalarType::kPred) cursor.fail("a variable cannot have type .pred");
  variable.name = cursor.word("a variable name");
  bool unsized = false;
  const std::uint64_t element_bytes = static_cast<std::uint64_t>(size_bytes(type)) * lanes;
  variable.element_bytes = static_cast<std::uint64_t>(size_bytes(type));
  variable.bytes = element_bytes * parse_extents(cursor, unsized);
  if (unsized) variable.bytes = 0;
  if (variable.bytes > kMaxVariableBytes)
    cursor.fail(fmt::format("variable {} has {} bytes, the limit is {}", variable.name, variable.bytes, kMaxVariableBytes));
  variable.align = align != 0 ? align : static_cast<std::uint32_t>(std::max<std::uint64_t>(1, element_bytes));
  return variable;
}

Parameter parse_parameter(Cursor& cursor) {
  Parameter parameter;
  parameter.align = parse_alignment(cursor);
  const ScalarType type = parse_type_word(cursor);
  if (cursor.accept(".ptr")) {  // ".ptr .global .align 16": what the pointer points to
    while (cursor.is(".global") || cursor.is(".shared") || cursor.is(".const") || cursor.is(".local")) cursor.advance();
    parse_alignment(cursor);
  }
  parameter.name = cursor.word("a parameter name");
  bool unsized = false;
  const std::uint64_t bytes = static_cast<std::uint64_t>(size_bytes(type)) * parse_extents(cursor, unsized);
  constexpr std::uint64_t kMaxParameterBytes = 32764;  // PTX ISA, "Kernel function parameters"
  if (unsized || bytes == 0 || bytes > kMaxParameterBytes)
    cursor.fail(fmt::format("parameter {} has {} bytes, between 1 and {} are allowed", parameter.name, bytes, kMaxParameterBytes));
  parameter.bytes = static_cast<std::uint32_t>(bytes);
  if (parameter.align == 0) parameter.align = std::max(1, size_bytes(type));  // of a refused type: 1
  return parameter;
}

std::vector<Parameter> parse_parameter_list(Cursor& cursor) {
  std::vector<Parameter> list;
  if (!cursor.accept('(')) return list;
  if (cursor.accept(')')) return list;
  do {
    if (!cursor.accept(".param")) return cursor.fail(fmt::format("expected .param, found {}", cursor.found())), list;
    list.push_back(parse_parameter(cursor));
    if (list.size() > 4096) return cursor.fail("more than 4096 parameters"), list;
  } while (cursor.accept(','));
  cursor.expect(')');
  return list;
}

}  // namespace bsgen::sim::ptx
