#include "bsgen/problem.h"

#include <fmt/format.h>

#include <ostream>

namespace bsgen {

std::string_view name(Op op) {
  switch (op) {
    case Op::kFprop: return "fprop";
    case Op::kBprop: return "bprop";
    case Op::kUpdate: return "update";
  }
  return "?";
}

Expected<Op> parse_op(std::string_view text) {
  for (Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    if (text == name(op)) return op;
  return Status(ErrorCode::kInvalidArgument, fmt::format("op: \"{}\" is none of fprop, bprop, update", text));
}

std::string_view name(Activations activations) { return activations == Activations::kRow ? "row" : "col"; }

Expected<Activations> parse_activations(std::string_view text) {
  if (text == "row") return Activations::kRow;
  if (text == "col") return Activations::kCol;
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("activations: \"{}\" is neither row (features contiguous) nor col (tokens contiguous)", text));
}

DType Problem::output() const {
  if (out_dtype) return *out_dtype == DType::kTf32 ? DType::kFp32 : *out_dtype;
  if (op == Op::kUpdate || dtype == DType::kTf32) return DType::kFp32;
  return dtype;
}

Status Problem::validate(const Layout& layout, const Arch& arch) const {
  const auto supported = [](int edge) { return edge == 8 || edge == 16 || edge == 32 || edge == 64 || edge == 128; };
  const BlockShape block = layout.block();
  if (!supported(block.rows) || !supported(block.cols))
    return Status(ErrorCode::kUnsupported,
                  fmt::format("problem: blocks of {} x {} have no kernel; edges are 8, 16, 32, 64 or 128", block.rows, block.cols));
  if (align != 16 && align != 4 && align != 2)
    return Status(ErrorCode::kInvalidArgument, fmt::format("problem: align {} is none of 16, 4, 2 bytes", align));
  if (accumulate && op != Op::kUpdate)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("problem: accumulate is for update, not {}; an epilogue adds a matrix: \"acc + c[m,n]\"", name(op)));
  if (!epilogue.empty() && op != Op::kFprop)
    return Status(ErrorCode::kInvalidArgument, fmt::format("problem: an epilogue is for fprop, not {}; leave it out", name(op)));
  if (!arch.has_bf16() && (dtype == DType::kBf16 || dtype == DType::kTf32))
    return Status(ErrorCode::kUnsupported,
                  fmt::format("problem: {} has no {} tensor cores (they begin with sm_80); use fp16 or fp32", arch.name(), name(dtype)));
  if (!arch.has_bf16() && output() == DType::kBf16)
    return Status(ErrorCode::kUnsupported, fmt::format("problem: {} does not write bf16 (from sm_80 on); use fp16 or fp32", arch.name()));
  return {};
}

void Problem::dump(std::ostream& out) const {
  out << fmt::format("op {}\ndtype {}\nout_dtype {}\nactivations {}\nalign {}\naccumulate {}\nepilogue {}\n", name(op), name(dtype),
                     name(output()), name(activations), align, accumulate ? 1 : 0, epilogue.empty() ? "acc" : epilogue);
}

}  // namespace bsgen
