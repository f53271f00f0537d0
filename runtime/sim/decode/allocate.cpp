// Register allocation: a register's place in the warp's file is free again when it is dead, so that a warp of a large kernel takes
// some 20 KB instead of 200 and stays in the cache.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "runtime/sim/decode/blocks.h"
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/undefined_registers.h"

namespace bsgen::sim::decoding {
namespace {

// One bit per value, for every basic block.
class Bits {
 public:
  Bits(std::size_t rows, std::size_t columns) : words_((columns + 63) / 64), bits_(rows * words_) {}
  bool test(std::size_t row, std::size_t i) const { return bits_[row * words_ + i / 64] >> (i % 64) & 1; }
  void set(std::size_t row, std::size_t i) { bits_[row * words_ + i / 64] |= std::uint64_t{1} << (i % 64); }
  void clear(std::size_t row, std::size_t i) { bits_[row * words_ + i / 64] &= ~(std::uint64_t{1} << (i % 64)); }
  std::uint64_t* row(std::size_t row) { return bits_.data() + row * words_; }
  std::size_t words() const { return words_; }
  template <class Visit>
  void each(std::size_t row, Visit visit) const {
    for (std::size_t w = 0; w < words_; ++w)
      for (std::uint64_t rest = bits_[row * words_ + w]; rest != 0; rest &= rest - 1)
        visit(static_cast<std::uint32_t>(w * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
  }

 private:
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

constexpr std::size_t kMaxBits = std::size_t{1} << 31;

struct Life {
  std::uint32_t value, first, last;
};

class Allocator {
 public:
  Allocator(Draft& draft, const ptx::Function& function) : draft_(draft), program_(draft.program), function_(function) {
    first_reference_.assign(program_.ops.size() + 1, 0);
    for (const Reference& reference : draft_.references) ++first_reference_[reference.op + 1];
    for (std::size_t i = 1; i < first_reference_.size(); ++i) first_reference_[i] += first_reference_[i - 1];
  }

  void run() {
    const std::vector<Block> blocks = blocks_of(program_);
    const std::size_t num = draft_.values.size();
    if (blocks.size() * num > kMaxBits) return place_everything();
    Bits live_in(blocks.size(), num), written_in(blocks.size(), num);
    liveness(blocks, live_in);
    find_undefined(blocks, written_in);
    const std::vector<Life> lives = lives_of(blocks, live_in);
    place(lives);
    for (const Life& life : lives)
      if (live_in.test(0, life.value)) program_.undefined_at_entry.push_back({offset_[life.value], bytes_of(draft_.values[life.value].width)});
    patch();
    watch(live_in);
  }

 private:
  bool is_register(std::uint32_t value) const { return !draft_.values[value].is_constant && !draft_.values[value].is_sink; }
  template <class Visit>
  void each_reference(std::uint32_t op, Visit visit) const {
    for (std::uint32_t i = first_reference_[op]; i < first_reference_[op + 1]; ++i)
      if (is_register(draft_.references[i].value)) visit(draft_.references[i]);
  }

  // Backwards: a value is live before an op that reads it, and before everything up to an unguarded write. Per lane this is exact
  // whatever way the lanes go, because each lane follows one path.
  void step_back(std::uint32_t op, Bits& live, std::size_t row) const {
    if (program_.ops[op].guard == kNoGuard)
      each_reference(op, [&](const Reference& r) { if (r.is_definition) live.clear(row, r.value); });
    each_reference(op, [&](const Reference& r) { if (!r.is_definition) live.set(row, r.value); });
  }
  void liveness(const std::vector<Block>& blocks, Bits& live_in) const {
    Bits work(1, draft_.values.size());
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t b = blocks.size(); b-- > 0;) {
        std::fill(work.row(0), work.row(0) + work.words(), 0);
        for (std::uint32_t next : blocks[b].successors)
          for (std::size_t w = 0; w < work.words(); ++w) work.row(0)[w] |= live_in.row(next)[w];
        for (std::uint32_t op = blocks[b].last; op-- > blocks[b].first;) step_back(op, work, 0);
        if (std::equal(work.row(0), work.row(0) + work.words(), live_in.row(b))) continue;
        std::copy(work.row(0), work.row(0) + work.words(), live_in.row(b));
        changed = true;
      }
    }
  }

  // Forwards: what some path has written. A read of anything else is wrong on every path.
  void find_undefined(const std::vector<Block>& blocks, Bits& written_in) {
    std::vector<bool> reached(blocks.size(), false);
    reached[0] = true;
    Bits work(1, draft_.values.size());
    const auto load = [&](std::size_t b) { std::copy(written_in.row(b), written_in.row(b) + work.words(), work.row(0)); };
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        if (!reached[b]) continue;
        load(b);
        for (std::uint32_t op = blocks[b].first; op < blocks[b].last; ++op)
          each_reference(op, [&](const Reference& r) { if (r.is_definition) work.set(0, r.value); });
        for (std::uint32_t next : blocks[b].successors) {
          changed |= !reached[next];
          reached[next] = true;
          for (std::size_t w = 0; w < work.words(); ++w) {
            const std::uint64_t joined = written_in.row(next)[w] | work.row(0)[w];
            changed |= joined != written_in.row(next)[w];
            written_in.row(next)[w] = joined;
          }
        }
      }
    }
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      if (!reached[b]) continue;
      load(b);
      for (std::uint32_t op = blocks[b].first; op < blocks[b].last; ++op) {
        std::uint32_t bad = ~0u;
        each_reference(op, [&](const Reference& r) { if (!r.is_definition && !r.may_be_undefined && !work.test(0, r.value) && bad == ~0u) bad = r.value; });
        if (bad != ~0u)
          program_.findings.push_back({op, fmt::format("register {} is read and nothing wrote it", function_.registers[bad].full_name())});
        each_reference(op, [&](const Reference& r) { if (r.is_definition) work.set(0, r.value); });
      }
    }
  }

