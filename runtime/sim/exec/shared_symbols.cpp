#include "runtime/sim/exec/shared_symbols.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>

namespace bsgen::sim {

const Program::SharedSymbol* symbol_at(const Program& program, std::uint64_t offset) {
  const Program::SharedSymbol* found = nullptr;
  for (const Program::SharedSymbol& symbol : program.shared_symbols)
    if (offset >= symbol.offset && offset - symbol.offset < symbol.bytes) found = &symbol;
  return found;
}

std::string symbol_text(const Program& program, std::uint64_t offset) {
  const Program::SharedSymbol* symbol = symbol_at(program, offset);
  if (symbol == nullptr) return {};
  return offset == symbol->offset ? symbol->name : fmt::format("{}+{}", symbol->name, offset - symbol->offset);
}

std::string with_symbols(const Program& program, const std::string& message) {
  static constexpr std::string_view kWords = "shared offset ";
  std::string text;
  std::size_t copied = 0;
  for (std::size_t at = 0; (at = message.find(kWords, at)) != std::string::npos;) {
    at += kWords.size();
    std::size_t end = at;
    while (end < message.size() && std::isdigit(static_cast<unsigned char>(message[end])) != 0) ++end;
    text.append(message, copied, end - copied);
    copied = end;
    if (end == at || message.compare(end, 2, " (") == 0) continue;  // a negative offset, or named already
    const std::string symbol = symbol_text(program, std::strtoull(message.c_str() + at, nullptr, 10));
    if (!symbol.empty()) text += fmt::format(" ({})", symbol);
  }
  return text.append(message, copied);
}

}  // namespace bsgen::sim
