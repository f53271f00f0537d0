// The axes of the suite: every operation and type, and a mask from every generator.
#pragma once

#include <string>
#include <vector>

#include "tests/conformance/kernels/suite.h"
#include "tests/support/catch.h"

namespace bsgen::conformance {

inline const std::vector<Op> kOps = {Op::kFprop, Op::kBprop, Op::kUpdate};
inline const std::vector<DType> kDTypes = {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16};
inline const std::vector<int> kBlocks = {8, 16, 32};

// Small grids: what matters is the shape of the rows, not their number.
inline const std::vector<std::string> kGenerators = {
    "random:9x7:density=0.3,seed=1",
    "banded:8x10:width=3",
    "blockdiag:9x9:size=3",
    "causal:6x6",
    "strided:8x8:stride=3",
    "butterfly:8x8",
    "bigbird:10x10:window=3,global=1,random=1,seed=2",
    "longformer:10x10:window=3,global=1",
    "smallworld:12x12:degree=4,rewire=0.2,seed=3",
    "scalefree:11x11:edges=2,seed=4",
    "full:5x6",
    "empty:4x5",
};

}  // namespace bsgen::conformance

// One test case per operation and type: BODY(op, dtype) under the name PREFIX_op_dtype.
#define CONFORMANCE_OP(prefix, tags, body, op_name, op)                                        \
  TEST_CASE(prefix "_" op_name "_fp32", tags) { body(op, ::bsgen::DType::kFp32); }             \
  TEST_CASE(prefix "_" op_name "_tf32", tags) { body(op, ::bsgen::DType::kTf32); }             \
  TEST_CASE(prefix "_" op_name "_fp16", tags) { body(op, ::bsgen::DType::kFp16); }             \
  TEST_CASE(prefix "_" op_name "_bf16", tags) { body(op, ::bsgen::DType::kBf16); }
#define CONFORMANCE_GRID(prefix, tags, body)                                \
  CONFORMANCE_OP(prefix, tags, body, "fprop", ::bsgen::Op::kFprop)          \
  CONFORMANCE_OP(prefix, tags, body, "bprop", ::bsgen::Op::kBprop)          \
  CONFORMANCE_OP(prefix, tags, body, "update", ::bsgen::Op::kUpdate)