  // What is live at the entry. Where it is wrong on every path, find_undefined has said so at the same instruction, once is enough there.
  void watch(const Bits& live_in) {
    UndefinedTable& table = program_.undefined;
    std::vector<std::uint32_t> index(draft_.values.size(), ~0u);
    live_in.each(0, [&](std::uint32_t value) {
      if (value >= function_.registers.size()) return;
      index[value] = static_cast<std::uint32_t>(table.names.size());
      table.names.push_back(function_.registers[value].full_name());
    });
    if (table.names.empty()) return;
    for (Op& op : program_.ops) {
      if (op.kind != OpKind::kPlain && op.kind != OpKind::kWait) continue;
      std::vector<UndefinedTable::Mention> mentions;
      each_reference(op.index, [&](const Reference& r) {
        if (index[r.value] != ~0u) mentions.push_back({index[r.value], r.is_definition, r.may_be_undefined});
      });
      if (mentions.empty()) continue;
      table.watched.push_back({op, std::move(mentions)});
      op.handler = &undefined_watched;
    }
  }

  // From the first to the last op at which a value is live; in between it may be dead, which only costs space.
  std::vector<Life> lives_of(const std::vector<Block>& blocks, const Bits& live_in) const {
    std::vector<std::uint32_t> first(draft_.values.size(), ~0u), last(draft_.values.size(), 0);
    const auto cover = [&](std::uint32_t value, std::uint32_t from, std::uint32_t to) {
      first[value] = std::min(first[value], from);
      last[value] = std::max(last[value], to);
    };
    for (const Reference& reference : draft_.references)
      if (is_register(reference.value)) cover(reference.value, reference.op, reference.op);
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      live_in.each(b, [&](std::uint32_t value) { cover(value, blocks[b].first, blocks[b].first); });
      for (std::uint32_t next : blocks[b].successors)
        live_in.each(next, [&](std::uint32_t value) { cover(value, blocks[b].last - 1, blocks[b].last - 1); });
    }
    std::vector<Life> lives;
    for (std::uint32_t value = 0; value < draft_.values.size(); ++value)
      if (first[value] != ~0u) lives.push_back({value, first[value], last[value]});
    std::sort(lives.begin(), lives.end(), [](const Life& a, const Life& b) { return a.first != b.first ? a.first < b.first : a.value < b.value; });
    return lives;
  }

  // For texts so large that liveness would take too much memory: every register has its own place.
  void place_everything() {
    std::vector<Life> lives;
    const auto end = static_cast<std::uint32_t>(program_.ops.size());
    std::vector<bool> seen(draft_.values.size(), false);
    for (const Reference& reference : draft_.references) {
      if (!is_register(reference.value) || seen[reference.value]) continue;
      seen[reference.value] = true;
      lives.push_back({reference.value, 0, end});
    }
    place(lives);
    for (const Life& life : lives) program_.undefined_at_entry.push_back({offset_[life.value], bytes_of(draft_.values[life.value].width)});
    patch();
  }

  // Linear scan with one free list per width. A value never shares its place with one that dies in the very op that writes it, so
  // handlers may write results before they have read every operand of other lanes.
  void place(const std::vector<Life>& lives) {
    offset_.assign(draft_.values.size(), 0);
    std::vector<std::uint32_t> free[3];
    std::vector<Life> active;
    const auto later = [](const Life& a, const Life& b) { return a.last > b.last; };
    std::uint32_t top[3] = {};
    for (const Life& life : lives) {
      while (!active.empty() && active.front().last < life.first) {
        std::pop_heap(active.begin(), active.end(), later);
        free[static_cast<int>(draft_.values[active.back().value].width)].push_back(offset_[active.back().value]);
        active.pop_back();
      }
      const int width = static_cast<int>(draft_.values[life.value].width);
      if (free[width].empty()) {
        offset_[life.value] = top[width]++;
      } else {
        offset_[life.value] = free[width].back();
        free[width].pop_back();
      }
      active.push_back(life);
      std::push_heap(active.begin(), active.end(), later);
    }
    for (std::uint32_t value = 0; value < draft_.values.size(); ++value)
      if (!is_register(value)) offset_[value] = top[static_cast<int>(draft_.values[value].width)]++;
    // Wide registers first, predicates last, so that all are aligned to their size.
    const std::uint32_t word_base = top[2] * 256, predicate_base = word_base + top[1] * 128;
    for (std::uint32_t value = 0; value < draft_.values.size(); ++value) {
      const Width width = draft_.values[value].width;
      offset_[value] = width == Width::kLong ? offset_[value] * 256 : width == Width::kWord ? word_base + offset_[value] * 128 : predicate_base + offset_[value] * 4;
      if (draft_.values[value].is_constant) program_.constants.push_back({offset_[value], bytes_of(width), draft_.values[value].bits});
    }
    program_.register_file_bytes = (predicate_base + top[0] * 4 + 255) / 256 * 256;
  }

  void patch() {
    for (const Draft::SlotUse& use : draft_.slots) {
      Op& op = program_.ops[use.op];
      std::uint32_t& slot = use.slot == kMaxSlots ? op.guard : op.slot[use.slot];
      slot = offset_[slot];
    }
    for (std::uint32_t index : draft_.extra_values) program_.extra[index] = offset_[program_.extra[index]];
    draft_.offsets = std::move(offset_);
  }

  Draft& draft_;
  Program& program_;
  const ptx::Function& function_;
  std::vector<std::uint32_t> first_reference_;
  std::vector<std::uint32_t> offset_;
};

}  // namespace

void allocate_registers(Draft& draft, const ptx::Function& function) { Allocator(draft, function).run(); }

}  // namespace bsgen::sim::decoding
