#include "tools/bsgen/quotes.h"

#include <fmt/format.h>

#include <algorithm>

namespace bsgen::cli {
namespace {

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == std::string_view::npos ? std::string() : std::string(text.substr(first, last - first + 1));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

bool ends_with_path(std::string_view path, std::string_view name) {
  return path.ends_with(name) && (path.size() == name.size() || path[path.size() - name.size() - 1] == '/');
}

bool wraps_an_instruction(std::string_view file) { return file.starts_with("bsgen/ptx/") || file.starts_with("bsgen/common/"); }

}  // namespace

Quotes::Quotes(std::string ptx, const codegen::KernelSource& source)
    : ptx_(std::move(ptx)), ptx_lines_(lines_of(ptx_)), map_(sim::ptx::map_ptx(ptx_)) {
  for (const std::string& file : map_.files) {
    const std::string* text = nullptr;
    std::string name = file.substr(file.rfind('/') + 1);
    if (ends_with_path(file, source.name)) {
      text = &source.cuda;
      name = source.name;
    }
    for (const auto& [header, contents] : source.headers)
      if (text == nullptr && ends_with_path(file, header)) text = &contents, name = header;
    names_.push_back(name);
    auto& lines = file_lines_.emplace_back();
    if (text != nullptr)
      for (std::string_view line : lines_of(*text)) lines.push_back(trimmed(line));
  }
}

std::string Quotes::ptx_line(int line) const {
  return line < 1 || static_cast<std::size_t>(line) > ptx_lines_.size() ? std::string()
                                                                        : trimmed(ptx_lines_[static_cast<std::size_t>(line) - 1]);
}

std::vector<Quotes::Place> Quotes::cuda_places(int ptx_line) const {
  std::vector<Place> places;
  if (ptx_line < 1 || static_cast<std::size_t>(ptx_line) > map_.lines.size() || map_.lines[static_cast<std::size_t>(ptx_line) - 1] < 0)
    return places;
  for (const auto& [file, line] : map_.chains[static_cast<std::size_t>(map_.lines[static_cast<std::size_t>(ptx_line) - 1])]) {
    const auto& lines = file_lines_[static_cast<std::size_t>(file)];
    const auto index = static_cast<std::size_t>(line);  // from 0
    places.push_back({names_[static_cast<std::size_t>(file)], line + 1, index < lines.size() ? lines[index] : std::string()});
  }
  return places;
}

Quotes::Place Quotes::telling_place(int ptx_line) const {
  const std::vector<Place> places = cuda_places(ptx_line);
  if (places.empty()) return {};
  const auto found = std::find_if(places.begin(), places.end(), [](const Place& place) { return !wraps_an_instruction(place.file); });
  return found == places.end() ? places.front() : *found;
}

std::string quote(const Quotes& quotes, int ptx_line, const std::string& indent) {
  constexpr std::size_t kWidest = 100, kDeepest = 4;
  struct Row {
    int line;
    std::string text, file;
  };
  std::vector<Row> rows;
  if (ptx_line > 0) rows.push_back({ptx_line, quotes.ptx_line(ptx_line), "ptx"});
  for (const Quotes::Place& place : quotes.cuda_places(ptx_line))
    if (rows.size() <= kDeepest) rows.push_back({place.line, place.text, place.file});
  std::size_t width = 0;
  for (Row& row : rows) {
    if (row.text.size() > kWidest) row.text = row.text.substr(0, kWidest - 3) + "...";
    width = std::max(width, row.text.size());
  }
  std::string text;
  for (const Row& row : rows) text += fmt::format("{}{:>5} | {:<{}}  {}\n", indent, row.line, row.text, width, row.file);
  return text;
}

}  // namespace bsgen::cli
