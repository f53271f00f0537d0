#include "runtime/sim/check/shared_shadow.h"

#include <algorithm>
#include <bit>

namespace bsgen::sim {

void SharedShadow::reset(std::uint32_t bytes, int num_agents) {
  num_agents_ = static_cast<std::size_t>(num_agents);
  epoch_ = 1;
  settled_ = 0;
  cells_.assign((bytes + kGranule - 1) / kGranule, Cell{});
  words_.assign(4, Cell{});  // the first four are nobody's: index 0 means "not split"
  free_words_.clear();
  others_.assign(num_agents_, {});
  others_known_ = false;
  clocks_.assign(num_agents_ * num_agents_, 0);
  for (std::size_t agent = 0; agent < num_agents_; ++agent) clocks_[agent * (num_agents_ + 1)] = 1;
}

// One access to a cell, by the lossy rules of the header: exact where holds() says so.
SharedShadow::Verdict SharedShadow::visit_cell(Kind kind, int agent, Cell& cell, Mask mask) const {
  const std::uint32_t* known = known_to(agent);
  const std::uint32_t clock = known[agent];
  const std::uint64_t self = std::uint64_t{1} << agent;
  if (kind == Kind::kComplete) {
    if (cell.writer == agent && (cell.pending & mask) != 0) cell.write_clock = clock;
    cell.pending &= static_cast<Mask>(~mask);
    return {};
  }
  Verdict verdict;
  if ((cell.pending & mask) != 0) {
    verdict = {Race::kPending, cell.writer};
  } else if ((cell.write_bytes & mask) != 0 && known[cell.writer] < cell.write_clock) {
    verdict = {kind == Kind::kRead ? Race::kReadAfterWrite : Race::kWriteAfterWrite, cell.writer};
  } else if (kind != Kind::kRead && (cell.read_bytes & mask) != 0) {
    for (std::uint64_t rest = cell.readers & ~self; rest != 0; rest &= rest - 1)
      if (const int reader = std::countr_zero(rest); known[reader] < cell.read_clock) verdict = {Race::kWriteAfterRead, reader};
  }
  if (kind != Kind::kRead && verdict.race == Race::kNone && (cell.second_bytes & mask) != 0 && cell.second != agent && known[cell.second] < cell.read_clock)
    verdict = {Race::kWriteAfterRead, cell.second};
  if (kind != Kind::kRead) {
    if (cell.write_clock != clock || cell.writer != agent) cell.write_bytes = 0;
    cell.write_bytes |= mask;
    cell.write_clock = clock;
    cell.writer = static_cast<std::uint16_t>(agent);
    cell.pending = static_cast<Mask>(kind == Kind::kIssue ? cell.pending | mask : cell.pending & ~mask);
    cell.read_bytes &= static_cast<Mask>(~mask);
    cell.second_bytes &= static_cast<Mask>(~mask);
    if (cell.read_bytes == 0) {
      cell.readers = cell.second_bytes == 0 ? 0 : std::uint64_t{1} << cell.second;
      cell.read_bytes = cell.second_bytes;
      cell.second_bytes = 0;
    }
    if (cell.readers == 0) cell.read_clock = 0;
    return verdict;
  }
  const bool same_epoch = cell.read_clock == clock;
  if (cell.readers == self && same_epoch) {
    cell.read_bytes |= mask;
  } else if (stale(agent, cell)) {
    cell.readers = self, cell.read_clock = clock, cell.read_bytes = mask, cell.second_bytes = 0;
  } else if (same_epoch && (cell.readers & self) != 0 && (mask & ~cell.read_bytes) == 0) {
    // is recorded already
  } else if (same_epoch && (cell.second_bytes == 0 || cell.second == agent)) {
    add_second(agent, cell, mask);
  } else if ((cell.readers & self) == 0 || cell.read_bytes != mask) {
    cell.readers |= self;
    cell.read_clock = std::min(cell.read_clock, clock);
    cell.read_bytes &= mask;
  }
  return verdict;
}

void SharedShadow::add_second(int agent, Cell& cell, Mask mask) {
  cell.second = static_cast<std::uint16_t>(agent);
  cell.second_bytes |= mask;
  if (cell.second_bytes == cell.read_bytes) cell.readers |= std::uint64_t{1} << agent, cell.second_bytes = 0;
}

// Whether every earlier reader is already ordered before this agent.
bool SharedShadow::stale(int agent, const Cell& cell) const {
  const std::uint32_t* known = known_to(agent);
  for (std::uint64_t rest = cell.readers & ~(std::uint64_t{1} << agent); rest != 0; rest &= rest - 1)
    if (known[std::countr_zero(rest)] < cell.read_clock) return false;
  return cell.second_bytes == 0 || cell.second == agent || known[cell.second] >= cell.read_clock;
}

// Whether the cell of a whole granule can hold what this access leaves behind, and still all that it holds of the other bytes.
bool SharedShadow::holds(Kind kind, int agent, const Cell& granule, Mask mask) const {
  const std::uint32_t clock = now(agent);
  const int others = ~mask;
  switch (kind) {
    case Kind::kComplete: return (granule.write_bytes & ~granule.pending) == 0 || granule.write_clock == clock;
    case Kind::kRead:
      if (granule.read_clock <= settled_ || granule.read_bytes == mask) return true;
      if (stale(agent, granule) && ((granule.read_bytes | granule.second_bytes) & others) == 0) return true;
      if (granule.read_clock != clock) return false;
      if (granule.readers == std::uint64_t{1} << agent) return true;
      return !stale(agent, granule) && (granule.second_bytes == 0 || granule.second == agent || ((granule.readers >> agent & 1) != 0 && (mask & ~granule.read_bytes) == 0));
    case Kind::kWrite:
    case Kind::kIssue: {
      const int pending = granule.pending & others;
      const bool nothing = pending == 0 && (granule.write_clock <= settled_ || (granule.write_bytes & others) == 0);
      const bool same = granule.writer == agent && granule.write_clock == clock && pending == (kind == Kind::kIssue ? granule.write_bytes & others : 0);
      return nothing || same;
    }
  }
  return false;
}

void SharedShadow::split(Cell& granule) {
  std::uint32_t first;
  if (free_words_.empty()) {
    first = static_cast<std::uint32_t>(words_.size());
    words_.resize(words_.size() + 4);
  } else {
    first = free_words_.back();
    free_words_.pop_back();
  }
  for (int i = 0; i < 4; ++i) {
    Cell& word = words_[first + static_cast<std::uint32_t>(i)];
    word = granule;
    word.write_bytes = granule.write_bytes >> 4 * i & kWord;
    word.pending = granule.pending >> 4 * i & kWord;
    word.read_bytes = granule.read_bytes >> 4 * i & kWord;
    word.second_bytes = granule.second_bytes >> 4 * i & kWord;
    if (word.read_bytes == 0) {
      word.readers = word.second_bytes == 0 ? 0 : std::uint64_t{1} << word.second;
      word.read_bytes = word.second_bytes;
      word.second_bytes = 0;
    }
    if (word.readers == 0) word.read_clock = 0;
    if (word.write_bytes == 0) word.write_clock = 0;
  }
  granule.words = first;
}

SharedShadow::Verdict SharedShadow::visit_granule(Kind kind, int agent, Cell& granule, Mask mask) {
  if (granule.words != 0) {
    Cell* words = &words_[granule.words];
    if (std::all_of(words, words + 4, [&](const Cell& word) { return settled(word); })) {
      free_words_.push_back(granule.words);
      granule = Cell{};
    }
  } else if (settled(granule)) {
    granule = Cell{};
  }
  if (granule.words == 0) {
    if (holds(kind, agent, granule, mask)) return visit_cell(kind, agent, granule, mask);
    split(granule);
  }
  Verdict worst;
  for (int i = 0; i < 4; ++i) {
    const auto part = static_cast<Mask>(mask >> 4 * i & kWord);
    if (part == 0) continue;
    const Verdict verdict = visit_cell(kind, agent, words_[granule.words + static_cast<std::uint32_t>(i)], part);
    if (worst.race == Race::kNone) worst = verdict;
  }
  return worst;
}

SharedShadow::Verdict SharedShadow::visit(Kind kind, int agent, std::uint32_t offset, std::uint32_t bytes) {
  Verdict worst;
  const std::uint32_t end = offset + bytes;
  for (std::uint32_t granule = offset / kGranule; granule * kGranule < end; ++granule) {
    const std::uint32_t base = granule * kGranule, from = std::max(offset, base) - base, to = std::min(end, base + kGranule) - base;
    const Verdict verdict = visit_granule(kind, agent, cells_[granule], static_cast<Mask>((1u << to) - (1u << from)));
    if (worst.race == Race::kNone) worst = verdict;
  }
  return worst;
}

SharedShadow::Verdict SharedShadow::judge_write(int agent, std::uint32_t offset, std::uint32_t bytes) const {
  const std::uint32_t end = offset + bytes;
  for (std::uint32_t granule = offset / kGranule; granule * kGranule < end; ++granule) {
    const std::uint32_t base = granule * kGranule, from = std::max(offset, base) - base, to = std::min(end, base + kGranule) - base;
    const auto mask = static_cast<Mask>((1u << to) - (1u << from));
    const Cell& whole = cells_[granule];
    for (int i = 0; i < (whole.words == 0 ? 1 : 4); ++i) {
      Cell cell = whole.words == 0 ? whole : words_[whole.words + static_cast<std::uint32_t>(i)];
      const auto part = static_cast<Mask>(whole.words == 0 ? mask : mask >> 4 * i & kWord);
      if (part == 0) continue;
      if (const Verdict verdict = visit_cell(Kind::kWrite, agent, cell, part); verdict.race != Race::kNone) return verdict;
    }
  }
  return {};
}

SharedShadow::Verdict SharedShadow::read(int agent, std::uint32_t offset, std::uint32_t bytes) { return visit(Kind::kRead, agent, offset, bytes); }
SharedShadow::Verdict SharedShadow::write(int agent, std::uint32_t offset, std::uint32_t bytes) { return visit(Kind::kWrite, agent, offset, bytes); }
SharedShadow::Verdict SharedShadow::issue(int agent, std::uint32_t offset, std::uint32_t bytes) { return visit(Kind::kIssue, agent, offset, bytes); }
void SharedShadow::complete(int agent, std::uint32_t offset, std::uint32_t bytes) { visit(Kind::kComplete, agent, offset, bytes); }

std::uint32_t SharedShadow::read_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes) {
  const std::uint32_t* known = known_to(agent);
  const std::uint32_t clock = known[agent], settled = settled_;
  const std::uint64_t self = std::uint64_t{1} << agent;
  std::uint32_t left = 0;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Cell& cell = cells_[offsets[lane] / kGranule];
    if ((cell.words | cell.pending) != 0 || known[cell.writer] < cell.write_clock) [[unlikely]] {
      left |= std::uint32_t{1} << lane;
    } else if (cell.read_clock <= settled) {
      cell.readers = self, cell.read_clock = clock, cell.read_bytes = kWhole, cell.second_bytes = 0;
    } else if (cell.read_bytes == kWhole && cell.read_clock >= clock) {
      cell.readers |= self, cell.read_clock = clock;  // what began no earlier than this epoch cannot be known yet
    } else {
      left |= std::uint32_t{1} << lane;
    }
  }
  return left;
}

