// Typed IR -> Program. Every opcode, modifier and type is known or refused here, before anything executes; nothing is ignored.
//
//   BSGEN_ASSIGN(Program program, decode(module, entry, addresses));
//
// An opcode's decoding reads like its syntax in the PTX ISA: take() consumes the modifiers in order, whatever is left over is an
// error, and operands are checked against the instruction's type. It ends with the handler that executes it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string_view>
#include <vector>

#include "bsgen/status.h"
#include "runtime/sim/exec/program.h"
#include "runtime/sim/ptx/ir.h"

namespace bsgen::sim {

// `addresses[i]` is where module.variables[i] lies (global and const; others are placed by the decoder).
Expected<Program> decode(const ptx::Module& module, const ptx::Function& entry, const std::vector<std::uint64_t>& addresses);

namespace decoding {

enum class Width : std::uint8_t { kPredicate, kWord, kLong };  // 4, 128 and 256 bytes in the register file
Width width_of(ptx::ScalarType type);
std::uint32_t bytes_of(Width width);

// A register, or a constant that is broadcast into one. Before allocation the slots of an Op hold indices of these.
struct Value {
  Width width = Width::kWord;
  bool is_constant = false;
  bool is_sink = false;   // written, never read
  std::uint64_t bits = 0;
};

struct Reference {
  std::uint32_t op;
  std::uint32_t value;
  bool is_definition;
  bool may_be_undefined = false;  // of a use: what it reads need not have been written
};

// What the decoder knows about one function while it makes its ops; also what the register allocator reads.
struct Draft {
  Program program;
  std::vector<Value> values;              // first the function's registers, in order
  std::vector<Reference> references;      // in order of op
  struct SlotUse { std::uint32_t op; std::uint8_t slot; };  // slot kMaxSlots = guard
  std::vector<SlotUse> slots;             // which slots hold a value's index
  std::vector<std::uint32_t> extra_values;  // indices into program.extra that hold a value's index
  std::vector<std::uint32_t> offsets;      // made by the allocator: each value's place in the register file
};

// Replaces value indices by byte offsets: registers whose lives do not overlap share a place. Also finds registers that no path
// writes before they are read.
void allocate_registers(Draft& draft, const ptx::Function& function);

// Finds instructions that could touch registers of an unfinished wgmma, or lack a wgmma.fence, and keeps registers alive until the
// wait (exec/wgmma_state.h). Before allocation.
void watch_wgmma_registers(Draft& draft, const ptx::Function& function);

// Program::written. Before allocation.
void find_written_memory(Draft& draft, const ptx::Function& function);

class Decoder {
 public:
  Decoder(const ptx::Module& module, const ptx::Function& function, const std::vector<std::uint64_t>& addresses);
  Expected<Draft> run();

  // --- for the opcodes -------------------------------------------------------------------------------
  Op& op() { return op_; }
  Program& program() { return draft_.program; }
  const ptx::Module& module() const { return module_; }
  const ptx::Function& function() const { return function_; }
  const ptx::Instruction& instruction() const { return *instruction_; }
  std::size_t num_operands() const { return instruction_->operands.size(); }
  const ptx::Operand& operand(std::size_t i);  // a kNone operand where there is none, which is then refused

  bool take(std::string_view modifier);        // the next modifier, if it is this one
  int take_one_of(std::initializer_list<std::string_view> modifiers);  // its index, or -1
  void require(std::string_view modifier);     // it must come next
  ptx::ScalarType take_type();                 // fails where no type comes
  ptx::ScalarType take_type_of(std::initializer_list<ptx::ScalarType> allowed);
  ptx::Space take_space();                     // kGeneric where none is named
  std::string_view peek() const;               // "" at the end
  void want_operands(std::size_t least, std::size_t most);
  void tensor_flops(std::uint32_t flops) { flops_ = flops; }  // what one execution by a warp issues; profiles count it
  void need_target(int number);                // the instruction exists from sm_<number> on
  void fail(const std::string& message);
  bool failed() const { return !status_.ok(); }

  void source(int slot, const ptx::Operand& operand, ptx::ScalarType type);
  void destination(int slot, const ptx::Operand& operand, ptx::ScalarType type);
  // Registers of a vector operand (or a single one), appended to Program::extra. `wider` lets registers be wider than the type.
  // Returns their common width.
  Width extra(const ptx::Operand& operand, ptx::ScalarType type, std::size_t count, bool is_definition, bool wider = false);
  // The same for a register of 128 bits, which is two values: low half, then high half.
  void halves(const ptx::Operand& operand, bool is_definition);
  // The registers in Program::extra from `first` on, written by this instruction, are read by it too, if only sometimes.
  void reads_too(std::uint32_t first);
  // A register of 32 bits that only this instruction uses.
  void scratch(int slot);
  // The condition code's carry, which is a register of its own.
  void carry(int slot, bool is_definition);
  void constant(int slot, std::uint64_t bits, Width width);
  // Base into `slot` and displacement into op().immediate; true where the base register has 64 bits.
  bool address(int slot, const ptx::Operand& operand, ptx::Space space);
  std::int64_t integer(const ptx::Operand& operand, std::int64_t low, std::int64_t high);  // an immediate in this range
  int label(const ptx::Operand& operand);

 private:
  void place_variables();
  void mark_referenced(const ptx::Operand& operand);
  void decode_one();
  std::uint64_t address_of(const ptx::Operand& operand);
  std::uint32_t value_of(const ptx::Operand& operand, ptx::ScalarType type, bool is_definition, bool wider);
  std::uint32_t constant_value(std::uint64_t bits, Width width);
  void refer(std::uint32_t value, bool is_definition);
  void set_slot(int slot, std::uint32_t value);

  const ptx::Module& module_;
  const ptx::Function& function_;
  const std::vector<std::uint64_t>& addresses_;
  Draft draft_;
  Status status_;
  std::map<std::pair<std::uint64_t, int>, std::uint32_t> constants_;
  std::vector<std::uint64_t> module_shared_, function_variables_;  // addresses in their space
  std::vector<bool> referenced_;                                   // module variables
  std::map<int, std::uint32_t> high_halves_;                       // of registers of 128 bits
  std::uint32_t sinks_[3] = {~0u, ~0u, ~0u};
  std::uint32_t carry_ = ~0u;                                      // its value, once something names it

  const ptx::Instruction* instruction_ = nullptr;
  Op op_;
  std::vector<std::string_view> modifiers_;
  std::size_t next_modifier_ = 0;
  std::uint32_t flops_ = 0;
};

// One function per opcode (the word before the first dot), in decode/*.cpp.
using OpcodeDecoder = void (*)(Decoder&);
OpcodeDecoder find_opcode(std::string_view opcode);
struct OpcodeRow {
  std::string_view name;
  OpcodeDecoder decode;
};
std::vector<OpcodeRow> arithmetic_opcodes();
std::vector<OpcodeRow> bit_opcodes();
std::vector<OpcodeRow> rare_opcodes();
std::vector<OpcodeRow> selection_opcodes();
std::vector<OpcodeRow> mma_opcodes();
std::vector<OpcodeRow> conversion_opcodes();
std::vector<OpcodeRow> memory_opcodes();
std::vector<OpcodeRow> warp_opcodes();
std::vector<OpcodeRow> wgmma_opcodes();
std::vector<OpcodeRow> control_opcodes();
std::vector<OpcodeRow> asynchronous_opcodes();

}  // namespace decoding
}  // namespace bsgen::sim
