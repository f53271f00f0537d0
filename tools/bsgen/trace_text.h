// `bsgen run --trace`: what was asked, and what one warp did as text and as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sim/trace.h"
#include "tools/bsgen/quotes.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {

struct TraceArguments {
  sim::TraceRequest request;
  std::optional<int> lane;  // show this one alone
};

// "cta=3:1,warp=0,from=212,steps=20,lane=5"; "cta=3,warp=0,until=finding". cta is x, x:y or x:y:z.
Expected<TraceArguments> parse_trace(std::string_view text);
// The words that parse_trace() reads, for a finding: "cta=3,warp=0,until=finding".
std::string trace_words(const std::array<std::uint32_t, 3>& cta, int warp);

std::string trace_text(const TraceArguments& arguments, const std::vector<sim::TraceStep>& steps, const Quotes& quotes);
Json trace_json(const std::vector<sim::TraceStep>& steps);

// One lane's value: "3", "-1", "0x3f800000", "1.5".
std::string value_text(std::uint64_t value, sim::ValueView view, int bytes);
// The values of the lanes of `mask` as a person reads them: "7" where all are alike, "0, 4, .. 124" where they rise evenly, else the
// first ones with their lanes.
std::string lanes_text(const std::array<std::uint64_t, 32>& values, std::uint32_t mask, sim::ValueView view, int bytes);

}  // namespace bsgen::cli