std::uint32_t SharedShadow::overwrite_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes, Mask pending) {
  const std::uint32_t* known = known_to(agent);
  const std::uint32_t clock = known[agent], settled = settled_;
  std::uint32_t left = 0;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Cell& cell = cells_[offsets[lane] / kGranule];
    if ((cell.words | cell.pending) != 0 || known[cell.writer] < cell.write_clock || cell.read_clock > settled) [[unlikely]] {
      left |= std::uint32_t{1} << lane;
      continue;
    }
    cell.readers = 0;
    cell.write_clock = clock;
    cell.read_clock = 0;
    cell.writer = static_cast<std::uint16_t>(agent);
    cell.write_bytes = kWhole;
    cell.pending = pending;
    cell.read_bytes = 0;
    cell.second_bytes = 0;
  }
  return left;
}

std::uint32_t SharedShadow::complete_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes) {
  const std::uint32_t clock = now(agent);
  std::uint32_t left = 0;
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Cell& cell = cells_[offsets[lane] / kGranule];
    if (cell.words != 0 || cell.writer != agent || cell.pending != kWhole) [[unlikely]] {
      left |= std::uint32_t{1} << lane;
      continue;
    }
    cell.write_clock = clock;
    cell.pending = 0;
  }
  return left;
}

std::uint32_t SharedShadow::read_granules(int agent, const std::uint32_t* granules, const std::uint16_t* bytes, int count) {
  const std::uint32_t* known = known_to(agent);
  const std::uint32_t clock = known[agent], settled = settled_;
  const std::uint64_t self = std::uint64_t{1} << agent;
  std::uint32_t left = 0;
  for (int i = 0; i < count; ++i) {
    Cell& cell = cells_[granules[i]];
    if ((cell.words | cell.pending) != 0 || known[cell.writer] < cell.write_clock) [[unlikely]] {
      left |= std::uint32_t{1} << i;
    } else if (cell.read_clock <= settled) {
      cell.readers = self, cell.read_clock = clock, cell.read_bytes = bytes[i], cell.second_bytes = 0;
    } else if (cell.read_bytes == bytes[i] && cell.read_clock >= clock) {
      cell.readers |= self, cell.read_clock = clock;
    } else if (cell.readers == self && cell.read_clock == clock) {
      cell.read_bytes |= bytes[i];
    } else if (cell.read_clock == clock && (cell.readers & self) != 0 && (bytes[i] & ~cell.read_bytes) == 0) {
      // is recorded already
    } else if (cell.read_clock == clock && (cell.second_bytes == 0 || cell.second == agent)) {
      add_second(agent, cell, bytes[i]);
    } else {
      left |= std::uint32_t{1} << i;
    }
  }
  return left;
}

