#include "runtime/sim/check/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runtime/sim/check/finding_groups.h"

namespace bsgen::sim {

void Findings::merge(const Findings& other) {
  for (const auto& [key, theirs] : other.entries_) {
    const auto [found, is_new] = entries_.try_emplace(key, theirs);
    if (is_new) continue;
    Entry& mine = found->second;
    const std::uint64_t count = mine.count + theirs.count;
    if (theirs.where.cta < mine.where.cta) mine = theirs;
    mine.count = count;
  }
}

std::vector<Diagnostic> Findings::list(const Program& program, std::uint64_t end, int limit) const {
  std::vector<const decltype(entries_)::value_type*> rows;
  for (const auto& entry : entries_)
    if (entry.second.where.cta < end) rows.push_back(&entry);
  std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
    if (a->second.severity != b->second.severity) return a->second.severity < b->second.severity;
    if (a->second.where.cta != b->second.where.cta) return a->second.where.cta < b->second.where.cta;
    return a->first < b->first;
  });
  std::vector<FoundAt> found;
  for (const auto* row : rows) found.push_back({row->first.first, row->second.severity, row->first.second, row->second.message});
  std::vector<Diagnostic> made;
  for (const std::vector<std::size_t>& group : group_findings(program, found)) {
    if (static_cast<int>(made.size()) >= limit) break;
    const auto& [key, entry] = *rows[group[0]];
    const ptx::SourceLine& line = program.lines[key.first];
    Diagnostic diagnostic;
    diagnostic.severity = entry.severity;
    diagnostic.kind = key.second;
    diagnostic.message = entry.message;
    diagnostic.ptx_line = line.ptx;
    diagnostic.cuda_line = line.cuda;
    diagnostic.count = 0;
    diagnostic.cta = entry.where.index;
    diagnostic.warp = entry.where.warp;
    if (line.cuda_file > 0 && line.cuda_file < static_cast<int>(program.files.size()))
      diagnostic.cuda_file = program.files[line.cuda_file];
    std::set<int> others;
    for (const std::size_t member : group) {
      diagnostic.count += rows[member]->second.count;
      others.insert(program.lines[rows[member]->first.first].ptx);
    }
    diagnostic.instructions = group.size();
    diagnostic.ptx_lines.assign(others.begin(), others.end());
    if (others.size() > 1) others.erase(line.ptx);
    if (group.size() > 1) diagnostic.message += others_text({others.begin(), others.end()}, group.size() - 1, line.cuda > 0);
    made.push_back(std::move(diagnostic));
  }
  return made;
}

std::vector<Findings::Found> Findings::at(std::uint32_t op) const {
  std::vector<Found> found;
  for (auto entry = entries_.lower_bound({op, {}}); entry != entries_.end() && entry->first.first == op; ++entry)
    found.push_back({entry->first.second, entry->second.count, entry->second.where, entry->second.message});
  return found;
}

std::string lines(const Program& program, std::uint32_t op) {
  const ptx::SourceLine& line = program.lines[op];
  std::string cuda;
  if (line.cuda > 0) {
    const bool named = line.cuda_file > 0 && line.cuda_file < static_cast<int>(program.files.size());
    cuda = fmt::format(", {} line {}", named ? program.files[line.cuda_file] : "cuda", line.cuda);
  }
  return fmt::format("ptx line {}{}", line.ptx, cuda);
}

std::string place(const Program& program, std::uint32_t op) { return fmt::format("({}, kernel {})", lines(program, op), program.entry); }

}  // namespace bsgen::sim
