#include "compiler/layout/generator_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <vector>

#include "compiler/layout/layout_data.h"
#include "compiler/layout/scanner.h"
#include "compiler/support/nearest.h"

namespace bsgen::layout {
namespace {

enum class KeyType { kInteger, kOdd, kFraction, kSeed, kHex };
struct Key {
  std::string_view name;
  KeyType type;
  std::int64_t low = 0;             // smallest integer allowed
  std::string_view standard = {};  // text used when the key is not given; empty = it must be
};

constexpr std::array<std::string_view, 13> kNames{
    "random", "banded", "blockdiag", "causal", "strided", "butterfly",
    "bigbird", "longformer", "smallworld", "scalefree", "full", "empty", "bits"};

std::vector<Key> keys_of(Generator generator) {
  const Key seed{"seed", KeyType::kSeed}, window{"window", KeyType::kOdd, 1}, global{"global", KeyType::kInteger, 0};
  switch (generator) {
    case Generator::kRandom: return {{"density", KeyType::kFraction}, seed};
    case Generator::kBanded: return {{"width", KeyType::kOdd, 1}};
    case Generator::kBlockdiag: return {{"size", KeyType::kInteger, 1}};
    case Generator::kStrided: return {{"stride", KeyType::kInteger, 1}};
    case Generator::kBigbird: return {window, global, {"random", KeyType::kInteger, 0}, seed};
    case Generator::kLongformer: return {window, global};
    case Generator::kSmallworld:
      return {{"degree", KeyType::kInteger, 0}, {"rewire", KeyType::kFraction, 0, "0.1"}, seed};
    case Generator::kScalefree: return {{"edges", KeyType::kInteger, 1}, seed};
    case Generator::kBits: return {{"hex", KeyType::kHex}, {"heads", KeyType::kInteger, 1, "1"}};
    case Generator::kCausal:
    case Generator::kButterfly:
    case Generator::kFull:
    case Generator::kEmpty: return {};
  }
  return {};
}

Status invalid(std::string message) {
  return Status(ErrorCode::kInvalidArgument, "mask: generator " + std::move(message));
}

std::string list_keys(std::string_view name, const std::vector<Key>& keys) {
  if (keys.empty()) return fmt::format("{} has no keys", name);
  std::string list = fmt::format("the keys of {} are", name);
  for (std::size_t k = 0; k < keys.size(); ++k)
    list += fmt::format("{} {}{}", k == 0 ? "" : ",", keys[k].name,
                        keys[k].type == KeyType::kSeed ? fmt::format(" (optional)")
                        : keys[k].standard.empty()     ? ""
                                                       : fmt::format(" ({} if not given)", keys[k].standard));
  return list;
}

// "ROWSxCOLS"
bool parse_grid(std::string_view text, std::int64_t& rows, std::int64_t& cols) {
  const std::size_t cross = text.find('x');
  return cross != std::string_view::npos && parse_integer(text.substr(0, cross), rows) &&
         parse_integer(text.substr(cross + 1), cols);
}

Status set_value(GeneratorSpec& spec, std::string_view generator, const Key& key, std::string_view text) {
  const auto refuse = [&](std::string_view wanted) {
    return invalid(fmt::format("{}: {} is \"{}\", give {}", generator, key.name, excerpt(text), wanted));
  };
  const char* end = text.data() + text.size();
  switch (key.type) {
    case KeyType::kSeed: {
      const auto [rest, error] = std::from_chars(text.data(), end, spec.seed);
      if (error != std::errc() || rest != end) return refuse("an integer from 0 to 2^64 - 1");
      return {};
    }
    case KeyType::kFraction: {
      const auto [rest, error] = std::from_chars(text.data(), end, spec.fraction);
      if (error != std::errc() || rest != end || !(spec.fraction >= 0 && spec.fraction <= 1))
        return refuse("a fraction from 0 to 1");
      spec.fraction += 0.0;  // -0 is 0
      return {};
    }
    case KeyType::kHex:
      if (text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return refuse("digits from 0 to f");
      spec.hex = text;
      return {};
    case KeyType::kInteger:
    case KeyType::kOdd: {
      std::int64_t value = 0;
      const bool odd = key.type == KeyType::kOdd;
      if (!parse_integer(text, value) || value < key.low || value > kMaxBlocks || (odd && value % 2 == 0))
        return refuse(fmt::format("an {}integer from {} to {}", odd ? "odd " : "", key.low, kMaxBlocks));
      spec.integers[std::string(key.name)] = value;
      return {};
    }
  }
  return {};
}

// What a generator asks of its grid besides being one.
Status check_fit(const GeneratorSpec& spec, std::string_view name) {
  const auto power_of_two = [](std::int64_t n) { return std::has_single_bit(static_cast<std::uint64_t>(n)); };
  switch (spec.generator) {
    case Generator::kButterfly:
      if (!power_of_two(spec.rows) || !power_of_two(spec.cols))
        return invalid(fmt::format("{}: grid of {} x {}, both sides must be powers of two", name, spec.rows, spec.cols));
      return {};
    case Generator::kScalefree:
      if (spec.rows != spec.cols)
        return invalid(fmt::format("{}: grid of {} x {}, it must be square", name, spec.rows, spec.cols));
      if (spec["edges"] >= spec.rows)
        return invalid(fmt::format("{}: edges is {}, a grid of {} x {} allows 1 to {}", name, spec["edges"], spec.rows,
                                   spec.cols, spec.rows - 1));
      return {};
    case Generator::kSmallworld:
      if (spec["degree"] > spec.rows)
        return invalid(fmt::format("{}: degree is {}, a grid of {} rows allows 0 to {}", name, spec["degree"], spec.rows,
                                   spec.rows));
      return {};
    case Generator::kBits: {
      // heads and the grid are each at most 2^31, the product of all three may be more than 64 bits.
      const std::int64_t blocks = spec.rows * spec.cols;
      const std::int64_t digits = spec["heads"] > kMaxBlocks / std::max<std::int64_t>(blocks, 1) ? -1 : (spec["heads"] * blocks + 3) / 4;
      if (static_cast<std::int64_t>(spec.hex.size()) != digits)
        return invalid(fmt::format("{}: hex has {} digits, {} x {} x {} blocks, four a digit, are {}", name, spec.hex.size(), spec["heads"], spec.rows,
                                   spec.cols, digits < 0 ? std::string("more than there may be") : std::to_string(digits)));
      return {};
    }
    default: return {};
  }
}

}  // namespace

std::span<const std::string_view> generator_names() { return kNames; }

Expected<GeneratorSpec> parse_generator(std::string_view text, std::uint64_t default_seed) {
  const auto part = [&text] {
    const std::size_t colon = text.find(':');
    const std::string_view result = text.substr(0, colon);
    text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    return result;
  };
  const std::string_view name = part();
  GeneratorSpec spec;
  spec.seed = default_seed;
  std::size_t index = 0;
  while (index < kNames.size() && kNames[index] != name) ++index;
  if (index == kNames.size())
    return invalid(fmt::format("\"{}\" is unknown; did you mean {}? There are {}", excerpt(name),
                               nearest(name, kNames), fmt::join(kNames, ", ")));
  spec.generator = static_cast<Generator>(index + 1);

  const std::string_view grid = part();
  if (!parse_grid(grid, spec.rows, spec.cols))
    return invalid(fmt::format("{}: grid is \"{}\", give block rows and columns like {}:64x64", name, excerpt(grid), name));
  if (const auto shape = check_shape(1, spec.rows, spec.cols, {1, 1}, {}); !shape)
    return shape.status().with_context(fmt::format("generating {}", name));

  const std::vector<Key> keys = keys_of(spec.generator);
  std::vector<bool> given(keys.size(), false);
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view pair = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    std::size_t k = 0;
    while (k < keys.size() && keys[k].name != key) ++k;
    if (k == keys.size())
      return invalid(fmt::format("{}: unknown key \"{}\"; {}", name, excerpt(key), list_keys(name, keys)));
    if (equals == std::string_view::npos)
      return invalid(fmt::format("{}: {} has no value; write {}=VALUE", name, key, key));
    if (given[k]) return invalid(fmt::format("{}: {} is given twice; give it once", name, key));
    given[k] = true;
    BSGEN_TRY(set_value(spec, name, keys[k], pair.substr(equals + 1)));
  }
  for (std::size_t k = 0; k < keys.size(); ++k) {
    if (given[k] || keys[k].type == KeyType::kSeed) continue;
    if (keys[k].standard.empty())
      return invalid(fmt::format("{}: {} is missing; {}", name, keys[k].name, list_keys(name, keys)));
    BSGEN_TRY(set_value(spec, name, keys[k], keys[k].standard));
  }
  BSGEN_TRY(check_fit(spec, name));
  return spec;
}

}  // namespace bsgen::layout
