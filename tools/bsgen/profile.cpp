#include "tools/bsgen/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace bsgen::cli {
namespace {

using sim::InstructionProfile;
using Align = TextTable::Align;

constexpr std::uint64_t kSectorBytes = 32;

double heat_of(const InstructionProfile& p, const plan::Machine& machine, bool tf32) {
  constexpr double kIssuePerClock = 4;
  const double tensor = machine.tensor_fma / (tf32 ? 2 : 1);
  const double issued = p.kind == sim::InstructionClass::kMove ? 0 : static_cast<double>(p.executions);  // the assembler removes most moves
  return std::max({issued / kIssuePerClock, static_cast<double>(p.shared_wavefronts) * 128 / machine.shared_bytes_clk,
                   static_cast<double>(p.global_read_bytes + p.global_write_bytes) / machine.l2_bytes_clk,
                   static_cast<double>(p.mma_flops) / 2 / tensor});
}

void add(InstructionProfile& sum, const InstructionProfile& one) {
  sum.executions += one.executions;
  sum.skipped += one.skipped;
  sum.active_lanes += one.active_lanes;
  sum.waits += one.waits;
  sum.requested_bytes += one.requested_bytes;
  sum.global_read_bytes += one.global_read_bytes;
  sum.global_write_bytes += one.global_write_bytes;
  sum.shared_wavefronts += one.shared_wavefronts;
  sum.shared_wavefronts_ideal += one.shared_wavefronts_ideal;
  sum.mma_flops += one.mma_flops;
}

void sort_by_heat(std::vector<ProfileRow>& rows) {
  std::sort(rows.begin(), rows.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return a.heat != b.heat ? a.heat > b.heat : std::pair(a.sum.ptx_line, a.place) < std::pair(b.sum.ptx_line, b.place);
  });
}

std::string number(std::uint64_t value) { return value == 0 ? "" : std::to_string(value); }

std::string lanes(const InstructionProfile& p) {
  return fmt::format("{:.1f}", static_cast<double>(p.active_lanes) / static_cast<double>(p.executions));
}

// "128 kB" of "96 kB" asked for.
std::string kilobytes(std::uint64_t bytes) {
  return bytes == 0 ? "" : bytes < 10'000 ? fmt::format("{} B", bytes) : fmt::format("{} kB", (bytes + 500) / 1000);
}

