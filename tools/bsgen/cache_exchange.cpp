// bsgen cache explain, export, import: why two kernels are two, and caches carried elsewhere.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include "runtime/cache/cache_exchange.h"
#include "tools/bsgen/cache.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {

Expected<int> explain_keys(const CacheArguments& arguments) {
  const auto read = [&](const std::string& name) { return runtime::read_named_entry(arguments.where(), name, arguments.trust()); };
  BSGEN_ASSIGN(const runtime::Entry first, read(arguments.keys.front()));
  BSGEN_ASSIGN(const runtime::Entry second, read(arguments.keys.back()));
  const auto difference = runtime::first_difference(first.key, second.key);
  if (arguments.json) {
    Json json = arguments.head();
    json["equal"] = !difference;
    if (difference) {
      json["field"] = difference->field;
      json["a"] = difference->first;
      json["b"] = difference->second;
    }
    BSGEN_TRY(print_json(json));
    return 0;
  }
  BSGEN_TRY(print(difference ? fmt::format("the first difference is {}\n  {}\n  {}\n", bold(difference->field), difference->first, difference->second)
                             : std::string("the keys are equal\n")));
  return 0;
}

Expected<int> export_cache(const CacheArguments& arguments) {
  BSGEN_ASSIGN(const std::string pack, runtime::pack_cache(arguments.where(), arguments.keys, arguments.trust()));
  BSGEN_TRY(write_output(arguments.file, pack, true));
  return 0;
}

Expected<int> import_cache(const CacheArguments& arguments) {
  std::ostringstream pack;
  if (arguments.file == "-") {
    pack << std::cin.rdbuf();
  } else {
    std::ifstream file(arguments.file, std::ios::binary);
    if (!file) return Status(ErrorCode::kInvalidArgument, fmt::format("cache import: {} cannot be opened", arguments.file));
    pack << file.rdbuf();
  }
  BSGEN_ASSIGN(const runtime::ImportResult result,
               runtime::unpack_cache(arguments.where(), pack.str(), environment().cache_bytes, arguments.trust()));
  if (arguments.json) {
    Json json = arguments.head();
    json["added"] = result.added;
    json["added_bytes"] = result.added_bytes;
    json["already_there"] = result.already_there;
    BSGEN_TRY(print_json(json));
    return 0;
  }
  BSGEN_TRY(print(fmt::format("{} of {} bytes added to {}, {} already there\n", count(static_cast<std::int64_t>(result.added), "entry", "entries"),
                              result.added_bytes, arguments.where(), result.already_there)));
  return 0;
}

}  // namespace bsgen::cli
