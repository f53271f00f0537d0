// Lexical scopes of a function body. Inline assembly brings its own braces, and NVVM itself shadows registers in them
// ("{ .reg .pred %p1; ... }"), so the same register and label names occur many times in one function.
#pragma once

#include <charconv>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bsgen::sim::ptx {

struct Symbol {
  enum class Kind { kRegister, kVariable, kParameter, kLabel, kBranchTable, kPrototype };
  Kind kind;
  int index;
};

class Scopes {
 public:
  int open() {
    scopes_.push_back({current_, {}, {}});
    return current_ = static_cast<int>(scopes_.size()) - 1;
  }
  void close() { current_ = scopes_[current_].parent; }
  int current() const { return current_; }

  // False where the name is taken in the current scope.
  bool declare(std::string_view name, Symbol symbol) { return scopes_[current_].names.emplace(name, symbol).second; }
  // prefix0 .. prefix(count-1) are registers first, first + 1, ...
  void declare_range(std::string_view prefix, int count, int first) {
    scopes_[current_].ranges.push_back({prefix, count, first});
  }
  const Symbol* find(std::string_view name, int scope) {
    int number = -1;
    const std::string_view prefix = split_number(name, number);
    for (; scope >= 0; scope = scopes_[scope].parent) {
      if (const auto found = scopes_[scope].names.find(name); found != scopes_[scope].names.end()) return &found->second;
      for (const Range& range : scopes_[scope].ranges)
        if (number >= 0 && number < range.count && range.prefix == prefix) {
          from_range_ = {Symbol::Kind::kRegister, range.first + number};
          return &from_range_;
        }
    }
    return nullptr;
  }

 private:
  struct Range {
    std::string_view prefix;
    int count;
    int first;
  };
  struct Scope {
    int parent;
    std::unordered_map<std::string_view, Symbol> names;
    std::vector<Range> ranges;
  };
  // "%r12" -> "%r" and 12; number stays -1 for a name without digits or with a leading zero.
  static std::string_view split_number(std::string_view name, int& number) {
    std::size_t begin = name.size();
    while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') --begin;
    const std::string_view digits = name.substr(begin);
    if (digits.empty() || digits.size() > 9 || (digits.size() > 1 && digits[0] == '0')) return name;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return name.substr(0, begin);
  }

  std::vector<Scope> scopes_;
  int current_ = -1;
  Symbol from_range_{};
};

}  // namespace bsgen::sim::ptx
