// Loads, stores, atomics and asynchronous copies. Every access is checked (bounds, alignment, value present) and counted.
//
// Convention: slot[1] = base address register, Op::immediate = displacement, Op::extra = the data registers (count of them, each of
// element_bytes), flags below.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

enum MemoryFlags : std::uint8_t {
  kAddress64 = 1,     // the base register has 64 bits
  kSigned = 2,        // narrow loads extend the sign
  kWideRegisters = 4, // data registers have 64 bits
  kReadOnly = 16,     // ld.global.nc
};

Handler load_handler(ptx::Space space);
Handler store_handler(ptx::Space space);   // global, shared, local, generic

// cp.async: slot[1] = shared address, immediate = its displacement; slot[2] = global address, Op::target = index of an int64
// displacement in Program::displacements; slot[3] = source size register (kWord); element_bytes = size.
void copy_async(Warp& warp, const Op& op);
// With ignore-src: where predicate slot[4] is true (false with count = 1) the source is ignored and zeros land; slot[3] is scratch.
void copy_async_ignoring(Warp& warp, const Op& op);
void copy_async_commit(Warp& warp, const Op& op);
// immediate = groups that may stay pending; -1 = wait_all.
void copy_async_wait(Warp& warp, const Op& op);

// Copies that a thread has not waited for when it ends.
void check_copies_at_exit(Warp& warp);
// Moves the data of these lanes' copies that are still under way; the threads have not waited for them by that.
void land_copies(Warp& warp, std::uint32_t lanes);

enum class AtomicOp : std::uint8_t { kAdd, kMin, kMax, kInc, kDec, kAnd, kOr, kXor, kExch, kCas };
// slot[0] = d (a sink for red), slot[2] = b, slot[3] = c (cas); of 128 bits extra = halves of d, b and c. nullptr where the combination does not exist.
Handler atomic_handler(AtomicOp op, ptx::ScalarType type, ptx::Space space);

// Vectors of `count` values of element_bytes: extra = sources, then results; target = the mode.
std::uint32_t vector_atomic_mode(AtomicOp op, ptx::ScalarType type, bool returns);
void atomic_vector(Warp& warp, const Op& op);

// ldmatrix and stmatrix: slot[1] = row addresses, extra = registers, flags: kAddress64, kTransposed.
enum : std::uint8_t { kTransposed = 8 };
void load_matrix(Warp& warp, const Op& op);
void store_matrix(Warp& warp, const Op& op);

// discard: the 128 bytes at each address hold nothing afterwards.
void discard_lines(Warp& warp, const Op& op);
// A prefetch: nothing moves, nothing is checked.
void no_operation(Warp& warp, const Op& op);
void set_zero64(Warp& warp, const Op& op);  // slot[0] = 0

}  // namespace bsgen::sim
