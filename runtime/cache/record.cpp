#include "runtime/cache/record.h"

#include <charconv>
#include <cstdlib>

namespace bsgen::runtime {
namespace {

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <class T>
bool take(std::string_view& in, T& value) {
  if (in.size() < sizeof value) return false;
  value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value |= static_cast<T>(static_cast<unsigned char>(in[i])) << (8 * i);
  in.remove_prefix(sizeof value);
  return true;
}

}  // namespace

void put_u32(std::string& out, std::uint32_t value) {
  put(out, value);
}
void put_u64(std::string& out, std::uint64_t value) {
  put(out, value);
}
void put_text(std::string& out, std::string_view text) {
  put_u32(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}
bool take_u32(std::string_view& in, std::uint32_t& value) {
  return take(in, value);
}
bool take_u64(std::string_view& in, std::uint64_t& value) {
  return take(in, value);
}
bool take_text(std::string_view& in, std::string_view& text) {
  std::uint32_t size = 0;
  if (!take_u32(in, size) || size > in.size()) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

const std::string* Record::find(std::string_view label) const {
  for (const auto& [name, value] : fields_)
    if (name == label) return &value;
  return nullptr;
}

std::int64_t Record::number(std::string_view label, std::int64_t otherwise) const {
  const std::string* text = find(label);
  if (!text) return otherwise;
  std::int64_t value = 0;
  const auto [rest, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() && rest == text->data() + text->size() ? value : otherwise;
}

double Record::real(std::string_view label) const {
  const std::string* text = find(label);
  double value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string Record::bytes() const {
  std::string out;
  put_u32(out, static_cast<std::uint32_t>(fields_.size()));
  for (const auto& [label, value] : fields_) {
    put_text(out, label);
    put_text(out, value);
  }
  return out;
}

std::optional<Record> Record::parse(std::string_view bytes) {
  std::uint32_t count = 0;
  if (!take_u32(bytes, count)) return std::nullopt;
  Record record;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string_view label, value;
    if (!take_text(bytes, label) || !take_text(bytes, value)) return std::nullopt;
    record.add(label, value);
  }
  if (!bytes.empty()) return std::nullopt;
  return record;
}

}  // namespace bsgen::runtime
