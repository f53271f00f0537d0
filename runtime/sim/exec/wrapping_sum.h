// The sum that hardware gives: integers wrap, which signed ones of C++ do not. (Lane loops have their own, lane_integer.h: what is
// compiled once per instruction set must not be shared with code that runs everywhere.)
#pragma once

#include <type_traits>

namespace bsgen::sim {

template <class T>
T wrapping_sum(T a, T b) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
  else return a + b;
}

}  // namespace bsgen::sim
