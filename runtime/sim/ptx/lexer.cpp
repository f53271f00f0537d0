#include "runtime/sim/ptx/lexer.h"

#include <bit>
#include <charconv>
#include <string>

namespace bsgen::sim::ptx {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
// Opcodes carry their modifiers in the word ("ld.global.f32"), so '.' belongs to it, and "::" as in ".shared::cta".
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '$' || c == '%' || c == '.'; }

bool parse_unsigned(std::string_view digits, int base, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return error == std::errc() && end == digits.data() + digits.size() && !digits.empty();
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) { tokens_.reserve(text.size() / 4 + 1); }

  std::vector<Token> run() {
    while (skip_blank()) {
      const char c = text_[at_];
      if (is_digit(c)) {
        number();
      } else if (is_word(c)) {
        word();
      } else if (c == '"') {
        string();
      } else {
        emit(TokenKind::kPunct, at_, at_ + 1);
      }
    }
    tokens_.push_back({TokenKind::kEnd, {}, 0, line_});
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  // Skips white space and comments; false at the end. NVRTC's text may end in a NUL, which counts as white space.
  bool skip_blank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_, ++at_;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\0') {
        ++at_;
      } else if (c == '/' && peek(1) == '/') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == '/' && peek(1) == '*') {
        at_ += 2;
        while (at_ < text_.size() && !(text_[at_] == '*' && peek(1) == '/')) line_ += text_[at_++] == '\n';
        at_ = at_ < text_.size() ? at_ + 2 : at_;
      } else {
        return true;
      }
    }
    return false;
  }

  void emit(TokenKind kind, std::size_t begin, std::size_t end, std::uint64_t value = 0) {
    tokens_.push_back({kind, text_.substr(begin, end - begin), value, line_});
    at_ = end;
  }

  void word() {
    std::size_t end = at_;
    while (end < text_.size()) {
      if (is_word(text_[end])) {
        ++end;
      } else if (text_[end] == ':' && end + 1 < text_.size() && text_[end + 1] == ':') {
        end += 2;
      } else {
        break;
      }
    }
    emit(TokenKind::kWord, at_, end);
  }

  void string() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\n') ++end;
    if (end >= text_.size() || text_[end] != '"') return emit(TokenKind::kBad, at_, end);
    tokens_.push_back({TokenKind::kString, text_.substr(at_ + 1, end - at_ - 1), 0, line_});
    at_ = end + 1;
  }

  void number() {
    std::size_t end = at_;
    bool fraction = false;
    while (end < text_.size() && (is_digit(text_[end]) || is_letter(text_[end]) || text_[end] == '.')) fraction |= text_[end++] == '.';
    std::string_view digits = text_.substr(at_, end - at_);
    std::uint64_t value = 0;
    if (fraction) {
      double real = 0;
      const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), real);
      const bool good = error == std::errc() && stop == digits.data() + digits.size();
      return emit(good ? TokenKind::kFloat64 : TokenKind::kBad, at_, end, std::bit_cast<std::uint64_t>(real));
    }
    const char mark = digits.size() > 1 && digits[0] == '0' ? digits[1] : '\0';
    if ((mark == 'f' || mark == 'F') && digits.size() == 10 && parse_unsigned(digits.substr(2), 16, value))
      return emit(TokenKind::kFloat32, at_, end, value);
    if ((mark == 'd' || mark == 'D') && digits.size() == 18 && parse_unsigned(digits.substr(2), 16, value))
      return emit(TokenKind::kFloat64, at_, end, value);
    if (digits.ends_with('U')) digits.remove_suffix(1);
    bool good;
    if (mark == 'x' || mark == 'X') {
      good = parse_unsigned(digits.substr(2), 16, value);
    } else if (mark == 'b' || mark == 'B') {
      good = parse_unsigned(digits.substr(2), 2, value);
    } else if (digits.size() > 1 && digits[0] == '0') {
      good = parse_unsigned(digits.substr(1), 8, value);
    } else {
      good = parse_unsigned(digits, 10, value);
    }
    emit(good ? TokenKind::kInteger : TokenKind::kBad, at_, end, value);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view text) { return Lexer(text).run(); }

}  // namespace bsgen::sim::ptx
