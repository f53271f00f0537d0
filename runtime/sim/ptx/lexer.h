// Cuts PTX text into tokens. Never fails on content: what is no token becomes a kBad token, which the parser refuses with its line.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace bsgen::sim::ptx {

enum class TokenKind : std::uint8_t {
  kWord,     // identifiers, registers, labels, directives and opcodes with their modifiers: "%r1", ".reg", "ld.global.v4.f32"
  kInteger,  // value = the bits, 64 bits wide
  kFloat32,  // 0fXXXXXXXX: value = the bits
  kFloat64,  // 0dXXXXXXXXXXXXXXXX or a decimal fraction: value = the bits
  kString,   // text = what stands between the quotes
  kPunct,    // one character
  kBad,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // points into the lexed text
  std::uint64_t value = 0;
  int line = 1;           // counted from 1
};

// The last token is always kEnd. The text must outlive the tokens.
std::vector<Token> lex(std::string_view text);

}  // namespace bsgen::sim::ptx
