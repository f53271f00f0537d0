#include "tests/mutation/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <thread>

#include "tests/mutation/shadow.h"

namespace bsgen::mutation {
namespace {

Cause cause_of(const std::string& kind) {
  static const std::map<std::string, Cause> kinds = {{"deadlock", Cause::kDeadlock},    {"budget", Cause::kDeadlock},     {"out_of_bounds", Cause::kBounds},
                                                     {"misaligned", Cause::kBounds},    {"read_only", Cause::kBounds},    {"use_after_free", Cause::kBounds},
                                                     {"uninitialized", Cause::kUninitialized}};
  if (kind.find("race") != std::string::npos) return Cause::kRace;
  const auto found = kinds.find(kind);
  return found == kinds.end() ? Cause::kMisuse : found->second;
}

// Barriers, waits and fences that were executed; and instructions as threads count them, in which a guard that is gone shows.
struct Executed {
  std::uint64_t synchronised = 0, by_threads = 0;
};
Executed executed(const sim::LaunchReport& report) {
  Executed sum;
  for (const sim::InstructionProfile& instruction : report.instructions) {
    if (instruction.kind == sim::InstructionClass::kSynchronize) sum.synchronised += instruction.executions;
    sum.by_threads += instruction.active_lanes;
  }
  return sum;
}

bool more_work(const sim::LaunchReport& mutated, const sim::LaunchReport& unmutated, bool spins) {
  const sim::Counters &mutant = mutated.counters, &original = unmutated.counters;
  return mutant.shared_wavefronts > original.shared_wavefronts || mutant.global_read_bytes > original.global_read_bytes || mutant.global_write_bytes > original.global_write_bytes ||
         mutant.mma_flops_issued > original.mma_flops_issued ||
         (!spins && (mutant.warp_instructions > original.warp_instructions || executed(mutated).synchronised > executed(unmutated).synchronised ||
                     executed(mutated).by_threads > executed(unmutated).by_threads));
}

void take_most(sim::Counters& most, const sim::Counters& other) {
  for (auto field : {&sim::Counters::shared_wavefronts, &sim::Counters::global_read_bytes, &sim::Counters::global_write_bytes, &sim::Counters::mma_flops_issued})
    most.*field = std::max(most.*field, other.*field);
}

template <class Body>
void in_parallel(std::size_t count, const Body& body) {
  std::atomic<std::size_t> next{0};
  const auto loop = [&] {
    for (std::size_t i; (i = next++) < count;) body(i);
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(loop);
  loop();
  for (std::thread& thread : threads) thread.join();
}

struct Baseline {
  std::vector<Observation> inputs;        // on the first schedule
  std::map<int, std::vector<int>> reach;  // by PTX line: inputs that execute what stands there
  std::uint64_t budget(int input) const { return inputs[input].report.counters.warp_instructions * 2 + 20000; }
};

Expected<Baseline> baseline_of(const Subject& subject) {
  Baseline made;
  for (int input = 0; input < subject.num_inputs; ++input) {
    for (const sim::Schedule& schedule : subject.schedules) {
      const bool first = schedule == subject.schedules[0];
      BSGEN_ASSIGN(Observation seen, subject.run(subject.ptx, input, schedule, 0));
      if (seen.report.failed() || !seen.damage.empty())
        return Status(ErrorCode::kCheckFailed, fmt::format("{}: the unmutated kernel is reported: {}", subject.name,
                                                           seen.damage.empty() ? seen.report.diagnostics[0].message : seen.damage));
      for (const sim::InstructionProfile& instruction : seen.report.instructions)
        if (first && instruction.executions > 0) made.reach[instruction.ptx_line].push_back(input);
      // Lanes that leave a spin one by one make more of the accesses behind it: a mutant does more work only where no schedule does as much.
      if (!first) take_most(made.inputs.back().report.counters, seen.report.counters);
      if (first) made.inputs.push_back(std::move(seen));
      else if (seen.output != made.inputs[input].output) return Status(ErrorCode::kCheckFailed, subject.name + ": the unmutated kernel's result depends on the schedule");
    }
  }
  for (auto& [line, inputs] : made.reach)  // what is cheap kills most
    std::sort(inputs.begin(), inputs.end(), [&](int a, int b) { return made.budget(a) < made.budget(b); });
  return made;
}

// The original statement with a trap where its mutant would do something else; empty where that cannot be said of one statement.
std::string trap_where_it_differs(const PtxText& text, const Mutant& mutant) {
  const Statement& s = text.statements()[mutant.statement];
  const std::string original = text.text().substr(s.begin, s.end - s.begin);
  const std::string predicate = guard_of(s);
  if (mutant.op == "predicate") {
    // A guard that always holds may go; what never executes may go altogether.
    const bool removed = mutant.replacement.empty();
    if (!removed && mutant.replacement[0] == '@') return "";
    const bool trap_if = removed == (s.guard[1] != '!');
    return fmt::format("{{ @{}{} trap; {}; }}", trap_if ? "" : "!", predicate, original);
  }
  static const std::map<std::string, std::string> kTypes = {{"%r", "b32"}, {"%rd", "b64"}, {"%rs", "b16"}, {"%p", "pred"}};
  if (s.operands.size() < 2 || mutant.replacement.empty() || !s.guard.empty()) return "";
  const std::string& d = s.operands[0];
  const auto type = kTypes.find(d.substr(0, d.find_first_of("0123456789")));
  const std::size_t at = mutant.replacement.find(d);
  if (type == kTypes.end() || at == std::string::npos || d.find('{') != std::string::npos || d.find('[') != std::string::npos) return "";
  std::string other = mutant.replacement;
  other.replace(at, d.size(), "%mutd");
  const std::string compare = type->second == "pred" ? fmt::format("xor.pred %mutp, %mutd, %muto; mov.pred {}, %muto", d)
                                                     : fmt::format("setp.ne.{} %mutp, %mutd, %muto; mov.{} {}, %muto", type->second, type->second, d);
  // Both are computed before the result is written: it may be an operand.
  std::string first = original;
  first.replace(first.find(d), d.size(), "%muto");
  return fmt::format("{{ .reg .{} %mutd, %muto; .reg .pred %mutp; {}; {}; {}; @%mutp trap; }}", type->second, other, first, compare);
}

// Whether a text with traps for what would be different runs through on every input: then these launches cannot tell the two apart.
bool never_traps(const Subject& subject, const std::string& trapping, const std::vector<int>& inputs, const Baseline& baseline) {
  if (trapping.empty()) return false;
  for (const int input : inputs) {
    const auto seen = subject.run(trapping, input, subject.schedules[0], 4 * baseline.budget(input));
    if (!seen || seen->report.failed()) return false;
  }
  return true;
}

using Run = std::function<Expected<Observation>(int input, const sim::Schedule& schedule, std::uint64_t budget)>;

void judge(const Subject& subject, const std::vector<int>& inputs, const Baseline& baseline, const Run& run, Verdict& verdict) {
  for (const int input : inputs) {
    const Observation& original = baseline.inputs[input];
    for (const sim::Schedule& schedule : subject.schedules) {
      const auto seen = run(input, schedule, baseline.budget(input));
      if (!seen) {
        verdict.fate = Fate::kIllFormed;
        verdict.evidence = seen.status().message();
        return;
      }
      verdict.right = seen->output == original.output && seen->damage.empty();
      if (!verdict.right) verdict.cause = Cause::kResult, verdict.evidence = "result";
      if (!seen->damage.empty()) verdict.evidence = seen->damage;
      if (verdict.right && more_work(seen->report, original.report, subject.spins)) verdict.cause = Cause::kWaste, verdict.evidence = "counters";
      for (const sim::Diagnostic& found : seen->report.diagnostics)
        if (found.severity == sim::Severity::kError && cause_of(found.kind) < verdict.cause) verdict.cause = cause_of(found.kind), verdict.evidence = found.message;
      if (verdict.cause != Cause::kSurvived) return;
    }
  }
}

}  // namespace

bool matches_any(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches(pattern, text); });
}

