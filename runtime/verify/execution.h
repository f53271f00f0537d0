// Operands on a device, and a kernel run on them: what `bsgen run` and the conformance suite share.
//
//   BSGEN_ASSIGN(auto staged, StagedOperands::stage(device, problem, operands));
//   BSGEN_TRY(kernel.launch(staged.arguments()));
//   BSGEN_ASSIGN(HostTensor result, staged.result());
//
// Rows of dense operands lie leading_dimension() apart, the gaps between them hold poison, and each buffer ends with its last
// element: a kernel that uses what is not its own shows in the result, and one that writes there is an error of result().
#pragma once

#include <map>
#include <memory>
#include <string>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {

class StagedOperands {
 public:
  static Expected<StagedOperands> stage(std::shared_ptr<Device> device, const Problem& problem, const Operands& operands);

  LaunchArguments arguments() const;
  // Makes the output what it was before the first launch.
  Status reset_output();
  // Waits for the device and reads the output back.
  Expected<HostTensor> result() const;

 private:
  struct Staged {
    DeviceBuffer buffer;
    TensorView view;
  };
  Expected<Staged> put(const HostTensor& tensor, bool is_values) const;

  std::shared_ptr<Device> device_;
  Op op_ = Op::kFprop;
  int align_ = 16;
  std::int64_t tokens_ = 0;
  HostTensor output_;  // as it was
  Staged x_, w_, y_;
  std::map<std::string, float> scalars_;
  std::map<std::string, Staged> tensors_;
};

}  // namespace bsgen::verify
