#include "runtime/sim/ptx/ir.h"

#include <array>
#include <utility>

namespace bsgen::sim::ptx {
namespace {

struct TypeRow {
  std::string_view name;
  int bits;
};
constexpr std::array<TypeRow, 27> kTypes = {{
    {"pred", 1}, {"b8", 8}, {"b16", 16}, {"b32", 32}, {"b64", 64}, {"b128", 128}, {"u8", 8}, {"u16", 16},
    {"u32", 32}, {"u64", 64}, {"s8", 8}, {"s16", 16}, {"s32", 32}, {"s64", 64}, {"f16", 16}, {"f16x2", 32},
    {"bf16", 16}, {"bf16x2", 32}, {"tf32", 32}, {"f32", 32}, {"f64", 64}, {"u16x2", 32}, {"s16x2", 32},
    {"f32x2", 64}, {"e4m3x2", 16}, {"e5m2x2", 16}, {"", 0},
}};

}  // namespace

ScalarType parse_type(std::string_view word) {
  for (std::size_t i = 0; i + 1 < kTypes.size(); ++i)
    if (kTypes[i].name == word) return static_cast<ScalarType>(i);
  return ScalarType::kNone;
}
std::string_view name(ScalarType type) { return kTypes[static_cast<std::size_t>(type)].name; }
int size_bits(ScalarType type) { return kTypes[static_cast<std::size_t>(type)].bits; }
bool is_float(ScalarType type) { return type >= ScalarType::kF16 && type <= ScalarType::kF64; }
bool is_signed(ScalarType type) { return type >= ScalarType::kS8 && type <= ScalarType::kS64; }

std::string_view name(Space space) {
  constexpr std::string_view kNames[] = {"generic", "global", "shared", "const", "local", "param"};
  return kNames[static_cast<std::size_t>(space)];
}

std::string Register::full_name() const {
  return number < 0 ? std::string(name) : std::string(name) + std::to_string(number);
}

const Function* Module::find_entry(std::string_view name) const {
  for (const Function& function : functions)
    if (function.is_entry && function.is_defined && function.name == name) return &function;
  return nullptr;
}

}  // namespace bsgen::sim::ptx
