#include "runtime/sim/ptx/source_map.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <tuple>

namespace bsgen::sim::ptx {
namespace {

constexpr std::size_t kDeepestChain = 16;  // inlining is not deeper in our templates

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

// A .loc names one level of inlining; the caller's own .loc was written before (PTX ISA, ".loc"). The same caller's line may itself be
// inlined at several places, so what it stands in is what its last .loc said, not the last in the text.
class Chains {
 public:
  int of(const Location& location, const std::optional<Location>& caller) {
    const int parent = caller ? known(*caller) : -1;
    const auto [found, is_new] = ids_.try_emplace({location, parent}, static_cast<int>(made_.size()));
    if (is_new) {
      std::vector<Location> chain = {location};
      if (parent >= 0) chain.insert(chain.end(), made_[static_cast<std::size_t>(parent)].begin(), made_[static_cast<std::size_t>(parent)].end());
      if (chain.size() > kDeepestChain) chain.resize(kDeepestChain);
      made_.push_back(std::move(chain));
    }
    return last_[location] = found->second;
  }
  const std::vector<std::vector<Location>>& made() const { return made_; }

 private:
  int known(const Location& location) {
    const auto found = last_.find(location);
    return found != last_.end() ? found->second : of(location, std::nullopt);
  }

  std::map<std::pair<Location, int>, int> ids_;
  std::map<Location, int> last_;
  std::vector<std::vector<Location>> made_;
};

}  // namespace

SourceMap map_ptx(std::string_view ptx) {
  SourceMap map;
  std::map<int, std::string> file_names;  // by .file number; they may stand behind the code
  Chains chains;
  int current = -1;
  for (std::size_t at = 0; at <= ptx.size();) {
    const std::size_t end = std::min(ptx.find('\n', at), ptx.size());
    std::string_view line = trim(ptx.substr(at, end - at));
    at = end + 1;
    bool instruction = false;
    if (line.starts_with(".file\t") || line.starts_with(".file ")) {
      line.remove_prefix(6);
      const auto file = take_int(line);
      const auto open = line.find('"'), close = line.rfind('"');
      if (file && open != std::string_view::npos && close > open) file_names[*file] = line.substr(open + 1, close - open - 1);
    } else if (line.starts_with(".loc\t") || line.starts_with(".loc ")) {
      line.remove_prefix(5);
      const std::optional<Location> location = take_location(line);
      std::optional<Location> caller;
      if (const auto inlined = line.find("inlined_at"); inlined != std::string_view::npos) {
        line.remove_prefix(inlined + 10);
        caller = take_location(line);
      }
      current = location ? chains.of(*location, caller) : -1;
    } else {
      // Braces, labels, directives and comments are nobody's.
      instruction = !line.empty() && line[0] != '.' && line[0] != '$' && line[0] != '{' && line[0] != '}' && line[0] != '/' && line[0] != ')';
      if (line == "}") current = -1;
    }
    map.lines.push_back(instruction ? current : -1);
  }

  std::map<int, int> file_index;  // .file number -> index into files
  for (const auto& [number, name] : file_names) {
    file_index[number] = static_cast<int>(map.files.size());
    map.files.push_back(name);
  }
  for (const std::vector<Location>& locations : chains.made()) {
    SourceMap::Chain& chain = map.chains.emplace_back();
    for (const auto& [file, line, column] : locations)
      if (const auto index = file_index.find(file); index != file_index.end() && line > 0) chain.emplace_back(index->second, line - 1);
  }
  return map;
}

}  // namespace bsgen::sim::ptx