std::string Verdict::key() const {
  return fmt::format("{} | {} | {} | {}{}", subject, op, ptx, cuda, caller.empty() ? "" : " < " + caller);
}

Expected<std::vector<Verdict>> run_mutants(const Subject& subject, int stride, const std::vector<std::string>& only) {
  BSGEN_ASSIGN(const Baseline baseline, baseline_of(subject));
  const PtxText text(subject.ptx, subject.sources);
  const std::vector<Mutant> mutants = mutate(text);
  std::vector<int> every;
  for (int input = 0; input < subject.num_inputs; ++input) every.push_back(input);
  std::set<std::size_t> reached;
  for (std::size_t i = 0; i < text.statements().size(); ++i)
    if (baseline.reach.count(text.statements()[i].line) > 0) reached.insert(i);
  const std::set<std::size_t> live = text.live(reached);
  std::vector<Verdict> verdicts;
  std::vector<std::function<void(Verdict&)>> work;
  std::size_t turn = subject.name.size();
  for (const Mutant& mutant : mutants) {
    if (turn++ % static_cast<std::size_t>(stride) != 0) continue;
    const Statement& s = text.statements()[mutant.statement];
    Verdict verdict{.subject = subject.name, .family = subject.family, .op = mutant.op, .ptx = normalised(s), .cuda = s.cuda, .caller = s.caller, .line = s.line, .replacement = mutant.replacement};
    if (!matches_any(only, verdict.key())) continue;
    verdicts.push_back(std::move(verdict));
    work.push_back([&](Verdict& verdict) {
      if (live.count(mutant.statement) == 0) {
        verdict.fate = Fate::kUnreached;
        return;
      }
      const std::vector<int>& inputs = baseline.reach.at(s.line);
      const std::string changed = text.replaced(mutant.statement, mutant.replacement);
      judge(subject, inputs, baseline, [&](int input, const sim::Schedule& schedule, std::uint64_t budget) { return subject.run(changed, input, schedule, budget); }, verdict);
      if (!verdict.survived()) return;
      const std::string differs = trap_where_it_differs(text, mutant);
      if (never_traps(subject, differs.empty() ? "" : text.replaced(mutant.statement, differs), inputs, baseline)) verdict.fate = Fate::kIdle;
      else if (never_traps(subject, trap_where_uses_differ(text, mutant), inputs, baseline)) verdict.fate = Fate::kMasked;
    });
  }
  for (const Subject::HostMutant& mutant : subject.host_mutants) {
    verdicts.push_back({.subject = subject.name, .family = subject.family, .op = mutant.op, .ptx = mutant.what, .cuda = "host", .caller = {}, .replacement = {}});
    work.push_back([&](Verdict& verdict) { judge(subject, every, baseline, mutant.run, verdict); });
  }
  in_parallel(work.size(), [&](std::size_t i) { work[i](verdicts[i]); });
  return verdicts;
}

