#include "runtime/sim/exec/warp_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cctype>

#include "runtime/sim/exec/shared_symbols.h"

namespace bsgen::sim {
namespace {

using ptx::ScalarType;

std::vector<std::string_view> words_of(std::string_view opcode) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t dot = opcode.find('.');
    words.push_back(opcode.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    opcode.remove_prefix(dot + 1);
  }
}

// The instruction's first type is its result's; a register declared as a float says more than ".b32" does.
ValueView view_of(std::string_view opcode, ScalarType declared) {
  if (declared == ScalarType::kPred) return ValueView::kPredicate;
  ScalarType type = ScalarType::kNone;
  for (std::string_view word : words_of(opcode))
    if (type == ScalarType::kNone) type = ptx::parse_type(word);
  if (ptx::is_float(declared)) type = declared;
  switch (type) {
    case ScalarType::kF32:
    case ScalarType::kTf32:
      return ValueView::kFloat32;
    case ScalarType::kF64:
      return ValueView::kFloat64;
    case ScalarType::kF16:
      return ValueView::kFloat16;
    case ScalarType::kBf16:
      return ValueView::kBfloat16;
    case ScalarType::kU8:
    case ScalarType::kU16:
    case ScalarType::kU32:
    case ScalarType::kU64:
      return ValueView::kUnsigned;
    case ScalarType::kS8:
    case ScalarType::kS16:
    case ScalarType::kS32:
    case ScalarType::kS64:
      return ValueView::kSigned;
    default:
      return ValueView::kBits;
  }
}

std::array<std::uint64_t, kLanes> values_of(const Warp& warp, const Program::NamedRegister& named) {
  std::array<std::uint64_t, kLanes> values{};
  const int bits = ptx::size_bits(named.as_written.type);
  for (int lane = 0; lane < kLanes; ++lane)
    values[lane] = bits == 1    ? warp.predicate(named.offset) >> lane & 1
                   : bits <= 32 ? std::uint64_t{warp.reg32(named.offset)[lane]} & (bits == 32 ? ~0u : (1u << bits) - 1)
                                : warp.reg64(named.offset)[lane];
  return values;
}

// What an access of this opcode moves per lane: its last type times its vector; matrices are read a row of 16 bytes at a time.
std::uint32_t bytes_of(const std::vector<std::string_view>& words, std::string_view text) {
  if (words[0] == "ldmatrix" || words[0] == "stmatrix") return 16;
  if (words[0] == "cp") {  // cp.async ... [to], [from], size
    const std::size_t at = text.rfind(']');
    if (words.size() > 2 && words[1] == "async" && words[2] != "bulk" && at != std::string_view::npos) {
      std::uint32_t bytes = 0;
      const std::size_t digit = text.find_first_of("0123456789", at);
      if (digit != std::string_view::npos) std::from_chars(text.data() + digit, text.data() + text.size(), bytes);
      return bytes;
    }
    return 0;
  }
  if (words[0] != "ld" && words[0] != "ldu" && words[0] != "st" && words[0] != "atom" && words[0] != "red") return 0;
  std::uint32_t element = 0, count = 1;
  for (std::string_view word : words) {
    if (const ScalarType type = ptx::parse_type(word); type != ScalarType::kNone)
      element = static_cast<std::uint32_t>(ptx::size_bytes(type));
    if (word == "v2" || word == "v4" || word == "v8") count = static_cast<std::uint32_t>(word[1] - '0');
  }
  return element * count;
}

std::string_view verb_of(std::string_view word, std::size_t which) {
  if (word == "ld" || word == "ldu" || word == "ldmatrix") return "reads";
  if (word == "st" || word == "stmatrix") return "writes";
  if (word == "atom" || word == "red") return "updates";
  if (word == "cp") return which == 0 ? "writes" : which == 1 ? "reads" : "uses";
  return "uses";
}

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.'; }

}  // namespace

WarpTrace::WarpTrace(const TraceRequest& request, const LaunchState& launch) : request_(request), launch_(launch) {
  const Program& program = *launch.program;
  line_starts_.push_back(0);
  for (std::size_t at = 0; (at = program.text->find('\n', at)) != std::string::npos;) line_starts_.push_back(++at);
  int best = INT_MAX;
  for (std::uint32_t op = 0; op < program.lines.size() && request.from_line > 0; ++op)
    if (const int line = program.lines[op].ptx; line >= request.from_line && line < best) best = line, first_op_ = op;
  started_ = request.from_line <= 0;
  if (best == INT_MAX && !started_) ended_ = true;  // no instruction stands there
}

