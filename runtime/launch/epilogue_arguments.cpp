// The epilogue's arguments: given by name, passed by position.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "compiler/support/nearest.h"
#include "runtime/launch/launch_checks.h"

namespace bsgen::runtime {
namespace {

using epilogue::Parameter;
using epilogue::ParameterKind;

Status refuse(std::string message) { return {ErrorCode::kInvalidArgument, "launch: " + std::move(message)}; }

std::string spelled(const Parameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::kScalar: return parameter.name;
    case ParameterKind::kVectorN: return parameter.name + "[n]";
    case ParameterKind::kVectorM: return parameter.name + "[m]";
    case ParameterKind::kMatrix: return parameter.name + "[m,n]";
  }
  return parameter.name;
}

std::string where(const Parameter& parameter) {
  return fmt::format("{}[\"{}\"]", parameter.kind == ParameterKind::kScalar ? "scalars" : "tensors", parameter.name);
}

std::string list(const std::vector<Parameter>& parameters) {
  if (parameters.empty()) return "it has none";
  std::string text = "it has ";
  for (const Parameter& parameter : parameters) text += (&parameter == &parameters.front() ? "" : ", ") + spelled(parameter);
  return text;
}

Status unknown(const std::string& name, const std::vector<Parameter>& parameters) {
  if (parameters.empty()) return refuse(fmt::format("the epilogue has no parameter {}; {}", name, list(parameters)));
  std::vector<std::string_view> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return refuse(fmt::format("the epilogue has no parameter {}, did you mean {}? {}", name, nearest(name, names), list(parameters)));
}

// Every name that was given is one of the epilogue's. Called when the counts differ or one was missing, so it may be slow.
Status check_names(const LaunchSpec& spec, const LaunchArguments& arguments) {
  const auto check = [&](const std::string& name, bool scalar) -> Status {
    const auto found = std::find_if(spec.parameters.begin(), spec.parameters.end(), [&](const Parameter& p) { return p.name == name; });
    if (found == spec.parameters.end()) return unknown(name, spec.parameters);
    if (scalar != (found->kind == ParameterKind::kScalar))
      return refuse(fmt::format("{} is a {} of the epilogue, it was given as a {}; put it into {}", spelled(*found), scalar ? "tensor" : "scalar",
                                scalar ? "scalar" : "tensor", where(*found)));
    return {};
  };
  for (const auto& [name, value] : arguments.scalars) BSGEN_TRY(check(name, true));
  for (const auto& [name, view] : arguments.tensors) BSGEN_TRY(check(name, false));
  return {};
}

Status missing(const LaunchSpec& spec, const Parameter& parameter, const LaunchArguments& arguments) {
  BSGEN_TRY(check_names(spec, arguments));  // a misspelt name explains the missing one better
  return refuse(fmt::format("the epilogue needs {}, nothing was given; put it into {}", spelled(parameter), where(parameter)));
}

}  // namespace

Status write_epilogue_slots(const LaunchSpec& spec, const LaunchArguments& arguments, OperandSlot* slots) {
  for (std::size_t i = 0; i < spec.parameters.size(); ++i) {
    const Parameter& parameter = spec.parameters[i];
    if (parameter.kind == ParameterKind::kScalar) {
      const auto found = arguments.scalars.find(parameter.name);
      if (found == arguments.scalars.end()) return missing(spec, parameter, arguments);
      slots[i] = {std::bit_cast<std::uint32_t>(found->second), 0, 0};
      continue;
    }
    const auto found = arguments.tensors.find(parameter.name);
    if (found == arguments.tensors.end()) return missing(spec, parameter, arguments);
    const TensorView& view = found->second;
    BSGEN_TRY(check_operand(spec, spec.parameter_specs[i], view, arguments));
    slots[i] = {view.data, parameter.kind == ParameterKind::kMatrix ? view.leading_dimension : 0, view.heads > 1 ? view.head_stride : 0};
  }
  // Every parameter was found, so any further name is one that the epilogue does not have.
  if (arguments.scalars.size() + arguments.tensors.size() != spec.parameters.size()) return check_names(spec, arguments);
  return {};
}

}  // namespace bsgen::runtime
