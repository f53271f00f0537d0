// Does the device's output agree with the reference? One element at a time, worst first.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "runtime/verify/output_type.h"
#include "runtime/verify/parallel.h"
#include "runtime/verify/reference.h"
#include "runtime/verify/shapes.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// One element: the sum it should be, and how far from it the device may be.
struct Element {
  std::int64_t head, row, col;  // of the output as a matrix: token and feature, or row and column of dW
  double acc, magnitude;
  std::int64_t terms;
  double slack() const { return terms == 0 ? 0 : (terms + 16) * 0x1p-23 * magnitude; }
};

// The allowed values of one output: NaN alone, or everything from low to high before overflow is taken into account.
struct Allowed {
  double reference = 0, low = 0, high = 0;
  bool anything = false;
};

// What has been seen of a part of the output. Parts are merged in a fixed order, so the verdict does not depend on threads.
struct Tally {
  double worst_error = 0;
  std::string worst_at, reason;
  std::int64_t outputs = 0, wrong = 0;
  double error_squared = 0, reference_squared = 0, tolerance_squared = 0;

  void merge(const Tally& other) {
    if (other.worst_error > worst_error) worst_error = other.worst_error, worst_at = other.worst_at, reason = other.reason;
    if (worst_at.empty()) worst_at = other.worst_at;
    outputs += other.outputs;
    wrong += other.wrong;
    error_squared += other.error_squared;
    reference_squared += other.reference_squared;
    tolerance_squared += other.tolerance_squared;
  }
};

class Judge {
 public:
  Judge(const Layout& layout, const Problem& problem, const Operands& operands, const HostTensor& result, epilogue::Epilogue epilogue)
      : layout_(layout), problem_(problem), operands_(operands), result_(result), epilogue_(std::move(epilogue)),
        reference_(make_reference(layout, problem, operands)), type_(output_type(problem.output())),
        fast_(epilogue::fast_functions(problem.dtype, problem.output())) {
    for (const epilogue::Parameter& parameter : epilogue_.parameters())
      parameters_.push_back({parameter.kind, parameter.kind == epilogue::ParameterKind::kScalar ? operands.scalars.at(parameter.name) : 0,
                             parameter.kind == epilogue::ParameterKind::kScalar ? nullptr : &operands.tensors.at(parameter.name)});
    find_acc_tolerance();
  }

  Verdict run() const {
    const Tally tally = problem_.op == Op::kUpdate ? judge_weight() : judge_activation();
    Verdict verdict;
    verdict.worst_error = tally.worst_error;
    verdict.worst_at = tally.worst_at;
    if (tally.reference_squared > 0) verdict.relative_error = std::sqrt(tally.error_squared / tally.reference_squared);
    else if (tally.error_squared > 0) verdict.relative_error = kInfinity;
    if (tally.outputs >= 1000 && tally.reference_squared > 0) verdict.relative_limit = relative_limit(tally);
    verdict.passed = tally.wrong == 0;
    if (!verdict.passed) {
      verdict.reason = fmt::format("{} of {} outputs are outside their bound; {}", tally.wrong, tally.outputs, tally.reason);
    } else if (verdict.relative_limit > 0 && verdict.relative_error > verdict.relative_limit) {
      verdict.passed = false;
      verdict.reason = fmt::format("relative error {:.3g} of {} outputs, at most {:.3g} is right", verdict.relative_error, tally.outputs,
                                   verdict.relative_limit);
    }
    return verdict;
  }

 private:
  struct ParameterValue {
    epilogue::ParameterKind kind;
    double scalar;
    const HostTensor* tensor;
  };

  // The norm-wise limit before the epilogue, and the size of one acc's error that it stands for.
  void find_acc_tolerance() {
    std::int64_t most = 0;
    for (const std::int64_t terms : reference_.terms) most = std::max(most, terms);
    acc_limit_ = std::max(2e-6, 4e-8 * std::sqrt(static_cast<double>(most)));
    if (epilogue_.identity()) return;
    double squares = 0, finite = 0;
    for (const double value : reference_.value)
      if (std::isfinite(value)) squares += value * value, finite += 1;
    acc_tolerance_ = finite > 0 ? acc_limit_ * std::sqrt(squares / finite) : 0;
  }

  double relative_limit(const Tally& tally) const {
    const DType out = problem_.output();
    const double rounding = out == DType::kFp16 ? 3e-4 : out == DType::kBf16 ? 2e-3 : acc_limit_;
    if (epilogue_.identity()) return rounding;
    return std::sqrt(rounding * rounding + tally.tolerance_squared / tally.reference_squared);
  }

