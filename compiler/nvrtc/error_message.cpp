#include "compiler/nvrtc/error_message.h"

#include <fmt/format.h>

#include <algorithm>

namespace bsgen::nvrtc {
namespace {

constexpr int kLinesAround = 3;
constexpr std::size_t kWidestLine = 160;  // generated tables can be long

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

// NVRTC quotes a line with its tabs as they are, so a caret keeps them to stay below its column.
std::string blank_up_to(std::string_view line, int column) {
  std::string blank(
      line.substr(0, std::min<std::size_t>(line.size(), static_cast<std::size_t>(column - 1))));
  for (char& c : blank)
    if (c != '\t') c = ' ';
  return blank;
}

void append_listing(std::string& message, std::string_view source, const LogEntry& entry) {
  const auto lines = lines_of(source);
  const int count = static_cast<int>(lines.size());
  if (entry.line < 1 || entry.line > count) return;
  const int first = std::max(1, entry.line - kLinesAround),
            last = std::min(count, entry.line + kLinesAround);
  for (int n = first; n <= last; ++n) {
    const std::string_view line = lines[static_cast<std::size_t>(n - 1)];
    const bool cut = line.size() > kWidestLine;
    message += fmt::format("\n  {} {:>5} | {}{}", n == entry.line ? '>' : ' ', n,
                           line.substr(0, kWidestLine), cut ? "..." : "");
    if (n == entry.line && entry.column > 0 &&
        static_cast<std::size_t>(entry.column) <= kWidestLine)
      message += fmt::format("\n          | {}^", blank_up_to(line, entry.column));
  }
}

}  // namespace

std::string error_message(std::string_view headline, const std::vector<LogEntry>& entries,
                          const SourceOf& source_of) {
  std::vector<const LogEntry*> errors;
  for (const LogEntry& entry : entries)
    if (entry.severity == LogEntry::Severity::kError) errors.push_back(&entry);
  std::string message =
      fmt::format("{}: {} error{}", headline, errors.size(), errors.size() == 1 ? "" : "s");
  const int shown = std::min<int>(kMostShown, static_cast<int>(errors.size()));
  for (int i = 0; i < shown; ++i) {
    const LogEntry& entry = *errors[static_cast<std::size_t>(i)];
    message += '\n';
    if (entry.line > 0) message += fmt::format("{}:{}: ", entry.file, entry.line);
    message += "error: " + entry.text;
    append_listing(message, source_of(entry.file), entry);
    for (const std::string& line : entry.context) message += "\n    " + line;
  }
  if (static_cast<int>(errors.size()) > shown)
    message += fmt::format("\nand {} more", static_cast<int>(errors.size()) - shown);
  return message;
}

}  // namespace bsgen::nvrtc