bool WarpTrace::watches(const Warp& warp) const {
  return warp.index == request_.warp && std::equal(request_.cta.begin(), request_.cta.end(), warp.cta->index) && !ended_;
}

std::span<const Program::Mention> WarpTrace::mentions(std::uint32_t op) const {
  const std::vector<Program::Mention>& all = launch_.program->mentions;
  const auto first = std::lower_bound(all.begin(), all.end(), op, [](const Program::Mention& m, std::uint32_t at) { return m.op < at; });
  auto last = first;
  while (last != all.end() && last->op == op) ++last;
  return {first, last};
}

void WarpTrace::before(Warp& warp) {
  if (current_) finish(warp);
  ++executed_;
  const auto op = static_cast<std::uint32_t>(warp.pc);
  started_ = started_ || op == first_op_;
  if (started_ && !ended_) {
    if (steps_.size() >= request_.max_steps) steps_.pop_front();  // until a finding; else it has ended by now
    begin(warp);
  }
  if (warp.mask == 0) return;
  for (const Program::Mention& mention : mentions(op))
    if (mention.is_written) owner_[launch_.program->registers[mention.named].offset] = mention.named;
}

void WarpTrace::stopped(Warp& warp) {
  if (current_) finish(warp);
}

std::vector<TraceStep> WarpTrace::take() { return {std::make_move_iterator(steps_.begin()), std::make_move_iterator(steps_.end())}; }

// The statement of this op in the text, from its opcode to its semicolon. Several may stand on one line.
std::string_view WarpTrace::statement(std::uint32_t op) const {
  const Program& program = *launch_.program;
  const std::string_view text = *program.text;
  const int line = program.lines[op].ptx;
  if (line < 1 || static_cast<std::size_t>(line) > line_starts_.size()) return program.opcodes[op];
  std::uint32_t earlier = 0;  // ops before this one on its line whose opcode is the same word
  for (std::uint32_t i = op; i-- > 0 && program.lines[i].ptx == line;) earlier += program.opcodes[i] == program.opcodes[op];
  const std::string_view opcode = program.opcodes[op];
  for (std::size_t at = line_starts_[static_cast<std::size_t>(line) - 1]; (at = text.find(opcode, at)) != std::string_view::npos;
       at += opcode.size()) {
    const bool whole = (at == 0 || !is_name(text[at - 1])) && (at + opcode.size() >= text.size() || !is_name(text[at + opcode.size()]));
    if (!whole) continue;
    if (earlier-- > 0) continue;
    return text.substr(at, text.find(';', at) - at);
  }
  return opcode;
}

void WarpTrace::begin(Warp& warp) {
  const Program& program = *launch_.program;
  const auto op = static_cast<std::uint32_t>(warp.pc);
  current_ = op;
  findings_before_ = warp.cta->worker->findings.at(op);
  copies_before_ = warp.pending.size();
  TraceStep& step = steps_.emplace_back();
  step.number = executed_;
  const ptx::SourceLine& line = program.lines[op];
  step.ptx_line = line.ptx;
  step.cuda_line = line.cuda;
  if (line.cuda > 0 && line.cuda_file > 0 && line.cuda_file < static_cast<int>(program.files.size()))
    step.cuda_file = program.files[line.cuda_file];
  step.active = warp.active;
  step.mask = warp.mask;
  for (const Program::Mention& mention : mentions(op)) {
    const Program::NamedRegister& named = program.registers[mention.named];
    if (program.ops[op].guard == named.offset && !mention.is_written && step.text.empty())
      step.text = fmt::format("@{}{} ", program.ops[op].guard_negated ? "!" : "", named.as_written.full_name());
    if (!mention.is_written) continue;
    TraceStep::Change& change = step.changes.emplace_back(change_of(named, op));
    const auto owner = owner_.find(named.offset);
    change.had_value = owner != owner_.end() && owner->second == mention.named;
    change.before = values_of(warp, named);
  }
  for (char c : statement(op)) {  // in one line, one space at a time
    if (std::isspace(static_cast<unsigned char>(c)) == 0)
      step.text += c;
    else if (!step.text.empty() && step.text.back() != ' ')
      step.text += ' ';
  }
  if (warp.mask != 0) note_accesses(warp, op);
  async_.before(warp, op, step.events);
}