  Tally judge_activation() const {
    const std::int64_t tokens = operands_.tokens, features = reference_.features, heads = layout_.heads();
    constexpr std::int64_t kTokensPerPart = 8;
    const std::int64_t parts_per_head = (tokens + kTokensPerPart - 1) / kTokensPerPart;
    std::vector<Tally> parts(static_cast<std::size_t>(heads * parts_per_head));
    const double cost = static_cast<double>(heads) * tokens * features * (epilogue_.identity() ? 10 : 1000);
    parallel_for(static_cast<std::int64_t>(parts.size()), cost, [&](std::int64_t part) {
      const std::int64_t head = part / parts_per_head, begin = part % parts_per_head * kTokensPerPart;
      std::vector<double> values(parameters_.size());
      for (std::int64_t token = begin; token < std::min(tokens, begin + kTokensPerPart); ++token)
        for (std::int64_t feature = 0; feature < features; ++feature) {
          const std::size_t at = (head * tokens + token) * features + feature;
          const Element element{head, token, feature, reference_.value[at], reference_.magnitude[at], reference_.terms_of(head, feature)};
          const bool row = problem_.activations == Activations::kRow;
          check(element, row ? token : feature, row ? feature : token, values, parts[part]);
        }
    });
    return merged(parts);
  }

  Tally judge_weight() const {
    const BlockShape block = layout_.block();
    const auto lists = blocks_by_row(layout_);
    std::vector<Tally> parts(lists.size());
    const double cost = static_cast<double>(reference_.value.size()) * 10;
    parallel_for(static_cast<std::int64_t>(lists.size()), cost, [&](std::int64_t list) {
      std::vector<double> values;
      for (const BlockRef& ref : lists[list])
        for (int i = 0; i < block.rows; ++i)
          for (int j = 0; j < block.cols; ++j) {
            Element element{list / layout_.grid_rows(), ref.row * block.rows + i, ref.col * block.cols + j, 0, 0, 0};
            const std::int64_t place = i * block.cols + j;
            const bool padding = element.row >= layout_.rows() || element.col >= layout_.cols();
            if (!padding) {
              const std::size_t at = ref.value * block.rows * block.cols + place;
              element.acc = reference_.value[at], element.magnitude = reference_.magnitude[at], element.terms = reference_.terms[0];
            }
            check(element, ref.value, place, values, parts[list], padding);
          }
    });
    return merged(parts);
  }

  static Tally merged(const std::vector<Tally>& parts) {
    Tally all;
    for (const Tally& part : parts) all.merge(part);
    return all;
  }

  void check(const Element& element, std::int64_t memory_row, std::int64_t memory_col, std::vector<double>& values, Tally& tally,
             bool padding = false) const {
    const std::int64_t memory_head = problem_.op == Op::kUpdate ? 0 : element.head;
    const double out = result_.at(memory_head, memory_row, memory_col);
    const bool unwritten = !problem_.accumulate && is_poison(result_, memory_head, memory_row, memory_col);
    Allowed allowed;
    if (epilogue_.identity()) {
      allowed = around_sum(element);
    } else {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = value_of(parameters_[i], element);
      allowed = behind_epilogue(element, values);
    }
    const double error = unwritten ? kInfinity : error_over_bound(out, allowed);
    ++tally.outputs;
    if (std::isfinite(allowed.reference) && std::isfinite(out)) {
      tally.error_squared += (out - allowed.reference) * (out - allowed.reference);
      tally.reference_squared += allowed.reference * allowed.reference;
      if (!epilogue_.identity()) add_tolerance(element, values, tally);
    }
    if (!(error <= 1)) ++tally.wrong;
    if (error > tally.worst_error || tally.worst_at.empty()) {
      tally.worst_error = std::max(error, tally.worst_error);
      tally.worst_at = place_of(element);
      if (error > 1) tally.reason = describe(element, out, allowed, unwritten, padding);
    }
  }

  // u |ref| + slack around the sum; no slack and no rounding where nothing was summed.
  Allowed around_sum(const Element& element) const {
    const double ref = element.acc;
    if (!std::isfinite(ref)) return {ref, ref, ref};
    if (element.terms == 0) return {ref, ref, ref};
    const double bound = type_.unit * std::fabs(ref) + element.slack();
    return {ref, ref - bound, ref + bound};
  }

  Allowed behind_epilogue(const Element& element, const std::vector<double>& values) const {
    if (element.terms == 0) {
      if (const auto exact = epilogue_.evaluate_fp32(0, values)) {
        const double rounded = rounded_to_output(*exact);
        return {rounded, rounded, rounded};
      }
    }
    const double ref = epilogue_.evaluate(element.acc, values);
    const double slack = std::isfinite(element.acc) ? element.slack() : 0;
    const epilogue::Interval interval = epilogue_.evaluate({element.acc - slack, element.acc + slack}, values, fast_);
    if (std::isnan(interval.low)) return {interval.low, interval.low, interval.low};
    if (interval.low == -kInfinity && interval.high == kInfinity) return {ref, interval.low, interval.high, true};
    return {ref, rounded_down(interval.low), rounded_up(interval.high)};
  }

