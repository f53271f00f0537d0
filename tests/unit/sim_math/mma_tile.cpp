#include "tests/unit/sim_math/mma_tile.h"

#include <fmt/format.h>

#include <bit>

#include "runtime/sim/exec/fp_convert.h"

namespace bsgen::sim {

namespace {

void put(std::uint32_t* reg, const FragmentIndex& at, int width, std::uint32_t bits) {
  const std::uint32_t mask = width == 32 ? ~0u : (1u << width) - 1;
  reg[at.lane] = (reg[at.lane] & ~(mask << (width * at.element))) | (bits & mask)
                                                                        << (width * at.element);
}
std::uint32_t take(const std::uint32_t* reg, const FragmentIndex& at, int width) {
  const std::uint32_t mask = width == 32 ? ~0u : (1u << width) - 1;
  return reg[at.lane] >> (width * at.element) & mask;
}

}  // namespace

int bits_per_element(MmaType type) {
  return format_of(type).bits;
}

float decode_as(MmaType type, std::uint32_t bits) {
  switch (type) {
    case MmaType::kF16:
      return f16_to_f32(static_cast<std::uint16_t>(bits));
    case MmaType::kBf16:
      return bf16_to_f32(static_cast<std::uint16_t>(bits));
    case MmaType::kTf32:
      return f32_of(bits & 0xffffe000u);
    case MmaType::kE4m3:
      return f16_to_f32(e4m3_to_f16(static_cast<std::uint8_t>(bits)));
    case MmaType::kE5m2:
      return f16_to_f32(e5m2_to_f16(static_cast<std::uint8_t>(bits)));
  }
  return 0;
}

std::uint32_t encode_as(MmaType type, float value) {
  switch (type) {
    case MmaType::kF16:
      return f32_to_f16(value);
    case MmaType::kBf16:
      return f32_to_bf16(value);
    case MmaType::kTf32:
      return bits_of(value);
    case MmaType::kE4m3:
      return f32_to_e4m3(value);
    case MmaType::kE5m2:
      return std::isinf(value) ? (value < 0 ? 0xfc : 0x7c) : f32_to_e5m2(value);
  }
  return 0;
}

MmaTile::MmaTile(const MmaShape& shape) : shape_(shape) {}

void MmaTile::set_a(int row, int k, std::uint32_t bits) {
  const FragmentIndex at = a_index(per_register(shape_.a), row, k);
  put(a_[at.reg], at, bits_per_element(shape_.a), bits);
}
void MmaTile::set_b(int k, int n, std::uint32_t bits) {
  const FragmentIndex at = b_index(per_register(shape_.b), k, n);
  put(b_[at.reg], at, bits_per_element(shape_.b), bits);
}
void MmaTile::set_c(int row, int n, std::uint32_t bits) {
  const FragmentIndex at = c_index(shape_.acc, row, n);
  put(c_[at.reg], at, shape_.acc == AccType::kF16 ? 16 : 32, bits);
}
float MmaTile::a(int row, int k) const {
  const FragmentIndex at = a_index(per_register(shape_.a), row, k);
  return decode_as(shape_.a, take(a_[at.reg], at, bits_per_element(shape_.a)));
}
float MmaTile::b(int k, int n) const {
  const FragmentIndex at = b_index(per_register(shape_.b), k, n);
  return decode_as(shape_.b, take(b_[at.reg], at, bits_per_element(shape_.b)));
}
float MmaTile::c(int row, int n) const {
  const FragmentIndex at = c_index(shape_.acc, row, n);
  return shape_.acc == AccType::kF16
             ? f16_to_f32(static_cast<std::uint16_t>(take(c_[at.reg], at, 16)))
             : f32_of(take(c_[at.reg], at, 32));
}
std::uint32_t MmaTile::d_bits(int row, int n) const {
  const FragmentIndex at = c_index(shape_.acc, row, n);
  return take(d_[at.reg], at, shape_.acc == AccType::kF16 ? 16 : 32);
}

void MmaTile::run(Isa isa, const TensorCoreModel& model) {
  const Lanes a[4] = {a_[0], a_[1], a_[2], a_[3]}, b[2] = {b_[0], b_[1]},
              c[4] = {c_[0], c_[1], c_[2], c_[3]};
  const MutableLanes d[4] = {d_[0], d_[1], d_[2], d_[3]};
  mma_function(shape_, isa)(a, b, c, d, model);
}

std::uint32_t MmaTile::expected_bits(int row, int n, const TensorCoreModel& model) const {
  float x[32], y[32], sum = c(row, n);
  const int step = step_of(shape_.a, model, shape_.k);
  for (int k = 0; k < shape_.k; ++k) x[k] = a(row, k), y[k] = b(k, n);
  for (int k = 0; k < shape_.k; k += step) {
    sum = dot_step_mixed(shape_.a, shape_.b, shape_.acc, x + k, y + k, step, sum,
                         fraction_bits_of(shape_.a, model));
  }
  return shape_.acc == AccType::kF16 ? f32_to_f16(sum) : bits_of(sum);
}

std::vector<MmaShape> all_mma_shapes() {
  using enum MmaType;
  std::vector<MmaShape> shapes;
  for (const MmaType type : {kF16, kBf16}) {
    for (const int k : {8, 16}) shapes.push_back({type, type, AccType::kF32, k});
  }
  for (const int k : {8, 16}) shapes.push_back({kF16, kF16, AccType::kF16, k});
  for (const int k : {4, 8}) shapes.push_back({kTf32, kTf32, AccType::kF32, k});
  for (const MmaType a : {kE4m3, kE5m2}) {
    for (const MmaType b : {kE4m3, kE5m2}) shapes.push_back({a, b, AccType::kF32, 32});
  }
  return shapes;
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    if (isa_available(isa)) isas.push_back(isa);
  }
  return isas;
}

std::string describe(const MmaShape& shape) {
  static constexpr const char* kNames[] = {"f16", "bf16", "tf32", "e4m3", "e5m2"};
  return fmt::format("m16n8k{}.{}.{}.{}", shape.k, shape.acc == AccType::kF16 ? "f16" : "f32",
                     kNames[static_cast<int>(shape.a)], kNames[static_cast<int>(shape.b)]);
}

}  // namespace bsgen::sim