TraceStep::Change WarpTrace::change_of(const Program::NamedRegister& named, std::uint32_t op) const {
  TraceStep::Change change;
  change.name = named.as_written.full_name();
  change.view = view_of(launch_.program->opcodes[op], named.as_written.type);
  change.bytes = std::max(1, ptx::size_bytes(named.as_written.type));
  return change;
}

// wgmma leaves its sums whenever it is carried out, at the latest at the wait: there they are shown, where they were not at once.
void WarpTrace::note_accumulators(const Warp& warp, std::uint32_t op) {
  const Program& program = *launch_.program;
  const std::string_view opcode = program.opcodes[op];
  if (opcode.starts_with("wgmma.mma_async"))
    for (const Program::Mention& mention : mentions(op))
      if (mention.is_written) async_.accumulators.insert_or_assign(mention.named, values_of(warp, program.registers[mention.named]));
  if (!opcode.starts_with("wgmma.wait_group") || warp.group_waits) return;
  for (auto& [index, before] : async_.accumulators) {
    const Program::NamedRegister& named = program.registers[index];
    const AsyncWatch::Values now = values_of(warp, named);
    if (now == before) continue;
    TraceStep::Change change = change_of(named, op);
    change.had_value = true;
    change.before = before, change.after = now;
    steps_.back().changes.push_back(std::move(change));
    before = now;
  }
  if (warp.async[static_cast<int>(AsyncKind::kTensor)].pending.empty()) async_.accumulators.clear();
}

void WarpTrace::finish(Warp& warp) {
  const Program& program = *launch_.program;
  const std::uint32_t op = *current_;
  current_.reset();
  TraceStep& step = steps_.back();
  auto change = step.changes.begin();
  for (const Program::Mention& mention : mentions(op))
    if (mention.is_written) (change++)->after = values_of(warp, program.registers[mention.named]);
  note_control(warp, program.ops[op]);
  async_.after(warp, op, step.events);
  note_accumulators(warp, op);
  note_findings(warp, op);
  if (request_.until_finding && !step.findings.empty()) ended_ = true;
  if (!request_.until_finding && steps_.size() >= request_.max_steps) ended_ = true;
}

void WarpTrace::note_accesses(const Warp& warp, std::uint32_t op) {
  const Program& program = *launch_.program;
  const std::string_view text = statement(op);
  const std::vector<std::string_view> words = words_of(program.opcodes[op]);
  std::size_t which = 0;
  for (std::size_t open = 0; (open = text.find('[', open)) != std::string_view::npos; ++open, ++which) {
    TraceStep::Access access;
    access.verb = verb_of(words[0], which);
    access.bytes = access.verb == "uses" ? 0 : bytes_of(words, text);
    access.mask = warp.mask;
    if (words[0] == "ldmatrix" || words[0] == "stmatrix")
      access.mask &= std::find(words.begin(), words.end(), "x1") != words.end()   ? 0xffu
                     : std::find(words.begin(), words.end(), "x2") != words.end() ? 0xffffu
                                                                                  : ~0u;
    note_address(warp, op, text.substr(open + 1, text.find(']', open) - open - 1), std::move(access));
  }
}

