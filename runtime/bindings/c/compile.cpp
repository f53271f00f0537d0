#include <sstream>

#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "runtime/bindings/c/handles.h"

namespace bsgen::c {

Expected<Problem> read_problem(const bsgen_problem* problem) {
  BSGEN_ASSIGN(const bsgen_problem given, read_struct(problem, "bsgen_problem"));
  static constexpr Op kOps[] = {Op::kFprop, Op::kBprop, Op::kUpdate};
  static constexpr DType kTypes[] = {DType::kBf16, DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16};
  static constexpr Activations kOrders[] = {Activations::kRow, Activations::kCol};
  Problem result;
  BSGEN_ASSIGN(result.op, choose(kOps, given.op, "bsgen_op"));
  BSGEN_ASSIGN(result.dtype, choose(kTypes, given.dtype, "bsgen_dtype"));
  if (given.out_dtype != BSGEN_DTYPE_DEFAULT) {
    BSGEN_ASSIGN(result.out_dtype, choose(kTypes, given.out_dtype, "bsgen_dtype"));
  }
  BSGEN_ASSIGN(result.activations, choose(kOrders, given.activations, "bsgen_activations"));
  if (given.align != 0) result.align = given.align;
  result.accumulate = given.accumulate != 0;
  result.epilogue = text(given.epilogue);
  return result;
}

Expected<Options> read_options(const bsgen_compile_options* options) {
  BSGEN_ASSIGN(const bsgen_compile_options given, read_struct(options, "bsgen_compile_options"));
  static constexpr Tier kTiers[] = {Tier::kAuto, Tier::kStructural, Tier::kUnrolled, Tier::kConstant, Tier::kTable};
  Options result;
  BSGEN_ASSIGN(result.compile.tier, choose(kTiers, given.tier, "bsgen_tier"));
  if (given.plan_tokens < 0 || given.plan_tokens > (std::int64_t{1} << 31))
    return invalid("bsgen_compile_options: plan_tokens is " + std::to_string(given.plan_tokens) + "; 1 to 2^31, or 0 for 4096");
  if (given.plan_tokens != 0) result.compile.plan_tokens = given.plan_tokens;
  result.compile.assume_finite = given.assume_finite != 0;
  result.compile.batch_invariant = given.batch_invariant != 0;
  if (given.arch) {
    BSGEN_ASSIGN(result.arch, Arch::parse(given.arch));
  }
  return result;
}

namespace {

template <class Value>
std::string dumped(const Value& value) {
  std::ostringstream out;
  value.dump(out);
  return out.str();
}

Expected<std::string> emit(const Layout& layout, const Problem& problem, Options options, bsgen_emit_what what) {
  BSGEN_ASSIGN(const Environment environment, Environment::read());
  const Arch arch = options.arch.value_or(Arch{});
  options.compile.template_dir = environment.template_dir;
  BSGEN_TRY(problem.validate(layout, arch));
  BSGEN_ASSIGN(const plan::KernelPlan plan, plan::choose(layout, problem, arch, options.compile));
  if (what == BSGEN_EMIT_PLAN) return dumped(plan);
  const plan::Schedule schedule = plan::make_schedule(plan, layout);
  BSGEN_ASSIGN(codegen::KernelSource source, codegen::generate(plan, schedule, layout, options.compile));
  if (what == BSGEN_EMIT_CUDA) return std::move(source.cuda);
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(environment.cuda_dir));
  BSGEN_ASSIGN(KernelImage image,
               what == BSGEN_EMIT_PTX ? nvrtc::compile_ptx(*toolchain, source, arch) : nvrtc::compile(*toolchain, source, arch));
  if (what == BSGEN_EMIT_PTX) return std::move(image.ptx);
  if (image.cubin.empty())
    return Status(ErrorCode::kMissing, "bsgen_emit: nothing was assembled, for nvJitLink was not found beside NVRTC; BSGEN_EMIT_PTX needs none");
  return std::string(reinterpret_cast<const char*>(image.cubin.data()), image.cubin.size());
}

}  // namespace
}  // namespace bsgen::c

using namespace bsgen;
using namespace bsgen::c;

extern "C" {

bsgen_status bsgen_emit(const bsgen_layout* layout, const bsgen_problem* problem, const bsgen_compile_options* options, bsgen_emit_what what,
                        bsgen_blob** blob) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(layout, "bsgen_emit", "layout"));
    BSGEN_TRY(require(blob, "bsgen_emit", "blob"));
    static constexpr bsgen_emit_what kStages[] = {BSGEN_EMIT_PLAN, BSGEN_EMIT_CUDA, BSGEN_EMIT_PTX, BSGEN_EMIT_CUBIN};
    BSGEN_TRY(choose(kStages, what, "bsgen_emit_what"));
    BSGEN_ASSIGN(const Problem asked, read_problem(problem));
    BSGEN_ASSIGN(const Options how, read_options(options));
    BSGEN_ASSIGN(std::string bytes, emit(layout->value, asked, how, what));
    *blob = new bsgen_blob{std::move(bytes)};
    return {};
  });
}

const void* bsgen_blob_data(const bsgen_blob* blob) { return blob ? blob->bytes.c_str() : ""; }
std::size_t bsgen_blob_size(const bsgen_blob* blob) { return blob ? blob->bytes.size() : 0; }
void bsgen_blob_release(bsgen_blob* blob) { delete blob; }

}  // extern "C"
