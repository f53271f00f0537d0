// Matrices of one mma, to and from the registers of its fragments, for tests.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/sim/exec/tensor_core_tile.h"

namespace bsgen::sim {

// The fragments of one m16n8kK, and the matrices in them as the float32 values they equal.
class MmaTile {
 public:
  explicit MmaTile(const MmaShape& shape);

  // The element's bits in its own format (C: float32 or float16 bits).
  void set_a(int row, int k, std::uint32_t bits);
  void set_b(int k, int n, std::uint32_t bits);
  void set_c(int row, int n, std::uint32_t bits);
  float a(int row, int k) const;
  float b(int k, int n) const;
  float c(int row, int n) const;
  std::uint32_t d_bits(int row, int n) const;  // of the last run

  void run(Isa isa, const TensorCoreModel& model);
  // What the scalar model gives for the same output.
  std::uint32_t expected_bits(int row, int n, const TensorCoreModel& model) const;

  const MmaShape& shape() const { return shape_; }

 private:
  MmaShape shape_;
  alignas(64) std::uint32_t a_[4][32] = {}, b_[2][32] = {}, c_[4][32] = {}, d_[4][32] = {};
};

float decode_as(MmaType type, std::uint32_t bits);
// To nearest even, as a test's generator needs it; a NaN or infinity stays one where the format has
// it.
std::uint32_t encode_as(MmaType type, float value);
int bits_per_element(MmaType type);

// Every combination of types, accumulator and K that PTX has.
std::vector<MmaShape> all_mma_shapes();
// Isa values that this machine has.
std::vector<Isa> available_isas();
std::string describe(const MmaShape& shape);

}  // namespace bsgen::sim
