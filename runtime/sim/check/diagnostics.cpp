#include "runtime/sim/check/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>

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
  if (static_cast<int>(rows.size()) > limit) rows.resize(limit);
  std::vector<Diagnostic> made;
  for (const auto* row : rows) {
    const auto& [key, entry] = *row;
    const ptx::SourceLine& line = program.lines[key.first];
    Diagnostic diagnostic{entry.severity, std::string(key.second), entry.message, line.ptx, line.cuda, entry.count, {}, entry.where.index, entry.where.warp};
    if (line.cuda_file > 0 && line.cuda_file < static_cast<int>(program.files.size()))
      diagnostic.cuda_file = program.files[line.cuda_file];
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