  double rounded_down(double x) const { return std::isinf(x) ? x : x - type_.unit * std::fabs(x) - type_.half_least; }
  double rounded_up(double x) const { return std::isinf(x) ? x : x + type_.unit * std::fabs(x) + type_.half_least; }

  double rounded_to_output(float value) const {
    HostTensor one = make_tensor(problem_.output(), 1, 1, 1);
    one.set(0, 0, 0, value);
    return one.at(0, 0, 0);
  }

  double value_of(const ParameterValue& parameter, const Element& element) const {
    switch (parameter.kind) {
      case epilogue::ParameterKind::kScalar: return parameter.scalar;
      case epilogue::ParameterKind::kVectorN: return parameter.tensor->at(element.head, 0, element.col);
      case epilogue::ParameterKind::kVectorM: return parameter.tensor->at(element.head, 0, element.row);
      case epilogue::ParameterKind::kMatrix: return activation(problem_, *parameter.tensor, element.head, element.row, element.col);
    }
    return 0;
  }

  // How much an error of acc_tolerance_ matters behind the epilogue.
  void add_tolerance(const Element& element, const std::vector<double>& values, Tally& tally) const {
    if (element.terms == 0 || !std::isfinite(element.acc)) return;
    const double change = epilogue_.evaluate(element.acc + acc_tolerance_, values) - epilogue_.evaluate(element.acc - acc_tolerance_, values);
    if (std::isfinite(change)) tally.tolerance_squared += change * change / 4;
  }

  // Distance from the reference over what is allowed on that side; above 1 is wrong.
  double error_over_bound(double out, const Allowed& allowed) const {
    if (allowed.anything) return 0;
    if (std::isnan(allowed.reference) || std::isnan(allowed.low)) return std::isnan(out) ? 0 : kInfinity;
    if (out == allowed.reference) return 0;
    if (std::isinf(out)) return (out > 0 ? allowed.high >= type_.overflow : allowed.low <= -type_.overflow) ? 0 : kInfinity;
    if (std::isnan(out) || std::isinf(allowed.reference)) return kInfinity;
    const double room = out > allowed.reference ? allowed.high - allowed.reference : allowed.reference - allowed.low;
    return room > 0 ? std::fabs(out - allowed.reference) / room : kInfinity;
  }

  std::string place_of(const Element& element) const {
    return layout_.heads() > 1 ? fmt::format("({}, {}, {})", element.head, element.row, element.col)
                               : fmt::format("({}, {})", element.row, element.col);
  }

  std::string describe(const Element& element, double out, const Allowed& allowed, bool unwritten, bool padding) const {
    const BlockShape block = layout_.block();
    std::string where = place_of(element);
    if (problem_.op == Op::kFprop) where += fmt::format(" in block column {}", element.col / block.cols);
    if (problem_.op == Op::kBprop) where += fmt::format(" in block row {}", element.col / block.rows);
    if (problem_.op == Op::kUpdate) where += fmt::format(" in block ({}, {})", element.row / block.rows, element.col / block.cols);
    if (unwritten) return fmt::format("{} was not written, the reference is {:.9g}", where, allowed.reference);
    if (padding) return fmt::format("{} is {:.9g}, padding is written as 0", where, out);
    return fmt::format("{} is {:.9g}, the reference is {:.9g} and {:.9g} to {:.9g} is right (k = {})", where, out, allowed.reference,
                       allowed.low, allowed.high, element.terms);
  }

  const Layout& layout_;
  const Problem& problem_;
  const Operands& operands_;
  const HostTensor& result_;
  const epilogue::Epilogue epilogue_;
  const Reference reference_;
  const OutputType type_;
  const bool fast_;
  std::vector<ParameterValue> parameters_;
  double acc_limit_ = 0, acc_tolerance_ = 0;
};

}  // namespace

Expected<Verdict> judge(const Layout& layout, const Problem& problem, const Operands& operands, const HostTensor& result) {
  BSGEN_ASSIGN(epilogue::Epilogue epilogue, epilogue::parse(problem.epilogue));
  const HostTensor& before = operands.output(problem.op);
  if (result.dtype != before.dtype || result.heads != before.heads || result.rows != before.rows || result.cols != before.cols ||
      result.bytes.size() != before.bytes.size())
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("judge: the result is {} x {} x {} {}, the output {} x {} x {} {}", result.heads, result.rows, result.cols,
                              name(result.dtype), before.heads, before.rows, before.cols, name(before.dtype)));
  for (const epilogue::Parameter& parameter : epilogue.parameters())
    if (parameter.kind == epilogue::ParameterKind::kScalar ? !operands.scalars.contains(parameter.name) : !operands.tensors.contains(parameter.name))
      return Status(ErrorCode::kInvalidArgument, fmt::format("judge: no operand \"{}\" for the epilogue", parameter.name));
  return Judge(layout, problem, operands, result, std::move(epilogue)).run();
}

}  // namespace bsgen::verify
