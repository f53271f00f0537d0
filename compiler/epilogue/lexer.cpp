#include "compiler/epilogue/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/epilogue/expression.h"

namespace bsgen::epilogue {
namespace {

// Not <cctype>: bytes above 127 and locales have no say here.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

char printable(char c) { return is_space(c) ? ' ' : c > ' ' && c < 127 ? c : '?'; }

Expected<Token> number_token(std::string_view text, std::size_t at) {
  Token token{TokenKind::kNumber, {}, at, 0};
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), token.number);
  if (error == std::errc::result_out_of_range)
    return mistake(text, at, fmt::format("{} is outside the range of fp32, 1.2e-38 to 3.4e38", std::string_view(begin, end)));
  if (error != std::errc()) return mistake(text, at, "expected a number");
  token.text = std::string_view(begin, end);
  if (end != text.data() + text.size() && (is_letter(*end) || *end == '.'))
    return mistake(text, end - text.data(), fmt::format("the number {} goes on with \"{}\"; numbers are decimal, as in 0.5 or 1e-3",
                                                       token.text, printable(*end)));
  return token;
}

}  // namespace

Expected<std::vector<Token>> tokenize(std::string_view text) {
  if (text.size() > kMaxTextBytes)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("epilogue: {} characters, at most {} are read; name parts as operands", text.size(), kMaxTextBytes));
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (is_space(c)) {
      ++at;
      continue;
    }
    Token token{TokenKind::kSymbol, text.substr(at, 1), at, 0};
    if (is_digit(c) || (c == '.' && at + 1 < text.size() && is_digit(text[at + 1]))) {
      BSGEN_ASSIGN(token, number_token(text, at));
    } else if (is_letter(c)) {
      std::size_t end = at;
      while (end < text.size() && (is_letter(text[end]) || is_digit(text[end]))) ++end;
      token.kind = TokenKind::kName;
      token.text = text.substr(at, end - at);
    } else if (std::string_view("+-*/()[],").find(c) == std::string_view::npos) {
      return mistake(text, at, fmt::format("\"{}\" means nothing here; the language has + - * / ( ) [ ] , names and numbers", printable(c)));
    }
    at += token.text.size();
    tokens.push_back(token);
  }
  tokens.push_back({TokenKind::kEnd, {}, text.size(), 0});
  return tokens;
}

Status mistake(std::string_view expression, std::size_t at, std::string_view what) {
  constexpr std::size_t kBefore = 48, kAfter = 32;
  const std::size_t begin = at > kBefore ? at - kBefore : 0;
  const std::size_t end = std::min(expression.size(), at + kAfter);
  std::string shown(expression.substr(begin, end - begin));
  for (char& c : shown) c = printable(c);
  const std::string_view head = begin > 0 ? "..." : "", tail = end < expression.size() ? "..." : "";
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("epilogue: {}\n  {}{}{}\n  {:>{}}", what, head, shown, tail, '^', head.size() + (at - begin) + 1));
}

std::string describe(const Token& token) {
  return token.kind == TokenKind::kEnd ? "the end" : fmt::format("\"{}\"", token.text);
}

}  // namespace bsgen::epilogue
