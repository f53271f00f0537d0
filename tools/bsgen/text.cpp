#include "tools/bsgen/text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "tools/bsgen/cli.h"

namespace bsgen::cli {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 take no column.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string coloured(const char* code, const std::string& text) {
  return standard_output_is_terminal() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

}  // namespace

std::string TextTable::str() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t widest = width(columns_[c].title);
    for (const auto& row : rows_) widest = std::max(widest, width(row[c]));
    widths.push_back(widest);
  }
  const auto line = [&](const auto& cell) {
    std::string text;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string& content = cell(c);
      const std::string space(widths[c] - width(content), ' ');
      if (c) text += "  ";
      if (columns_[c].align == Align::kRight)
        text += space + content;
      else
        text += c + 1 < columns_.size() ? content + space : content;
    }
    return text.erase(text.find_last_not_of(' ') + 1);
  };
  std::string text =
      bold(line([&](std::size_t c) -> const std::string& { return columns_[c].title; })) + "\n";
  for (const auto& row : rows_)
    text += line([&](std::size_t c) -> const std::string& { return row[c]; }) + "\n";
  return text;
}

bool standard_output_is_terminal() {
  static const bool terminal = [] {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && kind &&
           std::string_view(kind) != "dumb";
  }();
  return terminal;
}

std::string bold(const std::string& text) {
  return coloured("1", text);
}
std::string green(const std::string& text) {
  return coloured("32", text);
}
std::string red(const std::string& text) {
  return coloured("31", text);
}

std::string significant(double value, int digits) {
  if (value == 0) return "0";
  if (!std::isfinite(value)) return value > 0 ? "inf" : value < 0 ? "-inf" : "nan";
  const int before = static_cast<int>(std::floor(std::log10(std::fabs(value)))) + 1;
  return fmt::format("{:.{}f}", value, std::max(0, digits - before));
}

std::string percent(double fraction) {
  return fmt::format("{}%", significant(100 * fraction));
}

std::string count(std::int64_t n, const char* one, const char* many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

Status print(const std::string& text) {
  return write_output("-", text);
}

Status print_json(const Json& object) {
  return print(object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace bsgen::cli
