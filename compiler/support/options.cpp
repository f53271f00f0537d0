#include "bsgen/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "compiler/support/amount.h"

extern char** environ;

namespace bsgen {

std::string_view name(Tier tier) {
  switch (tier) {
    case Tier::kAuto: return "auto";
    case Tier::kStructural: return "structural";
    case Tier::kUnrolled: return "unrolled";
    case Tier::kConstant: return "constant";
    case Tier::kTable: return "table";
  }
  return "?";
}

Expected<Tier> parse_tier(std::string_view text) {
  for (Tier tier : {Tier::kAuto, Tier::kStructural, Tier::kUnrolled, Tier::kConstant, Tier::kTable})
    if (text == name(tier)) return tier;
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("tier: \"{}\" is none of auto, structural, unrolled, constant, table", text));
}

std::vector<EnvironmentVariable> environment_variables() {
  return {
#define BSGEN_VARIABLE(name, default_value, values, what) {#name, default_value, values, what},
#include "bsgen/options.def"
#undef BSGEN_VARIABLE
  };
}

namespace {

Status refuse(std::string_view variable, std::string_view value, std::string_view valid) {
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("environment: {}=\"{}\" is not valid; it takes {}", variable, value, valid));
}

Expected<std::vector<std::string>> parse_dump(std::string_view text) {
  const std::vector<std::string> stages = {"layout", "profile", "plan", "cuda", "ptx", "cubin"};
  if (text == "all") return stages;
  std::vector<std::string> dump;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string stage(text.substr(0, comma));
    if (std::find(stages.begin(), stages.end(), stage) == stages.end())
      return refuse("BSGEN_DUMP", stage, "layout,profile,plan,cuda,ptx,cubin or all");
    dump.push_back(stage);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return dump;
}

Expected<bool> parse_switch(std::string_view variable, std::string_view text) {
  if (text == "on") return true;
  if (text == "off") return false;
  return refuse(variable, text, "on|off");
}

Expected<LogLevel> parse_log(std::string_view text) {
  if (text == "error") return LogLevel::kError;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "info") return LogLevel::kInfo;
  if (text == "debug") return LogLevel::kDebug;
  return refuse("BSGEN_LOG", text, "error|warning|info|debug");
}

// One of two words: whether it is the second.
Expected<bool> parse_choice(const char* variable, const std::string& text, const char* first, const char* second) {
  if (text == first || text == second) return text == second;
  return refuse(variable, text, fmt::format("{}|{}", first, second));
}

// Folders between colons; relative ones stay what they were when the working directory changes.
std::vector<std::string> parse_folders(std::string_view text) {
  std::vector<std::string> folders;
  while (!text.empty()) {
    const auto colon = text.find(':');
    std::error_code error;
    const std::filesystem::path path = std::filesystem::absolute(text.substr(0, colon), error).lexically_normal();
    if (colon != 0 && !error) folders.push_back(path.string());
    text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  }
  return folders;
}

}  // namespace

Expected<Environment> Environment::read() {
  const auto variables = environment_variables();
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    if (text.substr(0, 6) != "BSGEN_") continue;
    const std::string_view variable = text.substr(0, text.find('='));
    if (std::none_of(variables.begin(), variables.end(), [&](const auto& v) { return v.name == variable; })) {
      std::string known;
      for (const auto& v : variables) known += (known.empty() ? "" : ", ") + std::string(v.name);
      return Status(ErrorCode::kInvalidArgument, fmt::format("environment: {} is not a variable of bsgen; there are {}", variable, known));
    }
  }
  const auto get = [](const char* variable, const char* fallback) {
    const char* value = std::getenv(variable);
    return std::string(value && *value ? value : fallback);
  };
  Environment environment;
  environment.device = get("BSGEN_DEVICE", "auto");
  environment.cache_dir = get("BSGEN_CACHE_DIR", "");
  environment.bundle = get("BSGEN_BUNDLE", "");
  BSGEN_ASSIGN(environment.jit, parse_switch("BSGEN_JIT", get("BSGEN_JIT", "on")));
  environment.cuda_dir = get("BSGEN_CUDA_DIR", "");
  environment.template_dir = get("BSGEN_TEMPLATE_DIR", "");
  environment.dump_dir = get("BSGEN_DUMP_DIR", ".");
  environment.test_data = get("BSGEN_TEST_DATA", "");
  environment.cache_read_only = parse_folders(get("BSGEN_CACHE_READ_ONLY", ""));
  const std::string size = get("BSGEN_CACHE_SIZE", "1G");
  const auto bytes = parse_amount(size, kByteUnits);
  if (!bytes) return refuse("BSGEN_CACHE_SIZE", size, "bytes, or a number with K, M or G");
  environment.cache_bytes = *bytes;
  BSGEN_ASSIGN(environment.cache_trust_shared, parse_choice("BSGEN_CACHE_TRUST", get("BSGEN_CACHE_TRUST", "own"), "own", "shared"));
  environment.cache_server = get("BSGEN_CACHE_SERVER", "");
  environment.cache_server_ca = get("BSGEN_CACHE_SERVER_CA", "");
  environment.cache_server_key = get("BSGEN_CACHE_SERVER_KEY", "");
  BSGEN_ASSIGN(environment.cache_server_read_only,
               parse_choice("BSGEN_CACHE_SERVER_MODE", get("BSGEN_CACHE_SERVER_MODE", "read-write"), "read-write", "read-only"));
  BSGEN_ASSIGN(environment.dump, parse_dump(get("BSGEN_DUMP", "")));
  BSGEN_ASSIGN(environment.log, parse_log(get("BSGEN_LOG", "warning")));
  return environment;
}

}  // namespace bsgen
