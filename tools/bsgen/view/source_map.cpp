#include "tools/bsgen/view/source_map.h"

#include <charconv>
#include <map>
#include <optional>
#include <tuple>

namespace bsgen::cli {
namespace {

constexpr std::size_t kDeepestChain =
    16;  // inlining is not deeper in our templates; a cycle in hostile text ends here

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

std::optional<int> take_int(std::string_view& text) {
  text = trim(text);
  int value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return value;
}

using Location = std::tuple<int, int, int>;  // file number, line, column as .loc writes them

std::optional<Location> take_location(std::string_view& text) {
  const auto file = take_int(text), line = take_int(text), column = take_int(text);
  if (!file || !line || !column) return std::nullopt;
  return Location(*file, *line, *column);
}

}  // namespace

SourceMap map_ptx(std::string_view ptx) {
  SourceMap map;
  std::map<int, int> file_index;  // .file number -> index into files
  std::map<int, std::string> file_names;
  // PTX ISA, ".loc": one level of inlining per directive; the caller's own directive was written
  // before.
  std::map<Location, std::optional<Location>> callers;
  std::vector<std::optional<Location>> current_of_line;

  std::optional<Location> current;
  for (std::size_t at = 0; at <= ptx.size();) {
    const std::size_t end = std::min(ptx.find('\n', at), ptx.size());
    std::string_view line = trim(ptx.substr(at, end - at));
    at = end + 1;
    bool instruction = false;
    if (line.substr(0, 6) == ".file\t" || line.substr(0, 6) == ".file ") {
      line.remove_prefix(6);
      const auto file = take_int(line);
      const auto open = line.find('"'), close = line.rfind('"');
      if (file && open != std::string_view::npos && close > open)
        file_names[*file] = line.substr(open + 1, close - open - 1);
    } else if (line.substr(0, 5) == ".loc\t" || line.substr(0, 5) == ".loc ") {
      line.remove_prefix(5);
      current = take_location(line);
      if (current) {
        const auto inlined = line.find("inlined_at");
        std::optional<Location> caller;
        if (inlined != std::string_view::npos) {
          line.remove_prefix(inlined + 10);
          caller = take_location(line);
        }
        callers[*current] = caller;
      }
    } else {
      // Braces, labels, directives and comments are nobody's.
      instruction = !line.empty() && line[0] != '.' && line[0] != '$' && line[0] != '{' &&
                    line[0] != '}' && line[0] != '/' && line[0] != ')';
      if (line == "}") current.reset();
    }
    current_of_line.push_back(instruction ? current : std::nullopt);
  }

  for (const auto& [number, name] : file_names) {
    file_index[number] = static_cast<int>(map.files.size());
    map.files.push_back(name);
  }
  std::map<Location, int> chain_of;
  for (const auto& location : current_of_line) {
    if (!location) {
      map.lines.push_back(-1);
      continue;
    }
    const auto [known, fresh] =
        chain_of.try_emplace(*location, static_cast<int>(map.chains.size()));
    if (fresh) {
      SourceMap::Chain chain;
      for (std::optional<Location> place = location; place && chain.size() < kDeepestChain;) {
        const auto [file, line, column] = *place;
        if (const auto index = file_index.find(file); index != file_index.end() && line > 0)
          chain.emplace_back(index->second, line - 1);
        const auto caller = callers.find(*place);
        place = caller == callers.end() ? std::nullopt : caller->second;
      }
      map.chains.push_back(std::move(chain));
    }
    map.lines.push_back(known->second);
  }
  return map;
}

}  // namespace bsgen::cli
