// A cursor over tokens that remembers the first error. After an error it stands at the end, so every loop of the parser ends.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bsgen/status.h"
#include "runtime/sim/ptx/lexer.h"

namespace bsgen::sim::ptx {

class Cursor {
 public:
  explicit Cursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  bool at_end() const { return now().kind == TokenKind::kEnd; }
  void advance() { at_ += at_ + 1 < tokens_.size(); }

  bool is(char c) const { return now().kind == TokenKind::kPunct && now().text[0] == c; }
  bool is(std::string_view word) const { return now().kind == TokenKind::kWord && now().text == word; }
  template <class T>
  bool accept(T what) {
    const bool found = is(what);
    if (found) advance();
    return found;
  }
  // Cuts `prefix` off the current word, as in ".reg.b16", which means ".reg .b16".
  void cut(std::size_t prefix) { tokens_[at_].text.remove_prefix(prefix); }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}', found {}", c, found()));
  }
  std::string_view word(std::string_view what) {
    if (now().kind != TokenKind::kWord) return fail(fmt::format("expected {}, found {}", what, found())), std::string_view();
    const std::string_view text = now().text;
    advance();
    return text;
  }
  // A non-negative integer of at most `limit`.
  std::uint64_t integer(std::string_view what, std::uint64_t limit) {
    const Token& token = now();
    if (token.kind != TokenKind::kInteger) return fail(fmt::format("expected {}, found {}", what, found())), 0;
    if (token.value > limit) return fail(fmt::format("{} is {}, the limit is {}", what, token.value, limit)), 0;
    advance();
    return token.value;
  }

  void fail(const std::string& message) { fail_at(now().line, message); }
  void fail_at(int line, const std::string& message) {
    if (status_.ok()) status_ = Status(ErrorCode::kInvalidArgument, fmt::format("sim: ptx line {}: {}", line, message));
    at_ = tokens_.size() - 1;
  }
  const Status& status() const { return status_; }
  std::string found() const {
    if (now().kind == TokenKind::kEnd) return "the end of the text";
    return fmt::format("'{}'", now().text.substr(0, 40));
  }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  Status status_;
};

}  // namespace bsgen::sim::ptx
