// Text -> tokens, each with its place, and the message that shows a mistake under a caret.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::epilogue {

enum class TokenKind { kNumber, kName, kSymbol, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;   // a part of the expression
  std::size_t at = 0;      // byte offset
  float number = 0;
  bool is(char symbol) const { return kind == TokenKind::kSymbol && text[0] == symbol; }
};

// Ends with a kEnd token. The tokens point into `text`.
Expected<std::vector<Token>> tokenize(std::string_view text);

// "epilogue: WHAT\n  EXPRESSION\n     ^", a window of a long expression, unprintable bytes as '?'.
Status mistake(std::string_view expression, std::size_t at, std::string_view what);

// The token as a message names it: "name", or `the end`.
std::string describe(const Token& token);

}  // namespace bsgen::epilogue
