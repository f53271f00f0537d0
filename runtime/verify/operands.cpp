#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "compiler/support/philox.h"
#include "runtime/verify/shapes.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {
namespace {

struct Source {
  std::uint64_t seed;
  Inputs inputs;
  float operator()(std::uint32_t tensor, std::uint64_t index) const {
    switch (inputs) {
      case Inputs::kOnes: return 1;
      case Inputs::kIndex: return static_cast<float>(static_cast<int>(index % 61) - 30);
      case Inputs::kNormal: break;
    }
    return input_value(seed, tensor, index);
  }
};

void fill_activation(const Problem& problem, HostTensor& tensor, std::int64_t tokens, std::int64_t features, const Source& source,
                     std::uint32_t id) {
  std::uint64_t index = 0;
  for (std::int64_t head = 0; head < tensor.heads; ++head)
    for (std::int64_t token = 0; token < tokens; ++token)
      for (std::int64_t feature = 0; feature < features; ++feature, ++index)
        set_activation(problem, tensor, head, token, feature, source(id, index));
}

void fill(HostTensor& tensor, const Source& source, std::uint32_t id) {
  std::uint64_t index = 0;
  for (std::int64_t head = 0; head < tensor.heads; ++head)
    for (std::int64_t row = 0; row < tensor.rows; ++row)
      for (std::int64_t col = 0; col < tensor.cols; ++col, ++index) tensor.set(head, row, col, source(id, index));
}

}  // namespace

Expected<Inputs> parse_inputs(std::string_view text) {
  if (text == "normal") return Inputs::kNormal;
  if (text == "ones") return Inputs::kOnes;
  if (text == "index") return Inputs::kIndex;
  return Status(ErrorCode::kInvalidArgument, fmt::format("inputs: \"{}\" is none of normal, ones, index", text));
}

Expected<Operands> make_operands(const Layout& layout, const Problem& problem, std::int64_t tokens, std::uint64_t seed, Inputs inputs) {
  if (tokens < 0 || tokens > std::numeric_limits<std::int32_t>::max())
    return Status(ErrorCode::kInvalidArgument, fmt::format("operands: {} tokens, a run takes 0 to 2147483647", tokens));
  // 2^36 elements are 256 GiB; what memory really holds is found out by asking for it.
  const double elements = static_cast<double>(tokens) * layout.heads() * (layout.rows() + layout.cols());
  if (elements > 0x1p36)
    return Status(ErrorCode::kInvalidArgument, fmt::format("operands: {:.3g} elements of x and y for {} tokens; try fewer tokens", elements, tokens));
  BSGEN_ASSIGN(const epilogue::Epilogue epilogue, epilogue::parse(problem.epilogue));
  const Source source{seed, inputs};
  const std::int64_t heads = layout.heads();
  const DType out = problem.output();

  Operands operands;
  operands.tokens = tokens;
  operands.x = make_activation(problem, problem.op == Op::kBprop ? out : problem.dtype, heads, tokens, layout.rows());
  operands.y = make_activation(problem, problem.op == Op::kFprop ? out : problem.dtype, heads, tokens, layout.cols());
  operands.w = make_tensor(problem.op == Op::kUpdate ? out : problem.dtype, 1, layout.num_blocks(),
                           std::int64_t{layout.block().rows} * layout.block().cols);
  HostTensor& output = operands.output(problem.op);
  if (&output != &operands.x) fill_activation(problem, operands.x, tokens, layout.rows(), source, kTensorX);
  if (&output != &operands.y) fill_activation(problem, operands.y, tokens, layout.cols(), source, kTensorY);
  if (&output != &operands.w || problem.accumulate) fill(operands.w, source, kTensorW);
  if (!(problem.op == Op::kUpdate && problem.accumulate)) poison(output.bytes);

  std::uint32_t id = kTensorEpilogue;
  for (const epilogue::Parameter& parameter : epilogue.parameters()) {
    switch (parameter.kind) {
      case epilogue::ParameterKind::kScalar: operands.scalars[parameter.name] = source(id, 0); break;
      case epilogue::ParameterKind::kVectorN:
        fill(operands.tensors[parameter.name] = make_tensor(DType::kFp32, heads, 1, layout.cols()), source, id);
        break;
      case epilogue::ParameterKind::kVectorM:
        fill(operands.tensors[parameter.name] = make_tensor(DType::kFp32, heads, 1, tokens), source, id);
        break;
      case epilogue::ParameterKind::kMatrix: {
        HostTensor& matrix = operands.tensors[parameter.name] = make_activation(problem, out, heads, tokens, layout.cols());
        fill_activation(problem, matrix, tokens, layout.cols(), source, id);
        break;
      }
    }
    ++id;
  }
  return operands;
}

void plant_nonfinite(const Layout& layout, const Problem& problem, Operands& operands, std::uint64_t seed) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kKinds[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()};
  const auto plant = [&](HostTensor& tensor, std::int64_t features, int edge, std::uint32_t id) {
    for (std::int64_t head = 0; head < tensor.heads; ++head)
      for (std::int64_t token = 0; token < operands.tokens; ++token)
        for (std::int64_t block = 0; block * edge < features; ++block) {
          const std::uint64_t place = (static_cast<std::uint64_t>(head) * operands.tokens + token) * features + block;
          const PhiloxBlock drawn = philox4x32({static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(place >> 32), id, 1}, seed);
          if (drawn[0] % 64 >= static_cast<std::uint32_t>(edge)) continue;
          const std::int64_t feature = block * edge + drawn[1] % inside(block, edge, features);
          set_activation(problem, tensor, head, token, feature, kKinds[drawn[2] % 3]);
        }
  };
  if (problem.op != Op::kBprop) plant(operands.x, layout.rows(), layout.block().rows, kTensorX);
  if (problem.op != Op::kFprop) plant(operands.y, layout.cols(), layout.block().cols, kTensorY);
}

}  // namespace bsgen::verify
