#include "tests/mutation/operators.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace bsgen::mutation {
namespace {

// What the whole text says about a statement, found once.
struct Roles {
  std::set<std::size_t> shared;      // reaches a shared address
  std::set<std::size_t> descriptor;  // reaches a wgmma descriptor
  std::set<std::size_t> decision;    // reaches a guard or the source size of a copy
};

std::optional<std::int64_t> immediate(std::string_view operand) {
  if (operand.empty() || (operand[0] != '-' && (operand[0] < '0' || operand[0] > '9'))) return std::nullopt;
  try {
    std::size_t used = 0;
    const std::int64_t value = std::stoll(std::string(operand), &used, 0);
    return used == operand.size() ? std::optional(value) : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// The statement with one operand changed.
std::string with_operand(const Statement& s, std::size_t index, const std::string& value) {
  std::string text = s.guard + (s.guard.empty() ? "" : " ") + s.opcode;
  for (std::size_t i = 0; i < s.operands.size(); ++i) text += (i ? ", " : " ") + (i == index ? value : s.operands[i]);
  return text;
}
std::string with_operand(const Statement& s, std::size_t index, std::int64_t value) { return with_operand(s, index, std::to_string(value)); }

std::string with_opcode(const Statement& s, std::string opcode) {
  Statement changed = s;
  changed.opcode = std::move(opcode);
  return with_operand(changed, ~std::size_t{0}, "");
}

std::string with_part(const Statement& s, std::string_view part, std::string_view other) {
  std::string opcode = s.opcode;
  return with_opcode(s, opcode.replace(opcode.find(part), part.size(), other));
}

bool is_copy(const Statement& s) { return s.is("cp.async.ca") || s.is("cp.async.cg"); }
bool is_barrier(const Statement& s) { return s.is("bar.sync") || s.is("bar.red") || s.is("bar.warp.sync") || s.is("barrier."); }
bool is_wait(const Statement& s) { return s.has(".wait_group") || s.has(".wait_all") || s.is("griddepcontrol.wait") || s.is("wgmma.wait"); }
bool is_mbarrier_wait(const Statement& s) { return s.is("mbarrier.try_wait") || s.is("mbarrier.test_wait"); }
bool is_arrive(const Statement& s) { return s.is("bar.arrive") || s.is("mbarrier.arrive") || s.is("cp.async.mbarrier.arrive"); }
bool is_fence(const Statement& s) { return s.is("fence.") || s.is("membar.") || s.is("wgmma.fence"); }
bool is_commit(const Statement& s) { return s.has(".commit_group"); }

// Operands that are shared addresses: of the instruction's own space, or of the generic form that only names shared places.
std::vector<std::size_t> shared_addresses(const Statement& s) {
  if (is_copy(s)) return {0};
  if (!s.has(".shared") && !s.is("ldmatrix") && !s.is("stmatrix") && !s.is("mbarrier")) return {};
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < s.operands.size(); ++i)
    if (s.operands[i][0] == '[') found.push_back(i);
  return found;
}

Roles roles_of(const PtxText& text) {
  std::set<std::string> shared, descriptor, decision;
  const auto take = [](std::set<std::string>& into, const std::string& operand) {
    for (std::string& name : PtxText::registers(operand)) into.insert(std::move(name));
  };
  for (const Statement& s : text.statements()) {
    for (const std::size_t i : shared_addresses(s)) take(shared, s.operands[i]);
    if (s.is("wgmma.mma_async"))
      for (std::size_t i = 1; i < s.operands.size(); ++i)
        if (s.operands[i].substr(0, 3) == "%rd" || s.operands[i].substr(0, 5) == "desc_") take(descriptor, s.operands[i]);
    if (!s.guard.empty()) take(decision, guard_of(s));
    if (is_copy(s) && s.operands.size() > 3) take(decision, s.operands[3]);
  }
  return {text.slice(shared), text.slice(descriptor), text.slice(decision)};
}

class Maker {
 public:
  Maker(const PtxText& text) : text_(text), roles_(roles_of(text)) {}

  std::vector<Mutant> all() {
    for (at_ = 0; at_ < text_.statements().size(); ++at_) {
      const Statement& s = text_.statements()[at_];
      synchronisation(s);
      mbarriers(s);
      copies(s);
      if (roles_.shared.count(at_)) shared_addressing(s);
      if (roles_.descriptor.count(at_) && !roles_.shared.count(at_)) descriptors(s);
      offsets(s);
      decisions(s);
    }
    return std::move(made_);
  }

 private:
  void make(const char* op, std::string replacement) { made_.push_back({op, at_, std::move(replacement)}); }

  // The value of a register that is only ever set to one constant.
  std::optional<std::int64_t> constant(const std::string& name) const {
    std::optional<std::int64_t> found;
    for (const Statement& s : text_.statements()) {
      if (s.operands.size() < 2 || s.operands[0] != name) continue;
      const auto value = immediate(s.operands[1]);
      if (!s.is("mov") || !value || (found && found != value)) return std::nullopt;
      found = value;
    }
    return found;
  }

  void synchronisation(const Statement& s) {
    if (is_wait(s)) {
      make("wait.drop", "");
      if (const auto groups = s.operands.empty() ? std::nullopt : immediate(s.operands.back())) make("wait.weaken", with_operand(s, s.operands.size() - 1, *groups + 1));
    } else if (is_barrier(s)) {
      make("barrier.drop", "");
    } else if (is_arrive(s)) {
      make("arrive.drop", "");
    } else if (is_fence(s)) {
      make("fence.drop", "");
    } else if (is_commit(s)) {
      make("commit.drop", "");
    }
    if (s.is("fence.") || s.is("barrier.cluster.wait")) return;  // have one order only
    if (s.has(".release")) make("order.weaken", with_part(s, ".release", ".relaxed"));
    if (s.has(".acquire")) make("order.weaken", with_part(s, ".acquire", ".relaxed"));
    if ((s.is("bar.sync") || s.is("bar.arrive") || s.is("barrier.sync")) && s.operands.size() > 1)
      if (const auto threads = immediate(s.operands[1]))
        for (const int change : {-32, 32}) make("count", with_operand(s, 1, *threads + change));
  }

  void mbarriers(const Statement& s) {
    if (s.is("mbarrier.init")) {
      if (const auto count = immediate(s.operands[1])) {
        make("count", with_operand(s, 1, *count + 1));
        if (*count > 1) make("count", with_operand(s, 1, *count - 1));
      } else {
        make("count", fmt::format("{{ .reg .b32 %mut; add.s32 %mut, {}, 1; {}; }}", s.operands[1], with_operand(s, 1, "%mut")));
      }
    }
    if (s.has(".expect_tx"))
      for (const int change : {-16, 16}) {
        const std::string& bytes = s.operands.back();
        if (const auto value = immediate(bytes)) make("tx.bytes", with_operand(s, s.operands.size() - 1, *value + change));
        else make("tx.bytes", fmt::format("{{ .reg .b32 %mut; add.s32 %mut, {}, {}; {}; }}", bytes, change, with_operand(s, s.operands.size() - 1, "%mut")));
      }
    if (is_mbarrier_wait(s)) {
      make("wait.drop", fmt::format("{} setp.eq.u32 {}, 0, 0", s.guard, s.operands[0]));
      if (s.has(".parity")) {
        if (const auto parity = immediate(s.operands[2])) make("parity", with_operand(s, 2, *parity ^ 1));
        else make("parity", fmt::format("{{ .reg .b32 %mut; xor.b32 %mut, {}, 1; {}; }}", s.operands[2], with_operand(s, 2, "%mut")));
      }
    }
  }

  void copies(const Statement& s) {
    if (!is_copy(s) || s.operands.size() < 4) return;
    if (constant(s.operands[3]) != immediate(s.operands[2])) make("source.size", with_operand(s, 3, s.operands[2]));  // as if nothing had to be cut
    make("source.size", with_operand(s, 3, "0"));
  }

  // xor, and, shl, shr, mul and constants on the way to a shared address.
  void shared_addressing(const Statement& s) {
    if (s.is("setp") || s.is("mov") || s.operands.size() < 3) return;
    const std::size_t last = s.operands.size() - 1;
    const auto value = immediate(s.operands[last]);
    const std::string type = s.opcode.substr(s.opcode.rfind('.'));
    if (s.is("xor")) {
      make("swizzle", fmt::format("{} mov{} {}, {}", s.guard, type, s.operands[0], s.operands[1]));
      if (value) make("swizzle", with_operand(s, last, *value << 1));
    } else if (s.is("and") && value && *value > 0 && *value < 0x10000) {
      make("swizzle", with_operand(s, last, *value & (*value - 1)));  // without its lowest bit
      std::int64_t top = 1;
      while (top * 2 <= *value) top *= 2;
      if (top != *value && (*value & (*value - 1)) != top) make("swizzle", with_operand(s, last, *value - top));
    } else if (s.is("and") && value && *value < 0) {
      make("swizzle", with_operand(s, last, *value * 2));
    } else if ((s.is("shl") || s.is("shr")) && value && *value < 24) {  // beyond: the sign of a signed division, never negative here
      make("swizzle", with_operand(s, last, *value + 1));
      if (*value > 1) make("swizzle", with_operand(s, last, *value - 1));
    } else if (s.is("bfi") && immediate(s.operands[3])) {
      make("swizzle", with_operand(s, 3, *immediate(s.operands[3]) + 1));
    } else if (s.is("mul") && value) {
      // A stage's bytes, or the reciprocal that divides a stage index.
      const bool reciprocal = s.has(".wide") || s.has(".hi");
      make("stage.count", with_operand(s, last, reciprocal ? *value / 2 : *value + (*value % 16 == 0 ? 16 : 1)));
    } else if (s.is("add") && value && (*value >= 16 || *value <= -16)) {  // less counts iterations, not bytes
      make("offset", with_operand(s, last, *value + 16));
    }
  }

  void descriptors(const Statement& s) {
    if (s.operands.size() < 3) return;
    const std::size_t last = s.operands.size() - 1;
    const auto value = immediate(s.operands[last]);
    if (!value) return;
    const bool address = s.has("32");  // of which a descriptor drops four bits
    if (address && s.is("add")) {
      make("descriptor", with_operand(s, last, *value + 16));
    } else if (!address && (s.is("or") || s.is("add") || s.is("xor"))) {
      // Each field of the constant by itself: leading and stride offsets, and the swizzle mode.
      const struct { int shift, width; } fields[] = {{0, 14}, {16, 14}, {32, 14}, {62, 2}};
      bool changed = false;
      for (const auto& field : fields) {
        const std::uint64_t mask = ((std::uint64_t{1} << field.width) - 1) << field.shift, bits = static_cast<std::uint64_t>(*value);
        if ((bits & mask) == 0) continue;
        make("descriptor", with_operand(s, last, static_cast<std::int64_t>(bits ^ (std::uint64_t{1} << field.shift))));
        changed = true;
      }
      if (!changed) make("descriptor", with_operand(s, last, *value + 1));
    } else if ((s.is("shl") || s.is("shr")) && *value > 0) {
      make("descriptor", with_operand(s, last, *value + 1));
    } else if (s.is("and") && *value > 0) {
      make("descriptor", with_operand(s, last, *value & (*value - 1)));
    }
  }

  // Constants inside the brackets of a shared address.
  void offsets(const Statement& s) {
    for (const std::size_t i : shared_addresses(s)) {
      const std::string& operand = s.operands[i];
      const std::size_t plus = operand.find('+');
      if (operand.find(',') != std::string::npos) continue;  // a tensor map's coordinates
      const auto value = plus == std::string::npos ? std::optional<std::int64_t>(0) : immediate(operand.substr(plus + 1, operand.size() - plus - 2));
      if (value) make("offset", with_operand(s, i, fmt::format("{}+{}]", operand.substr(0, plus == std::string::npos ? operand.size() - 1 : plus), *value + 16)));
    }
  }

  void decisions(const Statement& s) {
    if (!s.guard.empty()) {
      Statement other = s;
      other.guard = s.guard[1] == '!' ? fmt::format("@{}", s.guard.substr(2)) : fmt::format("@!{}", s.guard.substr(1));
      make("predicate", with_operand(other, ~std::size_t{0}, ""));
      other.guard.clear();
      if (s.opcode == "bra") other.opcode = "bra.uni";
      make("predicate", with_operand(other, ~std::size_t{0}, ""));
      make("predicate", "");
    }
    // Where the mask stands in the code itself, its index functions are tables spelled out, not bounds.
    if (!roles_.decision.count(at_) || s.generated || s.cuda.find("static __device__") != std::string::npos) return;
    if (s.is("setp")) {
      for (const auto& [from, to] : {std::pair{".lt.", ".le."}, {".le.", ".lt."}, {".gt.", ".ge."}, {".ge.", ".gt."}})
        if (s.has(from)) {
          make("bound", with_part(s, from, to));
          break;
        }
      if (s.has(".eq.") || s.has(".ne."))
        if (const auto value = immediate(s.operands.back()); value && *value != 0) make("bound", with_operand(s, s.operands.size() - 1, *value + 1));
    } else if (s.is("selp") && immediate(s.operands[1]) && immediate(s.operands[2])) {
      make("bound", fmt::format("{} mov{} {}, {}", s.guard, s.opcode.substr(4), s.operands[0], s.operands[1]));
      make("bound", fmt::format("{} mov{} {}, {}", s.guard, s.opcode.substr(4), s.operands[0], s.operands[2]));
    } else if (s.is("or.pred")) {
      make("bound", with_opcode(s, "and.pred"));
    } else if (s.is("and.pred")) {
      make("bound", with_opcode(s, "or.pred"));
    } else if ((s.is("min.") || s.is("max.")) && (s.has(".s32") || s.has(".u32"))) {
      // Towards what is cut off: the other way is often caught by a second clamp, which is no mistake.
      if (const auto limit = immediate(s.operands[2])) make("bound", with_operand(s, 2, *limit + (s.is("min.") ? -1 : 1)));
    }
  }

  const PtxText& text_;
  Roles roles_;
  std::size_t at_ = 0;
  std::vector<Mutant> made_;
};

}  // namespace

std::vector<Mutant> mutate(const PtxText& text) { return Maker(text).all(); }

}  // namespace bsgen::mutation
