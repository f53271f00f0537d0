// Runs every mutant of a subject on the simulated device and says what, if anything, gave it away.
//
// A mutant is killed by a finding of a checker, by output bits that differ from the unmutated kernel's, or by counters that show
// more work; on the earliest and on the latest legal schedule of everything asynchronous. Those that survive must be listed in
// survivors.txt with the reason why nobody could tell them from the original.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "tests/mutation/operators.h"
#include "tests/mutation/subject.h"

namespace bsgen::mutation {

// In the order in which a mutant that several could claim is attributed.
enum class Cause : int { kRace, kDeadlock, kBounds, kUninitialized, kMisuse, kResult, kWaste, kSurvived };
inline constexpr int kNumCauses = 8;
inline constexpr std::array<const char*, kNumCauses> kCauseNames = {"race", "deadlock", "bounds", "uninit", "misuse", "result", "waste", "survived"};

// What became of a mutant. Only those that are run and differ somewhere count.
enum class Fate : int { kRun, kUnreached, kIdle, kMasked, kIllFormed };
inline constexpr int kNumFates = 5;

struct Verdict {
  std::string subject = {}, family = {}, op = {};
  std::string ptx, cuda, caller;  // the mutated statement, normalised, and its place in the CUDA text
  int line = 0;
  std::string replacement = {};
  Cause cause = Cause::kSurvived;
  bool right = false;             // the output bits were the original's: only a checker could see it
  Fate fate = Fate::kRun;         // kUnreached: no input executes it, or nothing executed uses its result; kIdle: it gives the
                                  // original's value in every thread of every input; kMasked: other values, of which nothing but
                                  // arithmetic that drops the difference makes use; kIllFormed: refused when it was loaded
  std::string evidence = {};      // the first finding
  bool survived() const { return fate == Fate::kRun && cause == Cause::kSurvived; }
  std::string key() const;        // as a line of survivors.txt, without its reason
};

// stride: every stride-th mutant, starting at a place that differs between subjects; only: those whose key matches one of these
// patterns. Failures of the unmutated kernel are errors.
Expected<std::vector<Verdict>> run_mutants(const Subject& subject, int stride, const std::vector<std::string>& only = {"*"});
bool matches_any(const std::vector<std::string>& patterns, std::string_view text);

// survivors.txt: SUBJECT | OPERATOR | PTX | CUDA | REASON, each a pattern with '*'.
struct Listed {
  std::string subject, op, ptx, cuda, reason;
  int line = 0;
  bool covers(const Verdict& verdict) const;
};
Expected<std::vector<Listed>> read_survivors(const std::string& path);

// A table: rows are (family, operator), columns causes.
std::string table(const std::vector<Verdict>& verdicts);

}  // namespace bsgen::mutation