std::uint32_t SharedShadow::write_granules(int agent, const std::uint32_t* granules, const std::uint16_t* bytes, int count) {
  const std::uint32_t* known = known_to(agent);
  const std::uint32_t clock = known[agent], settled = settled_;
  const std::uint64_t self = std::uint64_t{1} << agent;
  std::uint32_t left = 0;
  for (int i = 0; i < count; ++i) {
    Cell& cell = cells_[granules[i]];
    const bool own = cell.writer == agent && cell.write_clock == clock;  // of this epoch: the new bytes join them
    const bool fresh = cell.write_clock <= settled || bytes[i] == kWhole;
    const bool unread = cell.read_clock <= settled || (cell.readers == self && cell.read_clock == clock && cell.second_bytes == 0);
    if ((cell.words | cell.pending) != 0 || known[cell.writer] < cell.write_clock || !(own || fresh) || !unread) [[unlikely]] {
      left |= std::uint32_t{1} << i;
      continue;
    }
    cell.write_bytes = static_cast<Mask>(own ? cell.write_bytes | bytes[i] : bytes[i]);
    cell.write_clock = clock;
    cell.writer = static_cast<std::uint16_t>(agent);
    cell.read_bytes = static_cast<Mask>(cell.read_clock <= settled ? 0 : cell.read_bytes & ~bytes[i]);
    cell.second_bytes = 0;
    if (cell.read_bytes == 0) cell.readers = 0, cell.read_clock = 0;
  }
  return left;
}

