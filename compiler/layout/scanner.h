// Reading text that may be anything: lines with their numbers, tokens, integers, and excerpts that are safe to print.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bsgen/status.h"

namespace bsgen::layout {

// At most 24 characters of what was found, with everything that is not printable ASCII as \xNN.
std::string excerpt(std::string_view text);

// Without blanks (space, tab, carriage return) at either end.
std::string_view trimmed(std::string_view text);

// The whole of `text` as a decimal integer, a leading minus allowed; false for anything else, overflow included.
bool parse_integer(std::string_view text, std::int64_t& value);

// The lines of a text, each without its end and the blanks around it.
class Lines {
 public:
  Lines(std::string_view name, std::string_view text) : name_(name), rest_(text) {}

  bool next(std::string_view& line);  // false at the end
  std::int64_t number() const { return number_; }  // of the last line returned, from 1
  // "mask: NAME line N: WHAT"
  Status error(std::string_view what) const;

 private:
  std::string name_;
  std::string_view rest_;
  std::int64_t number_ = 0;
};

// The words of a line, separated by blanks and commas.
class Tokens {
 public:
  explicit Tokens(std::string_view line) : rest_(line) { skip(); }
  bool done() const { return rest_.empty(); }
  std::string_view next();  // empty at the end

 private:
  void skip();
  std::string_view rest_;
};

// A file is never trusted for more memory than its size accounts for. Every later stage spends some bytes on each block row
// and column, present blocks or not: a side is limited to a million plus one for every byte of the file.
Status check_grid_against_bytes(std::string_view name, std::int64_t block_rows, std::int64_t block_cols, std::size_t bytes);

}  // namespace bsgen::layout
