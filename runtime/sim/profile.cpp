#include "runtime/sim/profile.h"

#include <algorithm>

namespace bsgen::sim {
namespace {

using Class = InstructionClass;

struct Row {
  std::string_view name;
  Class kind;
};
// Opcodes whose class needs nothing but their first word; arithmetic is told apart by its type below.
constexpr Row kRows[] = {
    {"mma", Class::kTensor}, {"wgmma", Class::kTensor}, {"wmma", Class::kTensor},
    {"ldmatrix", Class::kShared}, {"stmatrix", Class::kShared},
    {"cp", Class::kAsyncCopy}, {"prefetch", Class::kGlobal}, {"prefetchu", Class::kGlobal}, {"discard", Class::kGlobal}, {"applypriority", Class::kGlobal},
    {"bar", Class::kSynchronize}, {"barrier", Class::kSynchronize}, {"mbarrier", Class::kSynchronize}, {"membar", Class::kSynchronize},
    {"fence", Class::kSynchronize}, {"griddepcontrol", Class::kSynchronize}, {"setmaxnreg", Class::kSynchronize}, {"nanosleep", Class::kSynchronize},
    {"bra", Class::kControl}, {"brx", Class::kControl}, {"call", Class::kControl}, {"ret", Class::kControl}, {"exit", Class::kControl},
    {"trap", Class::kControl}, {"brkpt", Class::kControl},
    {"shfl", Class::kWarp}, {"vote", Class::kWarp}, {"match", Class::kWarp}, {"redux", Class::kWarp}, {"activemask", Class::kWarp},
    {"elect", Class::kWarp}, {"movmatrix", Class::kWarp},
    {"cvt", Class::kConvert}, {"cvta", Class::kInteger},
    {"mov", Class::kMove}, {"selp", Class::kMove}, {"slct", Class::kMove}, {"mapa", Class::kMove}, {"isspacep", Class::kMove}, {"createpolicy", Class::kMove},
    {"ex2", Class::kSpecial}, {"lg2", Class::kSpecial}, {"rcp", Class::kSpecial}, {"rsqrt", Class::kSpecial}, {"sqrt", Class::kSpecial},
    {"sin", Class::kSpecial}, {"cos", Class::kSpecial}, {"tanh", Class::kSpecial},
};

bool has(std::string_view opcode, std::string_view modifier) {
  for (std::size_t at = opcode.find(modifier); at != std::string_view::npos; at = opcode.find(modifier, at + 1)) {
    const std::size_t end = at + modifier.size();
    if (at > 0 && opcode[at - 1] == '.' && (end == opcode.size() || opcode[end] == '.' || opcode[end] == ':')) return true;
  }
  return false;
}

Class memory_class(std::string_view opcode) {
  if (has(opcode, "shared")) return Class::kShared;
  if (has(opcode, "local")) return Class::kLocal;
  if (has(opcode, "param") || has(opcode, "const")) return Class::kConstant;
  return Class::kGlobal;  // generic addresses too
}

}  // namespace

std::string_view name(InstructionClass kind) {
  switch (kind) {
    case Class::kTensor: return "tensor";
    case Class::kGlobal: return "global";
    case Class::kShared: return "shared";
    case Class::kLocal: return "local";
    case Class::kConstant: return "constant";
    case Class::kAsyncCopy: return "async copy";
    case Class::kFloat: return "float";
    case Class::kInteger: return "integer";
    case Class::kSpecial: return "special";
    case Class::kConvert: return "convert";
    case Class::kMove: return "move";
    case Class::kWarp: return "warp";
    case Class::kSynchronize: return "synchronize";
    case Class::kControl: return "control";
  }
  return "";
}

InstructionClass instruction_class(std::string_view opcode) {
  const std::string_view base = opcode.substr(0, opcode.find('.'));
  if (base == "wgmma" || base == "cp" || base == "bar") {  // some forms only wait
    const bool waits = has(opcode, "wait_group") || has(opcode, "wait_all") || has(opcode, "commit_group") || has(opcode, "fence") || has(opcode, "mbarrier") ||
                       base == "bar";
    const bool bulk = has(opcode, "bulk") && !has(opcode, "wait_group") && !has(opcode, "commit_group");
    if (waits && !bulk) return Class::kSynchronize;
  }
  for (const Row& row : kRows)
    if (row.name == base) return row.kind;
  if (base == "ld" || base == "ldu" || base == "st" || base == "atom" || base == "red" || base == "multimem") return memory_class(opcode);
  for (const std::string_view type : {"f32", "f64", "f16", "bf16", "f16x2", "bf16x2", "f32x2", "tf32"})
    if (has(opcode, type)) return base == "div" && has(opcode, "approx") ? Class::kSpecial : Class::kFloat;
  return Class::kInteger;
}

void LaunchCounts::add(const LaunchCounts& other) {
  for (std::size_t i = 0; i < executions.size(); ++i) {
    executions[i] += other.executions[i];
    ops[i].idle_lanes += other.ops[i].idle_lanes;
    ops[i].skipped += other.ops[i].skipped;
    ops[i].waits += other.ops[i].waits;
    ops[i].requested_bytes += other.ops[i].requested_bytes;
    ops[i].global_read_bytes += other.ops[i].global_read_bytes;
    ops[i].global_write_bytes += other.ops[i].global_write_bytes;
    ops[i].shared_wavefronts += other.ops[i].shared_wavefronts;
    ops[i].shared_wavefronts_ideal += other.ops[i].shared_wavefronts_ideal;
  }
}

std::vector<InstructionProfile> make_profile(const Program& program, const LaunchCounts& counts) {
  std::vector<InstructionProfile> profile(program.ops.size());
  for (std::size_t i = 0; i < profile.size(); ++i) {
    InstructionProfile& made = profile[i];
    const OpCounts& op = counts.ops[i];
    const ptx::SourceLine& line = program.lines[i];
    made.opcode = program.opcodes[i];
    made.ptx_line = line.ptx;
    made.cuda_line = line.cuda;
    if (line.cuda_file > 0 && line.cuda_file < static_cast<int>(program.files.size())) made.cuda_file = program.files[line.cuda_file];
    made.kind = program.traits[i].kind;
    made.executions = counts.executions[i];
    made.skipped = op.skipped;
    made.active_lanes = 32 * made.executions - op.idle_lanes;
    made.waits = op.waits;
    made.requested_bytes = op.requested_bytes;
    made.global_read_bytes = op.global_read_bytes;
    made.global_write_bytes = op.global_write_bytes;
    made.shared_wavefronts = op.shared_wavefronts;
    made.shared_wavefronts_ideal = op.shared_wavefronts_ideal;
    made.mma_flops = (made.executions - made.skipped) * program.traits[i].flops;
  }
  // The exit that every program ends with stands in no text, unless a body falls off its end.
  if (!profile.empty() && profile.back().executions == 0) profile.pop_back();
  return profile;
}

Counters sum(const std::vector<InstructionProfile>& profile) {
  Counters all;
  for (const InstructionProfile& one : profile) {
    all.global_read_bytes += one.global_read_bytes;
    all.global_write_bytes += one.global_write_bytes;
    all.shared_wavefronts += one.shared_wavefronts;
    all.shared_wavefronts_ideal += one.shared_wavefronts_ideal;
    all.mma_flops_issued += one.mma_flops;
    all.warp_instructions += one.executions;
  }
  return all;
}

}  // namespace bsgen::sim
