// A request and its plan in the words and the JSON that compile, explain and view share.
#pragma once

#include <sstream>
#include <string>
#include <string_view>

#include "tools/bsgen/cli.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {

// "fprop bf16 for sm_80: 410 of 4096 blocks of 32 x 32 present (10.0%), W is 2048 x 2048"
std::string request_text(const PlanRequest& request, std::string_view target = {});
std::string tile_text(const plan::KernelPlan& plan,
                      const plan::Tile& tile);              // "128 tokens x 2 blocks"
std::string arithmetic_text(const plan::KernelPlan& plan);  // lines

Json tile_json(const plan::Tile& tile);
Json arithmetic_json(const plan::Arithmetic& arithmetic);
Json candidates_json(const plan::KernelPlan& plan);
// "schema", what was asked, the layout's facts, and what was chosen.
Json plan_json(const PlanRequest& request, const plan::KernelPlan& plan);

// What dump() writes.
template <class Stage>
std::string stage_text(const Stage& stage) {
  std::ostringstream out;
  stage.dump(out);
  return out.str();
}
std::string indent(const std::string& lines);  // two spaces before each line

}  // namespace bsgen::cli
