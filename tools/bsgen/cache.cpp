// bsgen cache: what the kernel cache holds, whether it is sound, and making room.
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>

#include "compiler/support/amount.h"
#include "tools/bsgen/cache.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

using runtime::CacheListing;
using runtime::EntryState;
using runtime::Record;

Status wrong(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

std::string age(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 120 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

std::string value_of(const Record& record, std::string_view label) {
  const std::string* value = record.find(label);
  return value ? *value : "";
}

Expected<int> stats(const CacheArguments& arguments) {
  BSGEN_ASSIGN(const CacheStats stats, runtime::cache_stats(arguments.where(), arguments.trust()));
  Json json = arguments.head();
  json.update(Json::parse(to_json(stats)));
  if (arguments.json) {
    BSGEN_TRY(print_json(json));
    return 0;
  }
  std::string text = bold(arguments.where()) + "\n";
  for (const auto& [label, value] : json.items())
    if (value.is_number() && label != "schema") text += fmt::format("  {:<17}{}\n", label, value.get<std::uint64_t>());
  if (stats.compiles > 0) text += "  compiles by time\n";
  for (const Json& part : json["compile_ms"]) {
    if (part["compiles"] == 0) continue;
    const std::string what = part["below_ms"].is_null() ? "longer" : fmt::format("under {} ms", part["below_ms"].get<int>());
    text += fmt::format("    {:<15}{}\n", what, part["compiles"].get<std::uint64_t>());
  }
  BSGEN_TRY(print(text));
  return 0;
}

const char* state_name(EntryState state) {
  switch (state) {
    case EntryState::kSound:
      return "sound";
    case EntryState::kOtherFormat:
      return "other format";
    case EntryState::kDamaged:
      return "damaged";
  }
  return "?";
}

Json item_json(const CacheListing::Item& item) {
  Json json = {{"key", item.key},
               {"state", state_name(item.state)},
               {"bytes", item.bytes},
               {"age_seconds", item.age_seconds}};
  if (!item.why.empty()) json["why"] = item.why;
  for (const auto& [label, value] : item.meta.fields()) json[label] = value;
  return json;
}

Expected<int> list(const CacheArguments& arguments) {
  BSGEN_ASSIGN(const CacheListing listing, runtime::list_cache(arguments.where(), true, arguments.trust()));
  if (arguments.json) {
    Json json = arguments.head();
    json["entries"] = Json::array();
    for (const auto& item : listing.entries) json["entries"].push_back(item_json(item));
    json["quarantined"] = listing.quarantined;
    BSGEN_TRY(print_json(json));
    return 0;
  }
  using Align = TextTable::Align;
  TextTable table({{"key", Align::kLeft},
                   {"entry", Align::kLeft},
                   {"arch", Align::kLeft},
                   {"tier", Align::kLeft},
                   {"block", Align::kLeft},
                   {"bytes", Align::kRight},
                   {"age", Align::kRight},
                   {"state", Align::kLeft}});
  for (const auto& item : listing.entries)
    table.add({item.key.substr(0, 12), value_of(item.meta, "entry"), value_of(item.meta, "arch"),
               value_of(item.meta, "tier"), value_of(item.meta, "block"),
               fmt::format("{}", item.bytes), age(item.age_seconds),
               item.why.empty() ? state_name(item.state)
                                : fmt::format("{}: {}", state_name(item.state), item.why)});
  std::string text = listing.entries.empty() ? "" : table.str();
  text += fmt::format("{} in {}\n",
                      count(static_cast<std::int64_t>(listing.entries.size()), "entry", "entries"),
                      arguments.where());
  for (const std::string& name : listing.quarantined) text += "quarantined: " + name + "\n";
  BSGEN_TRY(print(text));
  return 0;
}

Expected<int> verify(const CacheArguments& arguments) {
  BSGEN_ASSIGN(const CacheListing listing, runtime::list_cache(arguments.where(), true, arguments.trust()));
  std::int64_t counts[3] = {};
  for (const auto& item : listing.entries) ++counts[static_cast<int>(item.state)];
  const std::int64_t damaged = counts[static_cast<int>(EntryState::kDamaged)];
  if (arguments.json) {
    Json json = arguments.head();
    json["entries"] = listing.entries.size();
    json["sound"] = counts[static_cast<int>(EntryState::kSound)];
    json["other_format"] = counts[static_cast<int>(EntryState::kOtherFormat)];
    json["damaged"] = Json::array();
    for (const auto& item : listing.entries)
      if (item.state == EntryState::kDamaged)
        json["damaged"].push_back({{"key", item.key}, {"why", item.why}});
    json["quarantined"] = listing.quarantined;
    json["passed"] = damaged == 0;
    BSGEN_TRY(print_json(json));
    return damaged == 0 ? 0 : 1;
  }
  std::string text;
  for (const auto& item : listing.entries)
    if (item.state == EntryState::kDamaged)
      text += red("damaged") + fmt::format(" {}: {}\n", item.key, item.why);
  for (const std::string& name : listing.quarantined) text += fmt::format("quarantined {}\n", name);
  text +=
      fmt::format("{}: {} sound, {} damaged, {} of another format; {} quarantined\n",
                  count(static_cast<std::int64_t>(listing.entries.size()), "entry", "entries"),
                  counts[static_cast<int>(EntryState::kSound)], damaged,
                  counts[static_cast<int>(EntryState::kOtherFormat)], listing.quarantined.size());
  BSGEN_TRY(print(text));
  return damaged == 0 ? 0 : 1;
}

Status print_removed(const CacheArguments& arguments, const runtime::PruneResult& result) {
  if (arguments.json) {
    Json json = arguments.head();
    json["removed"] = result.removed;
    json["removed_bytes"] = result.removed_bytes;
    json["entries"] = result.kept;
    json["bytes"] = result.kept_bytes;
    return print_json(json);
  }
  return print(fmt::format("{} of {} bytes removed, {} of {} bytes kept in {}\n",
                           count(static_cast<std::int64_t>(result.removed), "entry", "entries"),
                           result.removed_bytes, result.kept, result.kept_bytes,
                           arguments.where()));
}

Expected<int> prune(const CacheArguments& arguments) {
  runtime::PruneLimits limits;
  if (!arguments.max_bytes.empty()) {
    limits.max_bytes = parse_amount(arguments.max_bytes, kByteUnits);
    if (!limits.max_bytes)
      return wrong(
          fmt::format("cache prune: --max-bytes \"{}\" is no size; write 1000000, 64M or 1G",
                      arguments.max_bytes));
  }
  if (!arguments.older_than.empty()) {
    const auto seconds =
        parse_amount(arguments.older_than, {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}});
    if (!seconds)
      return wrong(
          fmt::format("cache prune: --older-than \"{}\" is no age; write 3600, 90m, 12h or 30d",
                      arguments.older_than));
    limits.older_than_seconds = static_cast<std::int64_t>(
        std::min<std::uint64_t>(*seconds, std::numeric_limits<std::int64_t>::max()));
  }
  if (!limits.max_bytes && !limits.older_than_seconds)
    return wrong(
        "cache prune: nothing says what to remove; give --max-bytes or --older-than (or bsgen "
        "cache clear)");
  BSGEN_ASSIGN(const runtime::PruneResult result, runtime::prune_cache(arguments.where(), limits, arguments.trust()));
  BSGEN_TRY(print_removed(arguments, result));
  return 0;
}

Expected<int> clear(const CacheArguments& arguments) {
  BSGEN_ASSIGN(const runtime::PruneResult result, runtime::clear_cache(arguments.where(), arguments.trust()));
  BSGEN_TRY(print_removed(arguments, result));
  return 0;
}

}  // namespace

