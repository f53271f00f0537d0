// The logs of NVRTC and of the assembler, as data. Pure functions of the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bsgen::nvrtc {

// One diagnostic of a compiler.
struct LogEntry {
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kError;
  std::string file;  // as the compiler names it; empty where it names none
  int line = 0;      // from 1; 0 where the compiler names none
  int column = 0;    // from 1, of the caret; 0 where there is none
  std::string text;
  std::vector<std::string> context;  // "detected during instantiation of ... at line 5"
  bool operator==(const LogEntry&) const = default;
};

// "k.cu(6): error: TEXT", source line, caret, "detected during ..."; lines that are no diagnostic
// are left out.
std::vector<LogEntry> parse_nvrtc_log(std::string_view log);
// "ptxas FILE, line 41; error   : TEXT", "ptxas fatal   : TEXT". Repeats of one entry are left out.
std::vector<LogEntry> parse_ptxas_log(std::string_view log);

}  // namespace bsgen::nvrtc
