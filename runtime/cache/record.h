// Record: labelled fields in a fixed order, and the bytes that stand for them. What kernel keys and
// entry metadata are made of.
//
// Every label and value is preceded by its length, so that no two different records have the same
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bsgen::runtime {

class Record {
 public:
  void add(std::string_view label, std::string_view value) { fields_.emplace_back(label, value); }
  void add(std::string_view label, std::int64_t value) { add(label, std::to_string(value)); }

  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }
  const std::string* find(std::string_view label) const;  // the first of that label
  std::int64_t number(std::string_view label, std::int64_t otherwise = 0) const;
  double real(std::string_view label) const;

  std::string bytes()
      const;  // count, then length and bytes of each label and value; 32-bit little-endian
  static std::optional<Record> parse(std::string_view bytes);
  bool operator==(const Record&) const = default;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Little-endian numbers and length-prefixed texts, appended to and taken off the front of a string.
void put_u32(std::string& out, std::uint32_t value);
void put_u64(std::string& out, std::uint64_t value);
void put_text(std::string& out, std::string_view text);
bool take_u32(std::string_view& in, std::uint32_t& value);
bool take_u64(std::string_view& in, std::uint64_t& value);
bool take_text(std::string_view& in, std::string_view& text);

}  // namespace bsgen::runtime
