// The tracer behind TraceRequest: looks at the registers before and after each instruction of one warp. What an instruction names it
// reads from the program's text, so it needs to know nothing about handlers.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/sim/exec/trace_async.h"
#include "runtime/sim/exec/tracer.h"
#include "runtime/sim/trace.h"

namespace bsgen::sim {

class WarpTrace final : public Tracer {
 public:
  // `launch` outlives it.
  WarpTrace(const TraceRequest& request, const LaunchState& launch);
  bool watches(const Warp& warp) const override;
  void before(Warp& warp) override;
  void stopped(Warp& warp) override;
  std::vector<TraceStep> take();  // at the launch's end

 private:
  std::span<const Program::Mention> mentions(std::uint32_t op) const;
  void begin(Warp& warp);
  void finish(Warp& warp);
  void note_accesses(const Warp& warp, std::uint32_t op);
  void note_address(const Warp& warp, std::uint32_t op, std::string_view operand, TraceStep::Access access);
  void note_findings(const Warp& warp, std::uint32_t op);
  void note_control(const Warp& warp, const Op& op);
  void note_accumulators(const Warp& warp, std::uint32_t op);
  TraceStep::Change change_of(const Program::NamedRegister& named, std::uint32_t op) const;
  std::string_view statement(std::uint32_t op) const;

  const TraceRequest request_;
  const LaunchState& launch_;
  std::vector<std::size_t> line_starts_;  // of the program's text
  std::uint32_t first_op_ = 0;
  bool started_ = false, ended_ = false;
  std::uint64_t executed_ = 0;
  std::deque<TraceStep> steps_;
  std::optional<std::uint32_t> current_;          // the op between before() and finish()
  std::map<std::uint32_t, std::uint32_t> owner_;  // place in the register file -> the register that was last written there
  std::vector<Findings::Found> findings_before_;
  std::size_t copies_before_ = 0;
  AsyncWatch async_;
};

}  // namespace bsgen::sim
