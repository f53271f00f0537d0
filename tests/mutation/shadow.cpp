#include "tests/mutation/shadow.h"

#include <fmt/format.h>

namespace bsgen::mutation {
namespace {

// "b32" of "%r7"; empty for names that inline code declares.
std::string type_of(const std::string& name) {
  static const std::map<std::string, std::string> kTypes = {{"%r", "b32"}, {"%rd", "b64"}, {"%rs", "b16"}, {"%p", "pred"}, {"%f", "f32"}};
  const auto found = kTypes.find(name.substr(0, name.find_first_of("0123456789")));
  return found == kTypes.end() ? "" : found->second;
}
std::string shadow(const std::string& name) { return name + "_mut"; }

// A statement whose registers of `names` are their shadows.
std::string shadowed(const std::string& text, const std::set<std::string>& names) {
  std::string made;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '%') {
      made += text[i++];
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
    const std::string name = text.substr(i, end - i);
    made += names.count(name) ? shadow(name) : name;
    i = end;
  }
  return made;
}

// Registers that depend on `first` through arithmetic; false where one has no type of its own.
bool followers(const PtxText& text, const std::vector<std::string>& first, std::set<std::string>& found) {
  found.insert(first.begin(), first.end());
  for (bool grown = true; grown;) {
    grown = false;
    for (const Statement& s : text.statements()) {
      if (!is_arithmetic(s) || s.operands.size() < 2) continue;
      bool reads = false;
      for (std::size_t o = 1; o < s.operands.size() && !reads; ++o)
        for (const std::string& name : PtxText::registers(s.operands[o])) reads = reads || found.count(name) > 0;
      if (!reads) continue;
      for (const std::string& name : PtxText::registers(s.operands[0])) grown = found.insert(name).second || grown;
    }
  }
  for (const std::string& name : found)
    if (type_of(name).empty()) return false;
  return true;
}

std::string check(const std::string& name, const Statement& user) {
  const std::string type = type_of(name), other = shadow(name);
  std::string made = type == "pred"  ? fmt::format("xor.pred %mut_differs, {}, {};", name, other)
                     : type == "f32" ? fmt::format("mov.b32 %mut_a, {}; mov.b32 %mut_b, {}; setp.ne.b32 %mut_differs, %mut_a, %mut_b;", name, other)
                                     : fmt::format("setp.ne.{} %mut_differs, {}, {};", type, name, other);
  const std::string guard = guard_of(user);
  if (!guard.empty() && guard != name) made += fmt::format(" @{}{} xor.pred %mut_differs, %mut_differs, %mut_differs;", user.guard[1] == '!' ? "" : "!", guard);
  return made + " @%mut_differs trap; ";
}

}  // namespace

std::string trap_where_uses_differ(const PtxText& text, const Mutant& mutant) {
  const std::vector<Statement>& statements = text.statements();
  const Statement& mutated = statements[mutant.statement];
  if (!is_arithmetic(mutated) || mutated.operands.size() < 2 || !mutated.guard.empty() || mutant.replacement.empty() || mutant.replacement[0] == '{') return "";
  std::set<std::string> names;
  if (!followers(text, PtxText::registers(mutated.operands[0]), names)) return "";
  std::string made, declared = " .reg .pred %mut_differs; .reg .b32 %mut_a, %mut_b;";
  for (const std::string& name : names) declared += fmt::format(" .reg .{} {};", type_of(name), shadow(name));
  std::size_t copied = 0;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const Statement& s = statements[i];
    made += text.text().substr(copied, s.begin - copied);
    copied = s.begin;
    if (i == 0) made += declared + " ";
    const bool arithmetic = is_arithmetic(s);
    std::set<std::string> used, written;
    if (names.count(guard_of(s))) used.insert(guard_of(s));
    for (std::size_t o = 0; o < s.operands.size(); ++o)
      for (const std::string& name : PtxText::registers(s.operands[o])) {
        if (!names.count(name)) continue;
        const bool result = o == 0 && s.operands[o][0] != '[' && !s.is("st") && !s.is("red");
        if (result) written.insert(name);
        if (!arithmetic && (!result || s.is("mma") || s.is("wgmma"))) used.insert(name);
      }
    for (const std::string& name : used) made += check(name, s);
    made += text.text().substr(s.begin, s.end - s.begin) + ";";
    copied = s.end + 1;
    if (written.empty()) continue;
    const std::string original = text.text().substr(s.begin + s.guard.size(), s.end - s.begin - s.guard.size());
    if (arithmetic) made += fmt::format(" {} {};", s.guard, shadowed(i == mutant.statement ? mutant.replacement : original, names));
    else
      for (const std::string& name : written) made += fmt::format(" {} mov.{} {}, {};", s.guard, type_of(name), shadow(name), name);
  }
  return made + text.text().substr(copied);
}

}  // namespace bsgen::mutation
