// The text that asks for a generated mask, "name:ROWSxCOLS[:key=value,...]", parsed and checked but not yet run.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "bsgen/status.h"

namespace bsgen::layout {

enum class Generator : std::uint32_t {  // the number is the generator's Philox stream: never renumber
  kRandom = 1, kBanded, kBlockdiag, kCausal, kStrided, kButterfly, kBigbird, kLongformer, kSmallworld, kScalefree, kFull, kEmpty,
  kBits,
};

std::span<const std::string_view> generator_names();  // in the order of Generator

struct GeneratorSpec {
  Generator generator{};
  std::int64_t rows = 0, cols = 0;  // blocks
  std::map<std::string, std::int64_t, std::less<>> integers;  // every integer key of the generator
  double fraction = 0;                                        // random: density; smallworld: rewire
  std::uint64_t seed = 0;
  std::string hex;                                            // bits: the grid, row-major, heads outermost, four blocks a digit

  std::int64_t operator[](std::string_view key) const { return integers.find(key)->second; }
};

// `default_seed` stands where the text gives none.
Expected<GeneratorSpec> parse_generator(std::string_view text, std::uint64_t default_seed);

}  // namespace bsgen::layout
