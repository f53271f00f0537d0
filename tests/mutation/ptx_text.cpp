#include "tests/mutation/ptx_text.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace bsgen::mutation {
namespace {

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%'; }
bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)); }

std::string trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) c == '\n' ? lines.emplace_back() : lines.back() += c, void();
  return lines;
}

// Places of the generated source, from .file and .loc.
class Places {
 public:
  Places(const std::string& text, const std::map<std::string, std::string>& sources) {
    for (const auto& [name, source] : sources) lines_[name] = lines_of(source);
    for (std::size_t at = text.find(".file"); at != std::string::npos; at = text.find(".file", at + 1)) {
      const std::size_t open = text.find('"', at), close = text.find('"', open + 1);
      if (close == std::string::npos) break;
      files_[std::atoi(text.c_str() + at + 5)] = text.substr(open + 1, close - open - 1);
    }
  }
  // ".loc 5 40 3, function_name $L__info_string2, inlined_at 2 97 1"
  void read(std::string_view loc, Statement& place) const {
    bool in_source = false, from_source = false;
    place.cuda = text(loc.substr(4), in_source);
    const std::size_t at = loc.find("inlined_at");
    place.caller = at == std::string_view::npos ? "" : text(loc.substr(at + 10), from_source);
    place.generated = in_source && from_source;
  }

 private:
  std::string text(std::string_view numbers, bool& generated) const {
    char* rest = nullptr;
    const std::string copy(numbers);
    const long file = std::strtol(copy.c_str(), &rest, 10), line = std::strtol(rest, nullptr, 10);
    const auto named = files_.find(static_cast<int>(file));
    if (named == files_.end()) return "";
    generated = named->second.ends_with(".cu");
    const auto source = lines_.find(named->second);
    if (source == lines_.end() || line < 1 || line > static_cast<long>(source->second.size())) return "";
    std::string made = trimmed(source->second[line - 1]);
    for (std::size_t at; (at = made.find(" | ")) != std::string::npos;) made.erase(at + 2, 1).erase(at, 1);  // " | " parts the fields of a key
    return made;
  }
  std::map<int, std::string> files_;
  std::map<std::string, std::vector<std::string>> lines_;
};

std::vector<std::string> split_operands(std::string_view text) {
  std::vector<std::string> operands;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && (text[i] == '[' || text[i] == '{' || text[i] == '(')) ++depth;
    if (i < text.size() && (text[i] == ']' || text[i] == '}' || text[i] == ')')) --depth;
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      if (std::string operand = trimmed(text.substr(start, i - start)); !operand.empty()) operands.push_back(std::move(operand));
      start = i + 1;
    }
  }
  return operands;
}

Statement parsed(std::string_view text) {
  Statement made;
  std::string rest = trimmed(text);
  const auto word = [&] {
    const std::size_t end = std::find_if(rest.begin(), rest.end(), is_space) - rest.begin();
    std::string first = rest.substr(0, end);
    rest = trimmed(std::string_view(rest).substr(end));
    return first;
  };
  if (rest[0] == '@') made.guard = word();
  made.opcode = word();
  made.operands = split_operands(rest);
  return made;
}

}  // namespace

std::string guard_of(const Statement& s) { return s.guard.empty() ? "" : s.guard.substr(s.guard[1] == '!' ? 2 : 1); }

bool is_arithmetic(const Statement& s) {
  static const std::set<std::string> kOpcodes = {"mov", "add", "sub", "mul", "mad", "shl", "shr", "and", "or", "xor", "not", "neg", "cvt", "cvta", "selp", "bfi", "bfe",
                                                 "min", "max", "lop3", "shf", "prmt", "abs", "div", "rem", "setp", "sad", "slct", "mapa", "shfl"};
  return kOpcodes.count(s.opcode.substr(0, s.opcode.find('.'))) > 0;
}

PtxText::PtxText(std::string text, const std::map<std::string, std::string>& sources) : text_(std::move(text)) {
  // Comments become spaces for the scan, which keeps places; the text itself stays whole.
  std::string original = text_;
  for (std::size_t i = 0; i + 1 < text_.size(); ++i)
    if (text_[i] == '/' && text_[i + 1] == '/')
      for (; i < text_.size() && text_[i] != '\n'; ++i) text_[i] = ' ';
  for (std::size_t at = 0; at < text_.size(); ++at) {
    const bool body = text_[at] == '{' && (at == 0 || text_[at - 1] == '\n');
    const std::size_t line = text_.rfind('\n', at == 0 ? 0 : at - 1);
    if (!body || line == std::string::npos) continue;
    // A body is a brace at the start of a line behind .entry or .func; data sections have none.
    const std::size_t head = std::max(text_.rfind(".entry", at) + 1, text_.rfind(".func", at) + 1), other = text_.rfind('}', at) + 1;
    if (head > other || other == 0) scan(at);
  }
  const Places places(text_, sources);
  Statement place;
  std::size_t seen = 0;
  for (Statement& statement : statements_) {
    for (std::size_t loc = text_.find("\t.loc", seen); loc < statement.begin; loc = text_.find("\t.loc", loc + 1)) {
      places.read(std::string_view(text_).substr(loc + 1, text_.find('\n', loc) - loc - 1), place);
      seen = loc + 1;
    }
    statement.cuda = place.cuda, statement.caller = place.caller, statement.generated = place.generated;
  }
  for (std::size_t i = 0; i < statements_.size(); ++i)
    if (statements_[i].cuda.empty()) statements_[i].cuda = user_of(i);
  text_ = std::move(original);
}

