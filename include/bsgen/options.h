// CompileOptions: what the caller asks of the planner and the compiler. Environment: the one place that reads BSGEN_*.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"

namespace bsgen {

// How much of the layout stands in the generated code (docs/design/plan.md).
enum class Tier : std::uint8_t { kAuto, kStructural, kUnrolled, kConstant, kTable };
std::string_view name(Tier tier);
Expected<Tier> parse_tier(std::string_view text);

struct CompileOptions {
  Tier tier = Tier::kAuto;          // a forced tier overrides the compile budget; one that cannot express the layout is refused
  std::int64_t plan_tokens = 4096;  // what the planner may assume about M; any M runs
  double compile_budget_ms = 250;   // what a tier may cost to compile before a cheaper one is taken
  bool assume_finite = false;       // plans may multiply padding by the caller's data
  bool batch_invariant = false;     // one order of arithmetic over all plans of the layout
  std::string template_dir{};       // device templates from here instead of the embedded ones
  bool operator==(const CompileOptions&) const = default;
};

enum class LogLevel : std::uint8_t { kError, kWarning, kInfo, kDebug };
// Where the library says what it has to say; it never prints by itself. Called from any thread.
using Logger = std::function<void(LogLevel, std::string_view)>;

// The BSGEN_* variables (options.def), checked: an unknown variable or value is an error that lists the valid ones.
struct Environment {
  std::string device = "auto";
  std::string cache_dir;
  std::string bundle;
  bool jit = true;
  std::vector<std::string> cache_read_only;
  std::uint64_t cache_bytes = 1ull << 30;
  bool cache_trust_shared = false;
  std::string cache_server, cache_server_ca, cache_server_key;
  bool cache_server_read_only = false;
  std::string cuda_dir;
  std::string template_dir;
  std::vector<std::string> dump;
  std::string dump_dir = ".";
  LogLevel log = LogLevel::kWarning;
  std::string test_data;

  static Expected<Environment> read();
};

struct EnvironmentVariable {
  std::string_view name, default_value, values, what;
};
std::vector<EnvironmentVariable> environment_variables();  // options.def as data

}  // namespace bsgen
