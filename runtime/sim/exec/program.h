// A decoded kernel: one Op per PTX instruction, its operands resolved to byte offsets into the warp's register file.
//
// Register file of a warp: a register of up to 32 bits is 32 lanes x 4 bytes (narrow values in the low bits, zero- or
// sign-extended as the instruction says), a 64-bit one 32 x 8 bytes, a predicate one 32-bit mask. Immediates are broadcast
// registers that nothing writes, so a handler knows only registers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/sim/exec/wgmma_state.h"
#include "runtime/sim/ptx/ir.h"
#include "runtime/sim/sim_device.h"

namespace bsgen::sim {

struct Warp;
struct Op;

// Executes `op` for the lanes of warp.mask, which is never empty.
using Handler = void (*)(Warp& warp, const Op& op);

// What the scheduler itself must know about an instruction; all the rest is its handler's business. kWait: the handler may ask that
// others go first (Warp::gives_way), and that the instruction is executed again then (Warp::repeats).
enum class OpKind : std::uint8_t { kPlain, kBranch, kBranchTable, kExit, kBarrier, kTrap, kWait };

// Which lanes must stand together for the instruction to be legal.
enum class Convergence : std::uint8_t {
  kNone,
  kAligned,     // all 32, none exited (.aligned: ldmatrix, mma, ...)
  kMembers,     // the live lanes of a member mask (shfl.sync, vote.sync, ...), register slot[Op::member_slot]
  kWarp,        // all live lanes (bar.sync)
};

inline constexpr std::uint32_t kNoGuard = ~std::uint32_t{0};
inline constexpr int kMaxSlots = 6;

struct Op {
  Handler handler = nullptr;
  std::uint32_t slot[kMaxSlots] = {};  // byte offsets; what each one means is the handler's convention, [0] is the result
  std::uint32_t guard = kNoGuard;      // byte offset of the guard predicate
  std::uint32_t target = 0;            // branch: index of an Op; table: first entry in Program::extra
  std::uint32_t extra = 0;             // vector operands: Program::extra[extra .. extra + count)
  std::uint32_t index = 0;             // its place in Program::ops, also in a copy
  std::int64_t immediate = 0;          // address offset, mode bits, lookup table: the handler's convention
  const void* function = nullptr;      // mma: the MmaFunction
  OpKind kind = OpKind::kPlain;
  Convergence convergence = Convergence::kNone;
  bool guard_negated = false;
  std::uint8_t count = 0;
  std::uint8_t element_bytes = 0;      // memory: bytes of one element
  std::uint8_t flags = 0;              // the handler's convention
  std::uint8_t member_slot = 0;
};

// Registers that some path reads before it writes them; only running the kernel shows whether a lane takes it (undefined_registers.h).
struct UndefinedTable {
  struct Mention { std::uint32_t index; bool is_written, is_addend; };  // into `names`; is_addend: read where a wgmma's scale-d says so
  struct Watched { Op op; std::vector<Mention> mentions; };  // the op as it was before undefined_watched became its handler
  std::vector<std::string> names;
  std::vector<Watched> watched;                              // in order of op
};

struct Program {
  std::string entry;
  std::vector<Op> ops;                         // the last one is an exit, so that every program counter is valid
  std::vector<ptx::SourceLine> lines;          // one per op
  std::vector<std::string_view> opcodes;       // one per op, for messages; into `text`
  std::vector<std::string_view> files;         // of SourceLine::cuda_file; into `text`
  struct Traits { InstructionClass kind; std::uint32_t flops; };  // of tensor cores, each time that a warp executes it
  std::vector<Traits> traits;                  // one per op, for profiles
  std::vector<std::uint32_t> extra;
  std::vector<std::int64_t> displacements;     // second addresses: cp.async's source
  struct Constant { std::uint32_t offset, bytes; std::uint64_t bits; };  // 4, 128 or 256 bytes
  std::vector<Constant> constants;             // broadcast once into each warp's register file
  struct Undefined { std::uint32_t offset, bytes; };
  std::vector<Undefined> undefined_at_entry;   // read on some path before it is written: zeroed at the start of each cta
  UndefinedTable undefined;                    // those of them that are looked after while the kernel runs
  struct Finding { std::uint32_t op; std::string text; };
  WgmmaTable wgmma;                            // registers that wgmma instructions have in flight
  std::vector<Finding> findings;               // of the decoder: registers that are read and never written before
  // Which registers each instruction names, for what shows them to people. Names point into `text`.
  struct NamedRegister { ptx::Register as_written; std::uint32_t offset; };
  struct Mention { std::uint32_t op, named; bool is_written; };
  std::shared_ptr<const std::string> text;
  std::vector<NamedRegister> registers;
  std::vector<Mention> mentions;               // in order of op
  std::uint32_t register_file_bytes = 0;       // per warp
  std::uint32_t parameter_bytes = 0;
  std::uint32_t static_shared_bytes = 0;       // dynamic shared memory follows, at its alignment
  std::uint32_t dynamic_shared_offset = 0;
  std::uint32_t local_bytes = 0;               // per thread
  struct SharedSymbol { std::uint32_t offset, bytes; std::string name; };
  std::vector<SharedSymbol> shared_symbols;    // static and dynamic ones, for messages
  std::uint32_t cluster[3] = {};               // .reqnctapercluster; 0 = none
  std::uint32_t max_threads = 0;               // 0 = not given
  std::uint32_t max_registers = 0;             // .maxnreg; 0 = not given
  bool uses_async = false;                     // mbarriers, the async proxy or clusters: checked by a shadow of their own
  bool ordered_ctas = false;                   // ctas may meet in global memory (atomics, flags): results depend on their order
  bool orders_memory = false;                  // has acquire or release accesses, or fences
  // Where addresses that the kernel writes to in global memory may come from: nothing else can be written.
  struct Written {
    bool anything = false;                     // from 8-byte values in memory, which may be any pointer
    bool variables = false;                    // module variables
    std::vector<std::uint32_t> parameters;     // 8-byte words at these offsets: pointers, or where a tensor map begins
  } written;
};

}  // namespace bsgen::sim