// The place of the next statement that uses the value, or, of a branch, of the one before that made its condition.
std::string PtxText::user_of(std::size_t index) const {
  const Statement& s = statements_[index];
  const bool branch = s.is("bra") && !s.guard.empty();
  const std::string value = branch ? guard_of(s) : s.operands.empty() ? "" : s.operands[0];
  const auto uses = [&](const Statement& other) {
    if (branch) return !other.operands.empty() && other.operands[0] == value;
    bool found = guard_of(other) == value;
    for (std::size_t o = 0; o < other.operands.size(); ++o) {
      if (o == 0 && other.operands[o][0] != '[') continue;  // a result
      const std::vector<std::string> used = registers(other.operands[o]);
      found = found || std::find(used.begin(), used.end(), value) != used.end();
    }
    return found;
  };
  for (std::size_t i = index + (branch ? -1 : 1); i < statements_.size(); i += branch ? -1 : 1) {
    const Statement& other = statements_[i];
    if (!other.cuda.empty() && other.cuda.compare(0, 4, "for ") != 0 && uses(other)) return std::string("for ").append(other.cuda);
  }
  return "";
}

void PtxText::scan(std::size_t from) {
  int scopes = 0, braces = 0, line = 1 + static_cast<int>(std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(from), '\n'));
  std::size_t start = std::string::npos;  // of the statement under way
  int start_line = 0;
  for (std::size_t i = from; i < text_.size(); ++i) {
    const char c = text_[i];
    line += c == '\n';
    if (start == std::string::npos) {
      if (is_space(c) || c == ';') continue;
      if (c == '{') { ++scopes; continue; }
      if (c == '}') {
        if (--scopes == 0) return;
        continue;
      }
      start = i, start_line = line, braces = 0;
    }
    braces += (c == '{') - (c == '}');
    const std::string_view sofar(text_.data() + start, i - start);
    if (c == '\n' && (sofar.substr(0, 4) == ".loc" || sofar.substr(0, 5) == ".file")) start = std::string::npos;
    if (c == ':' && i + 1 < text_.size() && text_[i + 1] != ':' && !sofar.empty() && std::all_of(sofar.begin(), sofar.end(), is_name)) start = std::string::npos;
    if (c == ';' && braces == 0 && start != std::string::npos) {
      if (text_[start] != '.') {
        Statement made = parsed(sofar);
        made.begin = start, made.end = i, made.line = start_line;
        statements_.push_back(std::move(made));
      }
      start = std::string::npos;
    }
  }
}

std::string PtxText::replaced(std::size_t index, std::string_view replacement) const {
  const Statement& s = statements_[index];
  const std::string_view old(text_.data() + s.begin, s.end - s.begin);
  std::string made = text_.substr(0, s.begin);
  made += replacement;
  made.append(static_cast<std::size_t>(std::count(old.begin(), old.end(), '\n')), '\n');
  // A block ends in '}', and what is removed leaves nothing to end.
  const bool closed = replacement.empty() || replacement.front() == '{';
  made.append(text_, s.end + (closed ? 1 : 0), std::string::npos);
  return made;
}

std::vector<std::string> PtxText::registers(std::string_view operand) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < operand.size(); ++i) {
    if (!is_name(operand[i])) continue;
    std::size_t end = i;
    while (end < operand.size() && is_name(operand[end])) ++end;
    if (!std::isdigit(static_cast<unsigned char>(operand[i]))) found.emplace_back(operand.substr(i, end - i));
    i = end;
  }
  return found;
}

std::set<std::size_t> PtxText::slice(const std::set<std::string>& registers_, const std::set<std::size_t>* among) const {
  std::multimap<std::string, std::size_t> writers;
  for (std::size_t i = 0; i < statements_.size(); ++i)
    if (!statements_[i].operands.empty() && is_arithmetic(statements_[i]) && (among == nullptr || among->count(i)))
      for (const std::string& name : registers(statements_[i].operands[0])) writers.emplace(name, i);
  std::set<std::size_t> found;
  std::vector<std::string> open(registers_.begin(), registers_.end());
  while (!open.empty()) {
    const auto [first, last] = writers.equal_range(std::string(open.back()));
    open.pop_back();
    for (auto writer = first; writer != last; ++writer) {
      if (!found.insert(writer->second).second) continue;
      const Statement& s = statements_[writer->second];
      if (!s.guard.empty()) open.push_back(guard_of(s));
      for (std::size_t o = 1; o < s.operands.size(); ++o)
        for (std::string& name : registers(s.operands[o])) open.push_back(std::move(name));
    }
  }
  return found;
}

std::set<std::size_t> PtxText::live(const std::set<std::size_t>& reached) const {
  std::set<std::string> wanted;
  std::set<std::size_t> found;
  for (const std::size_t i : reached) {
    const Statement& s = statements_[i];
    if (is_arithmetic(s)) continue;
    found.insert(i);
    if (!s.guard.empty()) wanted.insert(guard_of(s));
    for (const std::string& operand : s.operands)
      for (const std::string& name : registers(operand)) wanted.insert(name);
  }
  for (const std::size_t i : slice(wanted, &reached)) found.insert(i);
  return found;
}

std::string normalised(const Statement& statement) {
  std::string text = statement.guard + (statement.guard.empty() ? "" : " ") + statement.opcode;
  for (std::size_t i = 0; i < statement.operands.size(); ++i) text += (i ? ", " : " ") + statement.operands[i];
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    made += text[i];
    const bool numbered = text[i] == '%' || text.compare(i, 4, "$L__") == 0;
    if (!numbered) continue;
    while (i + 1 < text.size() && (std::isalpha(static_cast<unsigned char>(text[i + 1])) || text[i + 1] == '.')) made += text[++i];
    while (i + 1 < text.size() && is_name(text[i + 1])) ++i;
  }
  std::replace(made.begin(), made.end(), '\n', ' ');
  return made;
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++, mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1, t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace bsgen::mutation