// "%rd4+16": the register's value and the displacement, as an offset into what lies there. A symbol needs no explanation.
void WarpTrace::note_address(const Warp& warp, std::uint32_t op, std::string_view operand, TraceStep::Access access) {
  const Program& program = *launch_.program;
  operand = operand.substr(0, operand.find(','));
  while (!operand.empty() && operand.front() == ' ') operand.remove_prefix(1);
  std::size_t end = 0;
  while (end < operand.size() && is_name(operand[end])) ++end;
  const std::string_view name = operand.substr(0, end);
  std::int64_t displacement = 0;
  if (const std::size_t sign = operand.find_first_of("+-", end); sign != std::string_view::npos) {
    std::string_view digits = operand.substr(sign + 1);
    while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
    const bool negative = (operand[sign] == '-') != (!digits.empty() && digits.front() == '-');
    if (!digits.empty() && digits.front() == '-') digits.remove_prefix(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), displacement);
    if (negative) displacement = -displacement;
  }
  const auto named = std::find_if(program.mentions.begin(), program.mentions.end(), [&](const Program::Mention& m) {
    return m.op == op && !m.is_written && program.registers[m.named].as_written.full_name() == name;
  });
  if (named == program.mentions.end()) return;
  const Program::NamedRegister& base = program.registers[named->named];
  const bool is_long = ptx::size_bits(base.as_written.type) == 64;
  const std::array<std::uint64_t, kLanes> values = values_of(warp, base);
  for (std::uint32_t rest = access.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::uint64_t address = values[lane] + static_cast<std::uint64_t>(displacement);
    if (!is_long) address = static_cast<std::uint32_t>(address);
    std::string object = "address 0x0";  // beyond everything
    std::uint64_t start = 0;
    const std::string_view opcode = program.opcodes[op];
    if (address >= kGlobalBase) {
      const Allocation* found = find(launch_.memory, address);
      if (found != nullptr) {
        const auto index =
            std::count_if(launch_.memory.begin(), launch_.memory.end(), [&](const auto& each) { return each->base < found->base; });
        object = found->name.empty() ? fmt::format("allocation {} of {} bytes", index, found->bytes) : found->name;
        start = found->base;
      }
    } else if (address >= kParamWindow) {
      object = "parameters", start = kParamWindow;
    } else if (address >= kLocalWindow || opcode.find(".local") != std::string_view::npos) {
      object = "local memory", start = address >= kLocalWindow ? kLocalWindow : 0;
    } else if (opcode.find(".param") != std::string_view::npos) {
      object = "parameters";
    } else {
      object = "shared memory", start = (address >= kSharedWindow ? kSharedWindow : 0) + kSharedBase;
      const std::uint64_t rank = (address - (address >= kSharedWindow ? kSharedWindow : 0)) >> kClusterRankShift;  // of another cta, plus 1
      start += rank << kClusterRankShift;
      if (const Program::SharedSymbol* symbol = symbol_at(program, address - start)) object = symbol->name, start += symbol->offset;
      if (rank != 0) object += fmt::format(" of cta rank {}", rank - 1);
    }
    const auto known = std::find(access.objects.begin(), access.objects.end(), object);
    access.object[lane] = static_cast<std::uint8_t>(known - access.objects.begin());
    if (known == access.objects.end()) access.objects.push_back(object);
    access.offset[lane] = address - start;
  }
  steps_.back().accesses.push_back(std::move(access));
}

// A message is made for the first of its kind at an instruction, who may have been another warp.
void WarpTrace::note_findings(const Warp& warp, std::uint32_t op) {
  for (const Findings::Found& now : warp.cta->worker->findings.at(op)) {
    const auto before =
        std::find_if(findings_before_.begin(), findings_before_.end(), [&](const Findings::Found& each) { return each.kind == now.kind; });
    if (before != findings_before_.end() && before->count == now.count) continue;
    const bool own = now.where.cta == warp.cta->linear && now.where.warp == warp.index;
    steps_.back().findings.push_back(own ? now.message : fmt::format("{} here too; first {}", now.kind, now.message));
  }
}

void WarpTrace::note_control(const Warp& warp, const Op& op) {
  TraceStep& step = steps_.back();
  const Program& program = *launch_.program;
  switch (op.kind) {
    case OpKind::kBranch:
      if (step.mask == 0)
        step.events.push_back("no lane jumps");
      else
        step.events.push_back(fmt::format(
            "{} to line {}",
            step.mask == step.active ? "jumps" : fmt::format("{} of {} lanes jump", std::popcount(step.mask), std::popcount(step.active)),
            program.lines[op.target].ptx));
      break;
    case OpKind::kExit:
      if (step.mask != 0) step.events.push_back(warp.live == 0 ? "the warp ends" : fmt::format("{} lanes exit", std::popcount(step.mask)));
      break;
    case OpKind::kBarrier:
      if (step.mask == 0) break;
      if (warp.barrier < 0) {
        step.events.push_back("passes");
      } else {
        const Barrier& barrier = warp.cta->barriers[warp.barrier];
        step.events.push_back(
            fmt::format("waits at barrier {}: {} of {} warps have come", warp.barrier, barrier.arrived, barrier.expected));
      }
      break;
    default:
      break;
  }
  if (warp.pending.size() != copies_before_)
    step.events.push_back(fmt::format("copies under way: {} before, {} now", copies_before_, warp.pending.size()));
}

}  // namespace bsgen::sim