bool Listed::covers(const Verdict& verdict) const {
  const std::string place = verdict.cuda + (verdict.caller.empty() ? "" : " < " + verdict.caller);
  return matches(subject, verdict.subject) && matches(op, verdict.op) && matches(ptx, verdict.ptx) && matches(cuda, place);
}

Expected<std::vector<Listed>> read_survivors(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Status(ErrorCode::kIo, "mutation: cannot read " + path);
  std::vector<Listed> listed;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> fields;
    for (std::size_t start = 0, at; start <= line.size(); start = at + 3) {
      at = line.find(" | ", start);
      if (at == std::string::npos) at = line.size();
      fields.push_back(line.substr(start, at - start));
      if (at == line.size()) break;
    }
    if (fields.size() != 5 || fields[4].empty())
      return Status(ErrorCode::kInvalidArgument, fmt::format("mutation: {}:{}: {} fields, 5 are needed: subject | operator | ptx | cuda | reason", path, number, fields.size()));
    listed.push_back({fields[0], fields[1], fields[2], fields[3], fields[4], number});
  }
  return listed;
}

std::string table(const std::vector<Verdict>& verdicts) {
  struct Row {
    int mutants = 0, unseen = 0, by[kNumCauses] = {};
  };
  std::map<std::pair<std::string, std::string>, Row> rows;
  int not_run[kNumFates] = {};
  for (const Verdict& v : verdicts) {
    ++not_run[static_cast<int>(v.fate)];
    if (v.fate != Fate::kRun) continue;
    for (const auto& key : {std::pair{v.family, v.op}, {v.family, std::string("~")}, {std::string("~"), v.op}, {std::string("~"), std::string("~")}}) {
      Row& row = rows[key];
      ++row.mutants;
      ++row.by[static_cast<int>(v.cause)];
      row.unseen += v.right && v.cause != Cause::kSurvived;
    }
  }
  std::string text = fmt::format("{:<14}{:<15}{:>8}", "family", "operator", "mutants");
  for (const char* name : kCauseNames) text += fmt::format("{:>9}", name);
  text += fmt::format("{:>13}{:>9}\n", "right bits", "killed");
  for (const auto& [key, row] : rows) {
    text += fmt::format("{:<14}{:<15}{:>8}", key.first == "~" ? "all" : key.first, key.second == "~" ? "all" : key.second, row.mutants);
    for (const int count : row.by) text += count ? fmt::format("{:>9}", count) : fmt::format("{:>9}", ".");
    text += fmt::format("{:>13}{:>8.1f}%\n", row.unseen, 100.0 * (row.mutants - row.by[static_cast<int>(Cause::kSurvived)]) / row.mutants);
  }
  return text + fmt::format("beside these: {} in code that no input reaches, {} that do the same as the original in every thread of every input, {} whose other values are dropped by the arithmetic behind them, {} refused by "
                            "the decoder\n",
                            not_run[static_cast<int>(Fate::kUnreached)], not_run[static_cast<int>(Fate::kIdle)], not_run[static_cast<int>(Fate::kMasked)], not_run[static_cast<int>(Fate::kIllFormed)]);
}

}  // namespace bsgen::mutation
