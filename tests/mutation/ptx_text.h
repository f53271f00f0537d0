// PTX as text with places: what the mutation operators look at. Written apart from the simulated device's parser, so that a mistake
// there cannot hide a mutant, and so that a mutant is the original text with one statement replaced and every line where it was.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bsgen::mutation {

// One instruction.
struct Statement {
  std::size_t begin = 0, end = 0;     // in the text, up to its ';'
  int line = 0;                       // 1-based
  std::string guard;                  // "@%p1", "@!%p1" or empty
  std::string opcode;                 // "cp.async.wait_group"
  std::vector<std::string> operands;  // as written: "[%r1+16]", "{%r1, %r2}", "-4"
  // The CUDA statement and its caller's, from .loc and inlined_at: "ptx::cp_async_wait<0>();". Never the file's name: a statement may
  // move. What the compiler gives no line (line 0) is named by whoever uses its value: "for " and that statement.
  std::string cuda, caller;
  bool generated = false;             // in a function that the code generator wrote, called from there

  bool is(std::string_view prefix) const { return opcode.compare(0, prefix.size(), prefix) == 0; }
  bool has(std::string_view part) const { return opcode.find(part) != std::string::npos; }  // ".acquire"
};

// The predicate of a guard: "%p1" of "@!%p1"; empty without one.
std::string guard_of(const Statement& statement);
// What only moves and combines values.
bool is_arithmetic(const Statement& statement);

class PtxText {
 public:
  // sources: the text of each file that .loc may name ("bsgen/kernels/dds.cuh").
  PtxText(std::string text, const std::map<std::string, std::string>& sources);

  const std::string& text() const { return text_; }
  const std::vector<Statement>& statements() const { return statements_; }
  // The text with statement `index` replaced; empty = removed. Line numbers stay.
  std::string replaced(std::size_t index, std::string_view replacement) const;

  // Registers that an operand names: "{%r1, %r2}" -> %r1, %r2.
  static std::vector<std::string> registers(std::string_view operand);
  // Statements whose effect or value can matter when only `reached` ones are executed.
  std::set<std::size_t> live(const std::set<std::size_t>& reached) const;
  // Every arithmetic statement whose result reaches one of `registers`, through any number of steps; of those in
  // `among`, if given. Loads end the search.
  std::set<std::size_t> slice(const std::set<std::string>& registers, const std::set<std::size_t>* among = nullptr) const;

 private:
  void scan(std::size_t from);
  std::string user_of(std::size_t index) const;

  std::string text_;
  std::vector<Statement> statements_;
};

// "ld.shared.u32 %r, [%r+16]": registers and labels without their numbers, so that the text survives a recompilation.
std::string normalised(const Statement& statement);
// '*' stands for any characters.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace bsgen::mutation
