// What verbs print for people: aligned tables, headings that are bold on a terminal, numbers with
// their units.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::cli {

using Json = nlohmann::ordered_json;

// A table of text. Columns are as wide as their longest cell; the last one is never padded.
class TextTable {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string str() const;  // each line ends in a newline

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Escape sequences are for a terminal whose user did not ask for none (NO_COLOR, TERM=dumb).
bool standard_output_is_terminal();
std::string bold(const std::string& text);  // plain where standard output is no terminal
std::string green(const std::string& text);
std::string red(const std::string& text);

std::string significant(double value, int digits = 3);                 // "0.0123", "12.3", "1230"
std::string percent(double fraction);                                  // "10.2%"
std::string count(std::int64_t n, const char* one, const char* many);  // "1 block", "12 blocks"

Status print(const std::string& text);  // to standard output
Status print_json(
    const Json& object);  // one object and a newline; bytes that are not UTF-8 are replaced

}  // namespace bsgen::cli
