// The typed form of a PTX module: what the parser makes and the decoder reads.
//
// Names are resolved (scopes, registers, labels, variables); opcodes are still words cut at their dots: what an opcode means is
// known in one place, the decoder. All string_views point into Module::text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bsgen::sim::ptx {

enum class ScalarType : std::uint8_t {
  kPred, kB8, kB16, kB32, kB64, kB128, kU8, kU16, kU32, kU64, kS8, kS16, kS32, kS64,
  kF16, kF16x2, kBf16, kBf16x2, kTf32, kF32, kF64, kU16x2, kS16x2, kF32x2, kE4m3x2, kE5m2x2, kNone,
};
ScalarType parse_type(std::string_view word);  // "f32" without the dot; kNone for anything else
std::string_view name(ScalarType type);
int size_bits(ScalarType type);  // 1 for pred
inline int size_bytes(ScalarType type) { return size_bits(type) / 8; }
bool is_float(ScalarType type);   // f16 .. f64, packed ones included
bool is_signed(ScalarType type);  // s8 .. s64

enum class Space : std::uint8_t { kGeneric, kGlobal, kShared, kConst, kLocal, kParam };
std::string_view name(Space space);

// Where an instruction stands: the line of the PTX text and, with -lineinfo, of the CUDA source (file = index of a .file line).
struct SourceLine {
  int ptx = 0;
  int cuda_file = 0;
  int cuda = 0;
};

struct Register {
  std::string_view name;  // for a range "%r<9>" the prefix
  int number = -1;        // in its range; -1 for a register declared alone
  ScalarType type = ScalarType::kNone;
  std::string full_name() const;
};

// A variable of a state space; `bytes` is exact. An unsized extern array (dynamic shared memory) has bytes 0 and is_extern.
struct Variable {
  std::string_view name;
  Space space = Space::kGlobal;
  std::uint64_t bytes = 0;
  std::uint64_t element_bytes = 1;       // of one array element
  std::uint32_t align = 1;
  bool is_extern = false;
  bool is_initialized = false;           // an initialiser stands in the text; else global memory starts as zero
  std::vector<std::uint8_t> initial;     // from the start; the rest is zero
  struct Pointer { std::uint64_t offset; int variable; std::int64_t addend; bool generic; };
  std::vector<Pointer> pointers;         // 8-byte addresses of other module variables, added when they are placed
  int alias_of = -1;                     // a callee's parameter: the caller's variable that it is (inline_calls.h)
  int line = 0;
};

struct Operand {
  enum class Kind : std::uint8_t {
    kNone,
    kRegister,   // index into Function::registers
    kInteger,    // bits
    kFloat32,    // bits
    kFloat64,    // bits
    kVariable,   // index into Module::variables (module = true) or Function::variables, + offset: its address
    kParameter,  // index into Function::parameters, + offset: its address
    kSpecial,    // %tid.x and its like: text
    kLabel,      // index of an instruction
    kFunction,   // index into Module::functions; anywhere but in a call: its address
    kPrototype,  // index into Function::prototypes
    kAddress,    // [elements[0] + offset], further elements after commas
    kVector,     // {elements}, also a parenthesised list
    kPair,       // elements[0] | elements[1]
    kSink,       // _
    kName,       // an unresolved name: the decoder refuses it
  };
  Kind kind = Kind::kNone;
  bool negated = false;  // "!p"
  bool module = false;
  int index = -1;
  std::int64_t offset = 0;
  std::uint64_t bits = 0;
  std::string_view text;
  std::vector<Operand> elements;
};

struct Instruction {
  std::string_view opcode;               // as written, "ld.global.v4.f32"
  int guard = -1;                        // register of "@p", or -1
  bool guard_negated = false;
  std::vector<Operand> operands;
  SourceLine line;
};

struct Parameter {
  std::string_view name;
  std::uint32_t bytes = 0;
  std::uint32_t align = 1;
  std::uint32_t offset = 0;  // in the parameter block
};

// What a call through a pointer passes and gets (.callprototype): bytes of each.
struct Prototype {
  std::vector<std::uint32_t> results, parameters;
  bool operator==(const Prototype&) const = default;
};

struct Function {
  std::string_view name;
  bool is_entry = false;
  bool is_defined = false;               // false for a declaration
  std::vector<Parameter> parameters;     // of a .func: they lie in its frame, after `results`
  std::uint32_t parameter_bytes = 0;
  std::vector<Parameter> results;
  std::vector<Register> registers;
  std::vector<Variable> variables;       // of the body: .shared, .local and .param
  std::vector<Instruction> body;
  std::vector<std::vector<int>> branch_tables;  // .branchtargets lists, as instruction indices
  std::vector<Prototype> prototypes;
  std::uint32_t cluster[3] = {};         // .reqnctapercluster; 0 = none given
  std::uint32_t max_registers = 0;       // .maxnreg; 0 = none given
  std::uint32_t max_threads = 0;         // .maxntid or .reqntid; 0 = none given
  int line = 0;
};

// Functions have no code in memory; their addresses are no place that could be read, each another one.
constexpr std::uint64_t function_address(int index) { return (std::uint64_t{5} << 40) + 64 * (static_cast<std::uint64_t>(index) + 1); }

struct Module {
  std::shared_ptr<const std::string> text;
  int version_major = 0, version_minor = 0;
  int target = 0;                        // 80 for sm_80
  char target_suffix = '\0';
  std::vector<Variable> variables;
  std::vector<Function> functions;
  std::vector<int> functions_in_memory;  // whose addresses initialisers of variables hold
  std::size_t num_registers = 0;         // of all functions
  std::vector<std::string_view> files;   // by .file index; may have gaps

  const Function* find_entry(std::string_view name) const;
};

}  // namespace bsgen::sim::ptx
