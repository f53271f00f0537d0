// The float64 reference: for every output element the exact-enough sum, the sum of absolute products, and how many there were.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/verify/verify.h"

namespace bsgen::verify {

// Before the epilogue. fprop, bprop: (head, token, feature) row-major over `features` features. update: w's memory order, padding
// elements included (their value is 0 and their term count 0).
struct Reference {
  std::int64_t features = 0;
  std::vector<double> value;            // sum of products (+ what dW held, with accumulate)
  std::vector<double> magnitude;        // sum of absolute products (+ |what dW held|)
  std::vector<std::int64_t> terms;      // products summed: per (head, output block) for fprop and bprop; one entry for update
  int edge = 1;                         // features of one output block

  std::int64_t terms_of(std::int64_t head, std::int64_t feature) const {
    return terms[head * ((features + edge - 1) / edge) + feature / edge];
  }
};

Reference make_reference(const Layout& layout, const Problem& problem, const Operands& operands);

}  // namespace bsgen::verify
