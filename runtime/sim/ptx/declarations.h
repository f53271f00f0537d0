// What module-level and body declarations have in common: ".align N .type name[count]".
#pragma once

#include "runtime/sim/ptx/cursor.h"
#include "runtime/sim/ptx/ir.h"

namespace bsgen::sim::ptx {

inline constexpr std::uint64_t kMaxVariableBytes = std::uint64_t{1} << 30;

// A ".b32"-like type word; fails on anything else.
ScalarType parse_type_word(Cursor& cursor);
// ".align N" if it is there, else 0.
std::uint32_t parse_alignment(Cursor& cursor);
// "[4][8]" and so on: the product; `unsized` is set for "[]".
std::uint64_t parse_extents(Cursor& cursor, bool& unsized);
// From behind ".global", ".shared" ... to before ';' or '='.
Variable parse_variable(Cursor& cursor, Space space);
// From behind ".param" to before ',' or ')'.
Parameter parse_parameter(Cursor& cursor);
// "(.param .b32 a, .param .b64 b)"; empty where no parenthesis opens.
std::vector<Parameter> parse_parameter_list(Cursor& cursor);

}  // namespace bsgen::sim::ptx
