// One function body: declarations, labels and instructions between braces, scope by scope.
#pragma once

#include "runtime/sim/ptx/cursor.h"
#include "runtime/sim/ptx/ir.h"
#include "runtime/sim/ptx/scope.h"

namespace bsgen::sim::ptx {

class BodyParser {
 public:
  // Reads from behind the opening brace to behind the closing one, into `function`.
  BodyParser(Cursor& cursor, const Module& module, Function& function) : cursor_(cursor), module_(module), function_(function) {}
  void run();

 private:
  void statement();
  void directive();
  void declare_registers();
  void declare_variable(Space space);
  void location();
  void branch_table(std::string_view label);
  void prototype(std::string_view label);
  void instruction();
  Operand operand(int depth);
  Operand number(bool negative);
  Operand named(std::string_view name);
  Operand address(int depth);
  void list(Operand& into, char close, int depth);
  std::int64_t signed_offset();
  void resolve(Operand& operand, int line);
  void declare(std::string_view name, Symbol symbol);

  Cursor& cursor_;
  const Module& module_;
  Function& function_;
  Scopes scopes_;
  SourceLine here_;
  struct PendingTable { int table; int scope; std::vector<std::string_view> labels; int line; };
  std::vector<PendingTable> pending_tables_;
};

}  // namespace bsgen::sim::ptx
