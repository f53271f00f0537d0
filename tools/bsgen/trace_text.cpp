#include "tools/bsgen/trace_text.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>

#include "runtime/verify/verify.h"
#include "tools/bsgen/command_line.h"

namespace bsgen::cli {
namespace {

using sim::TraceStep;
using sim::ValueView;

constexpr std::uint32_t kMostSteps = 100'000;

Status wrong(std::string message) { return Status(ErrorCode::kInvalidArgument, "run: --trace " + std::move(message)); }

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

Status read_cta(std::string_view text, std::array<std::uint32_t, 3>& cta) {
  std::size_t axis = 0;
  for (std::string_view rest = text;; ++axis) {
    const std::size_t colon = rest.find(':');
    const auto value = number(rest.substr(0, colon));
    if (axis == 3 || !value || *value > 0x7fffffff) return wrong(fmt::format("cta \"{}\" is not x, x:y or x:y:z", text));
    cta[axis] = static_cast<std::uint32_t>(*value);
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
}

// "all", "0-15", "0, 4-7": which lanes a mask holds.
std::string mask_text(std::uint32_t mask) {
  if (mask == ~0u) return "all";
  std::string text;
  for (int lane = 0; lane < 32;) {
    if (!(mask >> lane & 1)) {
      ++lane;
      continue;
    }
    int last = lane;
    while (last < 31 && mask >> (last + 1) & 1) ++last;
    if (text.size() > 24) return fmt::format("{:#010x}", mask);
    text += fmt::format("{}{}", text.empty() ? "" : ",", last > lane ? fmt::format("{}-{}", lane, last) : std::to_string(lane));
    lane = last + 1;
  }
  return text.empty() ? "none" : text;
}

bool is_integer(ValueView view) { return view == ValueView::kBits || view == ValueView::kUnsigned || view == ValueView::kSigned; }

// Even steps upwards over all lanes of the mask, at least four of them.
bool rises_evenly(const std::array<std::uint64_t, 32>& values, std::uint32_t mask) {
  if (std::popcount(mask) < 4 || (mask & (mask + (mask & (0 - mask)))) != 0) return false;  // one run of lanes
  const int first = std::countr_zero(mask), last = 31 - std::countl_zero(mask);
  const std::uint64_t step = values[first + 1] - values[first];
  for (int lane = first + 1; lane <= last; ++lane)
    if (values[lane] <= values[lane - 1] || values[lane] - values[lane - 1] != step) return false;
  return true;
}

// The offsets of one object's lanes.
std::string offsets_text(const TraceStep::Access& access, std::uint8_t object) {
  std::uint32_t mask = 0;
  for (int lane = 0; lane < 32; ++lane)
    if (access.mask >> lane & 1 && access.object[lane] == object) mask |= 1u << lane;
  return lanes_text(access.offset, mask, ValueView::kUnsigned, 8);
}

std::string change_text(const TraceStep::Change& change, const TraceStep& step, std::uint32_t shown) {
  const std::uint32_t mask = step.mask & shown;
  if (mask == 0) return "";
  const std::string now = lanes_text(change.after, mask, change.view, change.bytes);
  if (!change.had_value) return fmt::format("          {} = {}\n", change.name, now);
  const std::string was = lanes_text(change.before, mask, change.view, change.bytes);
  return fmt::format("          {} = {}{}\n", change.name, now, now == was ? ", as before" : fmt::format("   (was {})", was));
}

Json lanes_json(const std::array<std::uint64_t, 32>& values, std::uint32_t mask) {
  Json list = Json::array();
  for (int lane = 0; lane < 32; ++lane) list.push_back(mask >> lane & 1 ? Json(values[lane]) : Json(nullptr));
  return list;
}

}  // namespace

Expected<TraceArguments> parse_trace(std::string_view text) {
  TraceArguments arguments;
  bool steps_given = false;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    const std::string_view key = item.substr(0, equals),
                           value = equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
    const auto in_range = [&](std::uint64_t low, std::uint64_t high) -> Expected<std::uint64_t> {
      const auto given = number(value);
      if (!given || *given < low || *given > high)
        return wrong(fmt::format("{} \"{}\" is not a whole number from {} to {}", key, value, low, high));
      return *given;
    };
    if (key == "cta") {
      BSGEN_TRY(read_cta(value, arguments.request.cta));
    } else if (key == "warp") {
      BSGEN_ASSIGN(const std::uint64_t warp, in_range(0, 31));
      arguments.request.warp = static_cast<int>(warp);
    } else if (key == "from") {
      BSGEN_ASSIGN(const std::uint64_t line, in_range(1, 0x7fffffff));
      arguments.request.from_line = static_cast<int>(line);
    } else if (key == "steps") {
      BSGEN_ASSIGN(const std::uint64_t steps, in_range(1, kMostSteps));
      arguments.request.max_steps = static_cast<std::uint32_t>(steps);
      steps_given = true;
    } else if (key == "lane") {
      BSGEN_ASSIGN(const std::uint64_t lane, in_range(0, 31));
      arguments.lane = static_cast<int>(lane);
    } else if (key == "until") {
      if (value != "finding") return wrong(fmt::format("until \"{}\" is not known; there is until=finding", value));
      arguments.request.until_finding = true;
    } else {
      return wrong(fmt::format("has no \"{}\"; the nearest is {} (there are cta, warp, from, steps, lane, until)", key,
                               nearest(key, {"cta", "warp", "from", "steps", "lane", "until"})));
    }
  }
  if (arguments.request.until_finding && !steps_given) arguments.request.max_steps = 20;
  return arguments;
}

std::string trace_words(const std::array<std::uint32_t, 3>& cta, int warp) {
  std::string text = fmt::format("cta={}", cta[0]);
  if (cta[1] != 0 || cta[2] != 0) text += fmt::format(":{}", cta[1]);
  if (cta[2] != 0) text += fmt::format(":{}", cta[2]);
  return fmt::format("{},warp={},until=finding", text, warp);
}

std::string value_text(std::uint64_t value, ValueView view, int bytes) {
  // Device addresses lie above 2^40; negative numbers do not come near.
  if (bytes == 8 && is_integer(view) && value >> 40 != 0 && value >> 56 == 0) return fmt::format("{:#x}", value);
  switch (view) {
    case ValueView::kPredicate:
      return value ? "true" : "false";
    case ValueView::kUnsigned:
      return std::to_string(value);
    case ValueView::kSigned: {
      const int shift = 64 - 8 * bytes;
      return std::to_string(static_cast<std::int64_t>(value << shift) >> shift);
    }
    case ValueView::kFloat16:
      return fmt::format("{:.5g}", verify::from_fp16(static_cast<std::uint16_t>(value)));
    case ValueView::kBfloat16:
      return fmt::format("{:.4g}", verify::from_bf16(static_cast<std::uint16_t>(value)));
    case ValueView::kFloat32: {
      const float number = std::bit_cast<float>(static_cast<std::uint32_t>(value));
      return std::isnan(number) ? fmt::format("nan {:#x}", value) : fmt::format("{:.9g}", number);
    }
    case ValueView::kFloat64:
      return fmt::format("{:.17g}", std::bit_cast<double>(value));
    default:
      return value < 65536 ? std::to_string(value) : fmt::format("{:#x}", value);  // small ones count something
  }
}

std::string lanes_text(const std::array<std::uint64_t, 32>& values, std::uint32_t mask, ValueView view, int bytes) {
  if (mask == 0) return "";
  const int first = std::countr_zero(mask), last = 31 - std::countl_zero(mask);
  const auto value = [&](int lane) { return value_text(values[lane], view, bytes); };
  bool alike = true;
  for (int lane = first; lane <= last; ++lane) alike &= !(mask >> lane & 1) || values[lane] == values[first];
  if (alike) return value(first);
  if (view == ValueView::kPredicate) {
    std::uint32_t truth = 0;
    for (int lane = 0; lane < 32; ++lane) truth |= (mask >> lane & 1 && values[lane]) ? 1u << lane : 0;
    return fmt::format("true for {}", mask_text(truth));
  }
  if (is_integer(view) && rises_evenly(values, mask)) return fmt::format("{}, {}, .. {}", value(first), value(first + 1), value(last));
  constexpr int kShown = 4;
  std::string text;
  int shown = 0;
  for (int lane = first; lane <= last; ++lane) {
    if (!(mask >> lane & 1)) continue;
    if (shown++ < kShown || lane == last)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", lane, value(lane));
    else if (shown == kShown + 1)
      text += " ..";
  }
  return text;
}

std::string trace_text(const TraceArguments& arguments, const std::vector<TraceStep>& steps, const Quotes& quotes) {
  const sim::TraceRequest& request = arguments.request;
  const std::uint32_t shown = arguments.lane ? 1u << *arguments.lane : ~0u;
  std::string text = bold(fmt::format("trace of cta ({}, {}, {}) warp {}{}: {}", request.cta[0], request.cta[1], request.cta[2],
                                      request.warp, arguments.lane ? fmt::format(" lane {}", *arguments.lane) : "",
                                      count(static_cast<std::int64_t>(steps.size()), "instruction", "instructions"))) +
                     "\n";
  if (steps.empty())
    text += request.from_line > 0
                ? fmt::format("  no instruction of it stands at ptx line {} or after it, or the warp never came there\n", request.from_line)
                : "  the launch has no such warp\n";
  Quotes::Place before;
  for (const TraceStep& step : steps) {
    const Quotes::Place place = quotes.telling_place(step.ptx_line);
    if (place.line > 0 && place != before)
      text += fmt::format("                  {}:{}  {}\n", place.file, place.line, place.text.substr(0, 100));
    before = place;
    text += fmt::format("{:>7} {:>6}  {}{}\n", step.number, step.ptx_line, step.text,
                        step.mask == ~0u ? ""
                        : step.mask == 0 ? "   [no lane]"
                                         : fmt::format("   [lanes {}]", mask_text(step.mask)));
    for (const TraceStep::Access& access : step.accesses)
      for (std::size_t object = 0; object < access.objects.size(); ++object) {
        TraceStep::Access of_lanes = access;
        of_lanes.mask &= shown;
        const std::string offsets = offsets_text(of_lanes, static_cast<std::uint8_t>(object));
        if (offsets.empty()) continue;
        text += fmt::format("          {}{} {} byte {}\n", access.verb, access.bytes > 0 ? fmt::format(" {} bytes of", access.bytes) : "",
                            access.objects[object], offsets);
      }
    for (const TraceStep::Change& change : step.changes) text += change_text(change, step, shown);
    for (const std::string& event : step.events) text += fmt::format("          {}\n", event);
    for (const std::string& finding : step.findings) text += fmt::format("          {} {}\n", red("finding:"), finding);
  }
  if (request.until_finding && (steps.empty() || steps.back().findings.empty()))
    text += "  no instruction of this warp has a finding; these are its last\n";
  return text;
}

Json trace_json(const std::vector<TraceStep>& steps) {
  Json list = Json::array();
  for (const TraceStep& step : steps) {
    Json changes = Json::array(), accesses = Json::array();
    for (const TraceStep::Change& change : step.changes)
      changes.push_back({{"register", change.name},
                         {"bytes", change.bytes},
                         {"before", change.had_value ? lanes_json(change.before, step.mask) : Json(nullptr)},
                         {"after", lanes_json(change.after, step.mask)}});
    for (const TraceStep::Access& access : step.accesses) {
      Json objects = Json::array();
      for (int lane = 0; lane < 32; ++lane)
        objects.push_back(access.mask >> lane & 1 ? Json(access.objects[access.object[lane]]) : Json(nullptr));
      accesses.push_back({{"verb", access.verb},
                          {"bytes", access.bytes},
                          {"object", std::move(objects)},
                          {"offset", lanes_json(access.offset, access.mask)}});
    }
    list.push_back({{"number", step.number},
                    {"ptx_line", step.ptx_line},
                    {"cuda_line", step.cuda_line},
                    {"cuda_file", step.cuda_file},
                    {"text", step.text},
                    {"active", step.active},
                    {"mask", step.mask},
                    {"changes", std::move(changes)},
                    {"accesses", std::move(accesses)},
                    {"events", step.events},
                    {"findings", step.findings}});
  }
  return list;
}

}  // namespace bsgen::cli