std::vector<TextTable::Column> columns(std::vector<TextTable::Column> last) {
  std::vector<TextTable::Column> all = {{"heat", Align::kRight},  {"executions", Align::kRight}, {"lanes", Align::kRight},
                                        {"sectors", Align::kRight}, {"moved", Align::kRight}, {"asked for", Align::kRight},  {"wavefronts", Align::kRight},
                                        {"ideal", Align::kRight}, {"kFLOP", Align::kRight},      {"waits", Align::kRight}};
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

std::vector<std::string> cells(const ProfileRow& row, double whole, std::vector<std::string> last) {
  const InstructionProfile& p = row.sum;
  std::vector<std::string> all = {whole > 0 ? fmt::format("{:.1f}%", 100 * row.heat / whole) : "",
                                  number(p.executions),
                                  lanes(p),
                                  number((p.global_read_bytes + p.global_write_bytes) / kSectorBytes),
                                  kilobytes(p.global_read_bytes + p.global_write_bytes),
                                  kilobytes(p.requested_bytes),
                                  number(p.shared_wavefronts),
                                  number(p.shared_wavefronts_ideal),
                                  number(p.mma_flops / 1000),
                                  number(p.waits)};
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

std::string shortened(const std::string& text, std::size_t most) { return text.size() <= most ? text : text.substr(0, most - 3) + "..."; }

std::string rest_text(std::size_t all, std::size_t shown, const char* one, const char* many) {
  return all <= shown ? "" : fmt::format("  and {} colder, which --json lists\n", count(static_cast<std::int64_t>(all - shown), one, many));
}

Json row_json(const ProfileRow& row, double whole) {
  const InstructionProfile& p = row.sum;
  return {{"predicted_share", whole > 0 ? row.heat / whole : 0},
          {"executions", p.executions},
          {"skipped", p.skipped},
          {"active_lanes", p.active_lanes},
          {"waits", p.waits},
          {"requested_bytes", p.requested_bytes},
          {"global_read_bytes", p.global_read_bytes},
          {"global_write_bytes", p.global_write_bytes},
          {"global_read_sectors", p.global_read_bytes / kSectorBytes},
          {"global_write_sectors", p.global_write_bytes / kSectorBytes},
          {"shared_wavefronts", p.shared_wavefronts},
          {"shared_wavefronts_ideal", p.shared_wavefronts_ideal},
          {"mma_flops", p.mma_flops},
          {"cuda_file", row.place.file},
          {"cuda_line", row.place.line}};
}

Json classes_json(const Totals& totals) {
  Json json = Json::object();
  for (const auto& [kind, executed] : totals.classes) json[std::string(name(kind))] = executed;
  return json;
}

}  // namespace

Totals totals_of(const sim::LaunchReport& report) {
  Totals totals;
  std::map<sim::InstructionClass, std::uint64_t> by_class;
  for (const InstructionProfile& instruction : report.instructions) {
    if (instruction.executions == 0) continue;
    add(totals.sum, instruction);
    by_class[instruction.kind] += instruction.executions;
  }
  totals.classes.assign(by_class.begin(), by_class.end());
  std::sort(totals.classes.begin(), totals.classes.end(), [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
  return totals;
}

Json totals_json(const Totals& totals) {
  Json json = {{"global_read_sectors", totals.sum.global_read_bytes / kSectorBytes},
               {"global_write_sectors", totals.sum.global_write_bytes / kSectorBytes},
               {"requested_bytes", totals.sum.requested_bytes},
               {"active_lanes", totals.sum.active_lanes},
               {"skipped", totals.sum.skipped},
               {"waits", totals.sum.waits},
               {"classes", classes_json(totals)}};
  return json;
}

Profile make_profile(const sim::LaunchReport& report, const Quotes& quotes, const plan::Machine& machine, bool tf32) {
  Profile profile;
  std::map<Quotes::Place, ProfileRow> by_place;
  for (const InstructionProfile& instruction : report.instructions) {
    if (instruction.executions == 0) continue;
    ProfileRow row{instruction, quotes.telling_place(instruction.ptx_line), heat_of(instruction, machine, tf32)};
    profile.heat += row.heat;
    ProfileRow& line = by_place[row.place];
    add(line.sum, instruction);
    line.place = row.place;
    line.heat += row.heat;
    profile.instructions.push_back(std::move(row));
  }
  for (auto& [place, row] : by_place) profile.cuda_lines.push_back(std::move(row));
  sort_by_heat(profile.instructions);
  sort_by_heat(profile.cuda_lines);
  profile.totals = totals_of(report);
  return profile;
}

std::string profile_text(const Profile& profile, const Quotes& quotes) {
  constexpr std::size_t kLines = 20, kInstructions = 30, kWidest = 90;
  const InstructionProfile& all = profile.totals.sum;
  TextTable classes({{"class"}, {"warp instructions", Align::kRight}, {"share", Align::kRight}});
  for (const auto& [kind, executed] : profile.totals.classes)
    classes.add({std::string(name(kind)), std::to_string(executed),
                 fmt::format("{:.1f}%", 100.0 * static_cast<double>(executed) / static_cast<double>(all.executions))});

  TextTable lines(columns({{"CUDA line"}, {""}}));
  for (std::size_t i = 0; i < std::min(kLines, profile.cuda_lines.size()); ++i) {
    const ProfileRow& row = profile.cuda_lines[i];
    lines.add(cells(
        row, profile.heat,
        {row.place.line > 0 ? fmt::format("{}:{}", row.place.file, row.place.line) : "(no line)", shortened(row.place.text, kWidest)}));
  }
  TextTable instructions(columns({{"PTX line", Align::kRight}, {""}}));
  for (std::size_t i = 0; i < std::min(kInstructions, profile.instructions.size()); ++i) {
    const ProfileRow& row = profile.instructions[i];
    instructions.add(cells(row, profile.heat, {std::to_string(row.sum.ptx_line), shortened(quotes.ptx_line(row.sum.ptx_line), kWidest)}));
  }
  const std::uint64_t moved = all.global_read_bytes + all.global_write_bytes;
  const std::string launch = all.executions == 0
                                 ? std::string()
                                 : fmt::format("  all: {} warp instructions with {} of 32 lanes, {} of them waited; global {} sectors ({}, {} asked for); shared {} wavefronts, {} ideal\n",
                                               all.executions, lanes(all), all.waits, moved / kSectorBytes, kilobytes(moved), kilobytes(all.requested_bytes), all.shared_wavefronts,
                                               all.shared_wavefronts_ideal);
  return fmt::format("{}{}{}\n{}\n{}{}\n{}{}", bold("profile"),
                     " of the first launch; counts are counted, the order by heat (the line's scarcest resource) is predicted\n", launch,
                     classes.str(), lines.str(), rest_text(profile.cuda_lines.size(), kLines, "line", "lines"), instructions.str(),
                     rest_text(profile.instructions.size(), kInstructions, "instruction", "instructions"));
}

Json profile_json(const Profile& profile) {
  Json json = {{"classes", classes_json(profile.totals)}, {"cuda_lines", Json::array()}, {"instructions", Json::array()}};
  for (const ProfileRow& row : profile.cuda_lines) json["cuda_lines"].push_back(row_json(row, profile.heat));
  for (const ProfileRow& row : profile.instructions) {
    Json entry = {{"ptx_line", row.sum.ptx_line}, {"opcode", row.sum.opcode}, {"class", name(row.sum.kind)}};
    entry.update(row_json(row, profile.heat));
    json["instructions"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace bsgen::cli
