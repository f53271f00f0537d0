// The functions of the language: names, arities, exact values in float64, and images of intervals.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "compiler/epilogue/epilogue.h"

namespace bsgen::epilogue {

struct FunctionInfo {
  std::string_view name;
  Function function;
  int arity;
};
std::span<const FunctionInfo> functions();  // in the order of the documentation
const FunctionInfo& info(Function function);
std::optional<Function> find_function(std::string_view name);

// min, max, abs and relu: every fp32 result is exact.
bool is_exact(Function function);

// Exact value to float64 accuracy. NaN comes out where it goes in; limits at the infinities: silu(-inf) = gelu(-inf) = -0.
double value(Function function, double a, double b = 0);

// Least and greatest value over an interval, not widened by any error bound. Endpoints are not NaN.
Interval image(Function function, Interval a, Interval b = {0, 0});

}  // namespace bsgen::epilogue