void SharedShadow::barrier(std::uint64_t arrived, std::uint64_t waited) {
  std::uint32_t joined[kMaxAgents] = {};
  for (std::uint64_t rest = arrived; rest != 0; rest &= rest - 1) {
    const std::uint32_t* known = known_to(std::countr_zero(rest));
    for (std::size_t other = 0; other < num_agents_; ++other) joined[other] = std::max(joined[other], known[other]);
  }
  for (std::uint64_t rest = waited; rest != 0; rest &= rest - 1) {
    std::uint32_t* known = &clocks_[static_cast<std::size_t>(std::countr_zero(rest)) * num_agents_];
    for (std::size_t other = 0; other < num_agents_; ++other) known[other] = std::max(known[other], joined[other]);
  }
  if (others_known_) {
    OtherClusters all;
    for (std::uint64_t rest = arrived; rest != 0; rest &= rest - 1) all.join(others_[static_cast<std::size_t>(std::countr_zero(rest))]);
    for (std::uint64_t rest = waited; rest != 0; rest &= rest - 1) others_[static_cast<std::size_t>(std::countr_zero(rest))].join(all);
  }
  const std::uint64_t everyone = num_agents_ == kMaxAgents ? ~std::uint64_t{0} : (std::uint64_t{1} << num_agents_) - 1;
  if ((arrived & waited) == everyone) settled_ = epoch_;
  ++epoch_;
  for (std::uint64_t rest = arrived; rest != 0; rest &= rest - 1) clocks_[static_cast<std::size_t>(std::countr_zero(rest)) * (num_agents_ + 1)] = epoch_;
}

void SharedShadow::release(int agent, Clock& into) {
  const std::uint32_t* known = known_to(agent);
  if (into.g.size() < num_agents_) into.g.resize(num_agents_, 0);
  for (std::size_t other = 0; other < num_agents_; ++other) into.g[other] = std::max(into.g[other], known[other]);
  into.others.join(others_[static_cast<std::size_t>(agent)]);
  clocks_[static_cast<std::size_t>(agent) * (num_agents_ + 1)] = ++epoch_;
}

// A new epoch, so that what began no earlier than an agent's own is unknown to it.
void SharedShadow::acquire(int agent, const Clock& from) {
  std::uint32_t* known = &clocks_[static_cast<std::size_t>(agent) * num_agents_];
  for (std::size_t other = 0; other < std::min(num_agents_, from.g.size()); ++other)
    if (other != static_cast<std::size_t>(agent)) known[other] = std::max(known[other], from.g[other]);
  others_[static_cast<std::size_t>(agent)].join(from.others);
  others_known_ |= !from.others.empty();
  known[agent] = ++epoch_;
}

}  // namespace bsgen::sim
