// ldmatrix and stmatrix of bytes, and of packed elements of 6 and 4 bits that become bytes (sm_100a, sm_120a).
//
// Conventions of load_matrix and store_matrix (memory_ops.h); Op::element_bytes = ByteMatrixFormat of the rows in shared memory.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

enum ByteMatrixFormat : std::uint8_t {
  kPlainB8,   // 16 bytes
  kPackedB6,  // .b6x16_p32: 12 bytes with 16 elements, 4 that do not matter
  kPackedB4,  // .b4x16_p64: 8 bytes with 16 elements, 8 that do not matter
};

void load_byte_matrix(Warp& warp, const Op& op);    // ldmatrix.m16n16.trans: two registers per matrix
void load_packed_matrix(Warp& warp, const Op& op);  // ldmatrix.m8n16
void store_byte_matrix(Warp& warp, const Op& op);   // stmatrix.m16n8.trans

}  // namespace bsgen::sim
