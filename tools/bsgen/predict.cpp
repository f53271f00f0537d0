#include "tools/bsgen/predict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <climits>

#include "tools/bsgen/command_line.h"

namespace bsgen::cli {
namespace {

constexpr const char* kSources =
    "NVIDIA's architecture white papers and data sheets (SMs, clocks, peak rates, memory) and the CUDA programming guide's table of compute capabilities (limits); where rate_confirmed is false, inferred";

// One warp instruction per clock from each of an SM's four schedulers (NVIDIA's white papers, Volta to Blackwell).
constexpr double kIssuePerClock = 4;

int round_up(int value, int unit) { return (value + unit - 1) / unit * unit; }

std::string microseconds(double us) {
  return us < 1000 ? fmt::format("{} us", significant(us)) : fmt::format("{} ms", significant(us / 1000));
}

}  // namespace

Expected<const plan::Machine*> machine_for(const std::string& verb, const std::string& name, const Arch& arch) {
  if (name.empty()) return &plan::machine(arch);
  const plan::Machine* machine = plan::find_machine(name);
  if (machine == nullptr) {
    std::vector<std::string> names;
    for (const plan::Machine& each : plan::machines()) names.emplace_back(each.name);
    return Status(ErrorCode::kInvalidArgument, fmt::format("{}: --gpu \"{}\" is not known; the nearest is {} (there are {})", verb, name,
                                                           nearest(name, names), fmt::join(names, ", ")));
  }
  if (machine->arch < arch.number)
    return Status(ErrorCode::kInvalidArgument, fmt::format("{}: --gpu {} is sm_{}, the kernel is for {}; add --arch sm_{}", verb,
                                                           machine->name, machine->arch, arch.name(), machine->arch));
  return machine;
}

Occupancy occupancy(const Arch& arch, const plan::Machine& machine, int registers, std::uint32_t shared_bytes, std::uint32_t threads) {
  constexpr int kRegistersPerSm = 65536;
  Occupancy made;
  made.registers = registers;
  made.shared_bytes = shared_bytes;
  made.threads = threads;
  const int warps = static_cast<int>(std::max(1u, (threads + 31) / 32));  // without tokens nothing is launched
  made.max_warps = machine.max_threads_per_sm / 32;
  made.by_threads = made.max_warps / std::max(1, warps);
  made.by_ctas = machine.max_ctas_per_sm;
  made.by_registers = INT_MAX;
  if (registers > 0) made.by_registers = kRegistersPerSm / round_up(registers * 32, 256) / 4 * 4 / round_up(warps, 4);
  const bool turing = arch.number < 80;
  const int shared = round_up(static_cast<int>(shared_bytes) + (turing ? 0 : 1024), turing ? 256 : 128);
  made.by_shared = shared == 0 ? INT_MAX : arch.max_shared_bytes_per_sm() / shared;
  made.ctas = std::min({made.by_registers, made.by_shared, made.by_threads, made.by_ctas});
  made.limit = made.ctas == made.by_registers ? "registers"
               : made.ctas == made.by_shared  ? "shared memory"
               : made.ctas == made.by_threads ? "threads"
                                              : "ctas";
  made.warps = made.ctas * warps;
  return made;
}

Work work_of(const sim::LaunchReport& report, std::uint64_t floor_bytes, std::uint64_t useful_flops, DType dtype, const std::string& ptx) {
  Work work;
  work.counters = report.counters;
  work.floor_bytes = floor_bytes;
  work.useful_flops = useful_flops;
  work.ctas = report.ctas;
  for (const sim::InstructionProfile& each : report.instructions) {
    if (each.kind != sim::InstructionClass::kMove) work.issued += each.executions;
    if (each.kind == sim::InstructionClass::kFloat) work.floats += each.executions;
  }
  work.dtype = dtype;
  work.warpgroup = ptx.find("wgmma.mma_async") != std::string::npos;
  return work;
}

Prediction predict(const Work& work, const plan::Machine& machine) {
  Prediction made;
  made.gpu = machine.name;
  made.clock_confirmed = !(machine.unconfirmed & plan::kClockRate);
  const double ctas = static_cast<double>(work.ctas), sms = machine.num_sms;
  if (work.ctas == 0) return made;
  const double rounds =
      static_cast<double>((work.ctas + static_cast<std::uint64_t>(machine.num_sms) - 1) / static_cast<std::uint64_t>(machine.num_sms));
  made.stretch = rounds * sms / ctas;  // the busiest SM has `rounds` ctas, an even share would be ctas / sms
  const double sm_clocks_per_us = machine.clock_ghz * 1e3 * sms / made.stretch;
  const bool tf32 = work.dtype == DType::kTf32;
  const double tensor = (work.warpgroup ? machine.tensor_peak_fma : machine.tensor_fma) / (tf32 ? 2 : 1);
  const auto add = [&](const char* name, double amount, double per_us, bool confirmed) {
    if (amount > 0) made.resources.push_back({name, amount / per_us, confirmed});
  };
  const sim::Counters& c = work.counters;
  const auto flops = static_cast<double>(c.mma_flops_issued), bytes = static_cast<double>(c.global_read_bytes + c.global_write_bytes);
  const bool clock = made.clock_confirmed;  // what an SM does in a time is no surer than its clock
  add("tensor core", flops / 2, tensor * sm_clocks_per_us, clock && !(machine.unconfirmed & plan::kTensorRate));
  add("fp32 units", static_cast<double>(work.floats) * 32, machine.fp32_fma * sm_clocks_per_us, clock);
  add("L2", bytes, machine.l2_bytes_clk * sm_clocks_per_us, clock && !(machine.unconfirmed & plan::kL2Rate));
  // The memory is shared by all SMs; what every operand needs once is what it must deliver at least.
  add("memory", static_cast<double>(work.floor_bytes), machine.memory_gbs * 1e3, !(machine.unconfirmed & plan::kMemoryRate));
  add("shared memory", static_cast<double>(c.shared_wavefronts) * 128, machine.shared_bytes_clk * sm_clocks_per_us, clock);
  add("issue", static_cast<double>(work.issued), kIssuePerClock * sm_clocks_per_us, clock);
  for (const Prediction::Resource& resource : made.resources)
    if (resource.us > made.us) made.us = resource.us, made.bound = resource.name;

  const double peak = flops > 0 ? machine.tensor_peak_fma / (tf32 ? 2 : 1) : machine.fp32_fma;
  made.roofline_us = std::max(static_cast<double>(work.useful_flops) / 2 / (peak * machine.clock_ghz * 1e3 * sms),
                              static_cast<double>(work.floor_bytes) / (machine.memory_gbs * 1e3));
  if (made.us > 0) made.fraction = made.roofline_us / made.us;
  return made;
}

std::string prediction_text(const Prediction& prediction) {
  if (prediction.bound.empty()) return fmt::format("predicted on {}: nothing to do", prediction.gpu);
  return fmt::format("predicted, not measured: at least {} on {}, bound by {}, {} of the roofline", microseconds(prediction.us),
                     prediction.gpu, prediction.bound, percent(prediction.fraction));
}

std::string prediction_parts(const Prediction& prediction) {
  std::string parts;
  for (const Prediction::Resource& resource : prediction.resources)
    parts += fmt::format("{}{} {}{}", parts.empty() ? "" : ", ", resource.name, microseconds(resource.us),
                         resource.confirmed ? "" : " (rate unconfirmed)");
  return parts;
}

std::string occupancy_text(const Occupancy& o) {
  const std::string ctas = count(o.ctas, "cta", "ctas");
  return fmt::format("{} per SM ({} of {} warps), limited by {}; {}, {} bytes of shared memory, {} threads per cta", ctas, o.warps,
                     o.max_warps, o.limit,
                     o.registers > 0 ? fmt::format("{} registers", o.registers) : std::string("registers unknown (not assembled)"),
                     o.shared_bytes, o.threads);
}

Json prediction_json(const Prediction& prediction) {
  Json resources = Json::array();
  for (const Prediction::Resource& each : prediction.resources)
    resources.push_back({{"name", each.name}, {"predicted_us", each.us}, {"rate_confirmed", each.confirmed}});
  return {{"kind", "predicted, not measured"},     {"gpu", prediction.gpu},
          {"clock_confirmed", prediction.clock_confirmed}, {"sources", kSources},
          {"predicted_us", prediction.us},         {"bound", prediction.bound},
          {"roofline_us", prediction.roofline_us}, {"roofline_fraction", prediction.fraction},
          {"stretch", prediction.stretch},         {"resources", std::move(resources)}};
}

Json occupancy_json(const Occupancy& o) {
  const auto limit = [](int ctas) { return ctas == INT_MAX ? Json(nullptr) : Json(ctas); };
  return {{"ctas_per_sm", o.ctas},
          {"limit", o.limit},
          {"warps_per_sm", o.warps},
          {"max_warps_per_sm", o.max_warps},
          {"registers", o.registers > 0 ? Json(o.registers) : Json(nullptr)},
          {"shared_bytes", o.shared_bytes},
          {"threads", o.threads},
          {"by_registers", limit(o.by_registers)},
          {"by_shared_memory", limit(o.by_shared)},
          {"by_threads", o.by_threads},
          {"by_ctas", o.by_ctas}};
}

}  // namespace bsgen::cli
