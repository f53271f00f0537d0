// Test kernels of one warpgroup: two operand tiles go to shared memory by plain stores, wgmma multiplies them, D's registers go out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/sim/exec/tensor_core_wgmma.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {

// Where an operand's elements lie, element by element: rows (of M or N) x k.
struct Tile {
  int rows = 64, depth = 16;  // depth: elements of k in all
  int element_bytes = 2;
  int swizzle = 128;          // bytes of a row of the pattern; 16 = none
  bool mn_major = false;

  std::uint32_t leading() const, stride() const;
  std::uint32_t bytes() const;
  std::uint32_t offset(int row, int k) const;          // of an element, from the tile's start
  std::uint64_t descriptor(std::uint32_t shared_address, int step) const;  // of k step `step`, 32 bytes of k each
};

struct WgmmaCase {
  std::string types = "f32.bf16.bf16";  // dtype.atype.btype
  int n = 64;
  Tile a = {}, b = {};
  int num_steps = 1;
  bool a_from_registers = false;
  bool accumulate = false;      // D starts with given values
  int scale_a = 1, scale_b = 1;
  std::string before_multiply = "wgmma.fence.sync.aligned;\n", after_multiply = "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n";
  Timing timing = Timing::kEarly;
  int num_threads = 128;
  std::string from = "", to = "";  // an edit of the text, where given
};

struct WgmmaRun {
  Launched launched;
  std::vector<std::uint32_t> d;  // register i of thread t at [t * registers + i]
};
// a, b: elements [row][k]; d: what D's registers hold before.
WgmmaRun run_wgmma(const WgmmaCase& what, const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b, const std::vector<std::uint32_t>& d);
std::string wgmma_text(const WgmmaCase& what);
int line_of(const std::string& text, const std::string& part, int which = 0);  // line of the text that holds `part`, the which-th such
int d_registers(const WgmmaCase& what);
// Register (and half of it, for f16) of D(row, column), as the PTX ISA draws it.
struct Place {
  int thread, reg, half;
};
Place place_of_d(const WgmmaCase& what, int row, int column);

}  // namespace bsgen::sim::test
