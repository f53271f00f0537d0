#include "compiler/nvrtc/log_parser.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace bsgen::nvrtc {
namespace {

using Severity = LogEntry::Severity;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

bool take_number(std::string_view text, int& value) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && rest == text.data() + text.size();
}

struct Word {
  std::string_view text;
  Severity severity;
};
constexpr Word kSeverities[] = {{"catastrophic error", Severity::kError},
                                {"internal error", Severity::kError},
                                {"error", Severity::kError},
                                {"warning", Severity::kWarning},
                                {"remark", Severity::kNote},
                                {"note", Severity::kNote}};

// "error: TEXT", "warning #177-D: TEXT" after the place of a diagnostic.
bool read_severity_and_text(std::string_view rest, LogEntry& entry) {
  rest = trimmed(rest);
  for (const auto& [word, severity] : kSeverities) {
    if (!rest.starts_with(word)) continue;
    const auto colon = rest.find(':', word.size());
    if (colon == std::string_view::npos) return false;
    const std::string_view number = trimmed(rest.substr(word.size(), colon - word.size()));
    if (!number.empty() && number.front() != '#') return false;
    entry.severity = severity;
    entry.text = trimmed(rest.substr(colon + 1));
    return true;
  }
  return false;
}

// "FILE(LINE): error: TEXT", or "nvrtc: error: TEXT" and "Command-line error: TEXT", which name no
// place.
std::optional<LogEntry> read_nvrtc_head(std::string_view line) {
  LogEntry entry;
  if (const auto close = line.find("): "); close != std::string_view::npos) {
    const auto open = line.rfind('(', close);
    if (open != std::string_view::npos && open > 0 &&
        take_number(line.substr(open + 1, close - open - 1), entry.line) &&
        read_severity_and_text(line.substr(close + 2), entry)) {
      entry.file = line.substr(0, open);
      return entry;
    }
  }
  entry.line = 0;
  for (const std::string_view prefix : {"nvrtc: ", "Command-line "})
    if (line.starts_with(prefix) && read_severity_and_text(line.substr(prefix.size()), entry))
      return entry;
  return std::nullopt;
}

}  // namespace

std::vector<LogEntry> parse_nvrtc_log(std::string_view log) {
  std::vector<LogEntry> entries;
  LogEntry* open = nullptr;  // whose source line, caret and context may follow
  while (!log.empty()) {
    const std::string_view line = take_line(log);
    if (auto entry = read_nvrtc_head(line)) {
      entries.push_back(std::move(*entry));
      open = &entries.back();
      continue;
    }
    const std::string_view words = trimmed(line);
    if (words.empty()) {
      open = nullptr;
    } else if (open && words == "^") {
      open->column = static_cast<int>(line.find('^')) - 1;  // NVRTC indents the quoted line by two
      if (open->column < 1) open->column = 1;
    } else if (open && open->column && (words.starts_with("detected ") || !open->context.empty())) {
      open->context.emplace_back(words);
    }
  }
  return entries;
}

std::vector<LogEntry> parse_ptxas_log(std::string_view log) {
  std::vector<LogEntry> entries;
  while (!log.empty()) {
    std::string_view line = take_line(log);
    if (!line.starts_with("ptxas ")) continue;
    line.remove_prefix(6);
    LogEntry entry;
    constexpr std::string_view kPlace = ", line ";
    if (const auto at = line.find(kPlace); at != std::string_view::npos) {
      const auto end = line.find(';', at);
      if (end == std::string_view::npos ||
          !take_number(line.substr(at + kPlace.size(), end - at - kPlace.size()), entry.line))
        continue;
      entry.file = trimmed(line.substr(0, at));
      line.remove_prefix(end + 1);
    }
    const auto colon = line.find(" : ");
    if (colon == std::string_view::npos) continue;
    const std::string_view severity = trimmed(line.substr(0, colon));
    if (severity == "error" || severity == "fatal")
      entry.severity = Severity::kError;
    else if (severity == "warning")
      entry.severity = Severity::kWarning;
    else
      continue;
    entry.text = trimmed(line.substr(colon + 3));
    if (std::find(entries.begin(), entries.end(), entry) == entries.end())
      entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace bsgen::nvrtc
