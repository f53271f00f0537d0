#include "runtime/sim/check/finding_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>

#include "runtime/sim/ptx/source_map.h"

namespace bsgen::sim {
namespace {

constexpr int kNear = 12;         // PTX lines between copies of an instruction, where that is all there is to go by
constexpr std::size_t kShown = 16;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_of_a_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '.'; }

// The text of an instruction's operands; empty for an instruction that the text has not.
std::string_view operands_of(const Program& program, std::uint32_t op) {
  const std::string_view text = *program.text, opcode = program.opcodes[op];
  const std::less<const char*> before;
  if (before(opcode.data(), text.data()) || !before(opcode.data(), text.data() + text.size())) return {};
  const std::size_t from = static_cast<std::size_t>(opcode.data() - text.data()) + opcode.size();
  return text.substr(from, text.find(';', from) - from);
}

// Which operand names the register: the last of them, since what is read stands behind what is written. -1 where none does.
int operand_that_names(std::string_view operands, std::string_view name) {
  int which = 0, depth = 0, last = -1;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const char c = operands[i];
    depth += (c == '{' || c == '[' || c == '(') - (c == '}' || c == ']' || c == ')');
    which += c == ',' && depth == 0;
    const std::size_t end = i + name.size();
    if (operands.substr(i, name.size()) == name && (end == operands.size() || !is_of_a_name(operands[end]))) last = which;
  }
  return last;
}

// The message without what differs between copies of one instruction: numbers, the registers' names, the lines' numbers.
std::string pattern_of(const Program& program, const ptx::SourceMap& map, const FoundAt& found) {
  static constexpr std::string_view kLine = "ptx line ";
  const std::string_view message = found.message;
  std::string pattern;
  for (std::size_t i = 0; i < message.size();) {
    std::size_t end = i + 1;
    const auto take_name = [&] {
      while (end < message.size() && is_of_a_name(message[end])) ++end;
    };
    if (message.substr(i, kLine.size()) == kLine) {
      end = i + kLine.size();
      std::size_t line = 0;
      for (; end < message.size() && is_digit(message[end]); ++end) line = line * 10 + static_cast<std::size_t>(message[end] - '0');
      pattern += fmt::format("at {}", line > 0 && line <= map.lines.size() ? map.lines[line - 1] : -1);
    } else if (message[i] == '%') {
      take_name();
      pattern += fmt::format("operand {}", operand_that_names(operands_of(program, found.op), message.substr(i, end - i)));
    } else if (is_digit(message[i])) {
      take_name();  // hexadecimal digits too
      pattern += '#';
    } else if (message[i] == '+' && end < message.size() && is_digit(message[end])) {
      take_name();  // "buffer+16" is a place like "buffer"
    } else if (is_of_a_name(message[i])) {
      take_name();
      pattern.append(message, i, end - i);
    } else {
      pattern += message[i];
    }
    i = end;
  }
  return pattern;
}

}  // namespace

std::vector<std::vector<std::size_t>> group_findings(const Program& program, const std::vector<FoundAt>& found) {
  std::vector<std::vector<std::size_t>> groups;
  ptx::SourceMap map;
  if (found.size() > 1) map = ptx::map_ptx(*program.text);
  struct Last { std::size_t group; int ptx_line; };
  std::map<std::string, Last> known;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const int line = program.lines[found[i].op].ptx;
    const int chain = line > 0 && static_cast<std::size_t>(line) <= map.lines.size() ? map.lines[static_cast<std::size_t>(line) - 1] : -1;
    const bool has_source = chain >= 0 && !map.chains[static_cast<std::size_t>(chain)].empty();
    const std::string key = fmt::format("{} {} {} {} {}", static_cast<int>(found[i].severity), found[i].kind, program.opcodes[found[i].op], has_source ? chain : -1,
                                        pattern_of(program, map, found[i]));
    const auto [last, is_new] = known.try_emplace(key, Last{groups.size(), line});
    const bool belongs = !is_new && (has_source || std::abs(line - last->second.ptx_line) <= kNear);
    if (!belongs) {
      last->second.group = groups.size();
      groups.emplace_back();
    }
    last->second.ptx_line = line;
    groups[last->second.group].push_back(i);
  }
  return groups;
}

std::string others_text(const std::vector<int>& other_lines, std::size_t num_others, bool same_cuda_line) {
  std::string numbers;
  for (std::size_t i = 0; i < other_lines.size(); ++i) {
    const bool cut = other_lines.size() > kShown && i == kShown - 1;
    if (cut) i = other_lines.size() - 1;
    numbers += fmt::format("{}{}", i == 0 ? "" : cut ? " ... " : ", ", other_lines[i]);
  }
  return fmt::format(" and {} more {}{} (ptx line{} {})", num_others, num_others == 1 ? "instruction" : "instructions", same_cuda_line ? " of the same line of CUDA" : " like it close by",
                     other_lines.size() == 1 ? "" : "s", numbers);
}

}  // namespace bsgen::sim