void add_cache(CLI::App& app, Action& action) {
  auto* cache = app.add_subcommand(
      "cache", "what the kernel cache holds, whether it is sound, and making room");
  cache->require_subcommand(1);
  auto arguments = std::make_shared<CacheArguments>();
  const auto add = [&](const char* name, const char* what,
                       Expected<int> (*run)(const CacheArguments&)) {
    auto* verb = cache->add_subcommand(name, what);
    verb->add_option("--cache-dir", arguments->directory,
                     "the cache; default BSGEN_CACHE_DIR, $XDG_CACHE_HOME/bsgen, ~/.cache/bsgen")
        ->type_name("DIR");
    verb->add_flag("--json", arguments->json, "one JSON object on standard output");
    verb->callback(
        [arguments, run, &action] { action = [arguments, run] { return run(*arguments); }; });
    return verb;
  };
  add("stats", "entries, bytes, and what all processes so far counted", stats);
  add("list", "every entry", list);
  add("verify", "check every entry that could be served; exit status 1 if one is damaged", verify);
  auto* prune_verb = add("prune", "remove the least recently used entries", prune);
  prune_verb
      ->add_option("--max-bytes", arguments->max_bytes, "until so much is left: 1000000, 64M, 1G")
      ->type_name("SIZE");
  prune_verb
      ->add_option("--older-than", arguments->older_than,
                   "those not used for so long: 3600 (seconds), 90m, 12h, 30d")
      ->type_name("AGE");
  auto* explain = add("explain", "the first thing in which two kernels differ, so that one is not served for the other", explain_keys);
  explain->add_option("keys", arguments->keys, "two keys, or the beginnings of them, or files of entries")->type_name("A B")->expected(2)->required();
  auto* pack = add("export", "pack entries into one file", export_cache);
  pack->add_option("keys", arguments->keys, "these only; beginnings of keys will do")->type_name("KEY");
  pack->add_option("-o", arguments->file, "the file; - is standard output")->type_name("FILE")->required();
  auto* unpack = add("import", "take entries over from a file that export wrote", import_cache);
  unpack->add_option("file", arguments->file, "the file; - is standard input")->type_name("FILE")->required();
  add("clear", "remove all entries, the quarantine and the counts", clear);
  cache->footer(
      "\nAn entry is one kernel: PTX, cubin and metadata in one file that verifies itself. A "
      "damaged one is never served: it is moved\n"
      "to quarantine and made anew when it is next asked for.");
}

}  // namespace bsgen::cli
