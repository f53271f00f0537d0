// The cpu device as an embedding program meets it.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "bsgen/cpu.h"
#include "bsgen/engine.h"
#include "runtime/cache/native.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"
#include "runtime/verify/trial.h"
#include "runtime/verify/verify.h"
#include "tests/support/run_tool.h"
#include "tests/unit/cpu/cpu_fixture.h"

namespace bsgen {

using test::ragged_mask;

// One case is one process under CTest, so the other LLVM is there first, and its symbols are everybody's.
TEST_CASE("another_llvm_in_the_process_changes_nothing") {
  void* other = nullptr;
  for (const char* name : {"libLLVM-14.so.1", "libLLVM-15.so.1", "libLLVM-16.so.1", "libLLVM-17.so.1", "libLLVM.so.18.1"})
    if (!other) other = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (!other) BSGEN_SKIP("there is no other LLVM on this machine");
  NEEDS_CPU();
  const auto device = *open_cpu();
  const Problem problem{.op = Op::kBprop, .dtype = DType::kBf16};
  const auto kernel = runtime::load_cpu_kernel(device, ragged_mask(), problem);
  REQUIRE(kernel.ok());
  const auto operands = verify::make_operands(ragged_mask(), problem, 33, 5);
  const auto trial = verify::run_trial(*kernel, ragged_mask(), problem, *operands);
  REQUIRE(trial.ok());
  CHECK(trial->failures.empty());
}

TEST_CASE("a_child_of_fork_launches_what_its_parent_loaded") {
  NEEDS_CPU();
  const auto device = *open_cpu({.threads = 2, .parallel_for = {}, .instructions = {}});
  const Problem problem{.op = Op::kFprop, .dtype = DType::kFp32};
  const auto kernel = runtime::load_cpu_kernel(device, ragged_mask(), problem);
  const auto operands = verify::make_operands(ragged_mask(), problem, 700, 5);
  const auto staged = verify::StagedOperands::stage(device, problem, *operands);
  REQUIRE(kernel->launch(staged->arguments()).ok());
  const std::string here = verify::output_digest(*staged->result());
  const pid_t child = fork();
  if (child == 0) {
    const bool ran = kernel->launch(staged->arguments()).ok();
    _exit(ran && verify::output_digest(*staged->result()) == here ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("code_for_lesser_machines_is_made_on_request_and_for_greater_ones_refused") {
  NEEDS_CPU();
  const auto portable = open_cpu({.threads = 1, .parallel_for = {}, .instructions = "portable"});
  REQUIRE(portable.ok());
  CHECK((*portable)->info().name == "cpu:portable");
  CHECK(open_cpu({.threads = 1, .parallel_for = {}, .instructions = "avx3"}).status() ==
        Status(ErrorCode::kInvalidArgument, "cpu: \"avx3\" is none of portable, avx2, avx512, avx512-bf16"));
}

TEST_CASE("the_engine_compiles_once_and_a_second_one_loads_the_object_from_disk") {
  NEEDS_CPU();
  const test::TemporaryFolder folder;
  const Problem problem{.op = Op::kFprop, .dtype = DType::kFp32, .epilogue = "relu(acc)"};
  const auto origin_of = [&](Engine& engine, const std::shared_ptr<Device>& device) {
    CompileReport report;
    const auto kernel = engine.kernel(ragged_mask(), problem, device, {}, &report);
    REQUIRE(kernel.status() == Status());
    const auto operands = verify::make_operands(ragged_mask(), problem, 40, 5);
    const auto trial = verify::run_trial(*kernel, ragged_mask(), problem, *operands);
    REQUIRE(trial.ok());
    CHECK(trial->failures.empty());
    return report.origin;
  };
  EngineOptions options;
  options.cache_dir = folder.path().string();
  Engine first(options);
  const auto device = *open_cpu();
  CHECK(origin_of(first, device) == KernelOrigin::kCompiled);
  CHECK(origin_of(first, device) == KernelOrigin::kMemory);
  Engine second(options);
  CHECK(origin_of(second, *open_cpu()) == KernelOrigin::kDisk);
  // Code for other instructions is another kernel.
  const auto portable = *open_cpu({.threads = 1, .parallel_for = {}, .instructions = "portable"});
  if (portable->info().model != device->info().model) CHECK(origin_of(second, portable) == KernelOrigin::kCompiled);
}

TEST_CASE("the_key_of_stored_code_names_the_compiler_and_all_that_the_code_depends_on") {
  NEEDS_CPU();
  const auto device = *open_cpu();
  const auto prepared = runtime::prepare_native(ragged_mask(), {.op = Op::kFprop, .dtype = DType::kFp32}, *device, {});
  REQUIRE(prepared.ok());
  const auto field = [&](std::string_view label) {
    const std::string* found = prepared->key.record.find(label);
    return found ? *found : std::string();
  };
  CHECK(field("compiler") == dynamic_cast<const cpu::CpuDevice&>(*device).compiler());
  CHECK(field("compiler").find("LLVM ") == 0);
  CHECK(field("cpu plan") == prepared->plan.code_key());
  for (const char* label : {"bsgen", "emitter"}) CHECK(!field(label).empty());
}

// What another process compiled is loaded by one that never compiles anything.
TEST_CASE("a_process_loads_what_another_one_compiled") {
  NEEDS_CPU();
  const test::TemporaryFolder folder;
  EngineOptions options;
  options.cache_dir = folder.path().string();
  const pid_t compiles = fork();
  REQUIRE(compiles >= 0);
  if (compiles == 0) _exit(Engine(options).kernel(ragged_mask(), {}, *open_cpu()).ok() ? 0 : 1);
  int status = 0;
  REQUIRE(waitpid(compiles, &status, 0) == compiles);
  REQUIRE(status == 0);
  CompileReport report;
  const auto kernel = Engine(options).kernel(ragged_mask(), {}, *open_cpu(), {}, &report);
  CHECK(kernel.status() == Status());
  CHECK(report.origin == KernelOrigin::kDisk);
}

TEST_CASE("a_library_that_is_not_there_is_missing_and_the_way_out_is_named") {
  const test::ToolResult run = test::run_tool("run full:2x2 --block 32 --dtype fp32 --tokens 3 --device cpu", "BSGEN_CPU_LIBRARY=/nowhere/libbsgen-cpu.so");
  CHECK(run.status == 3);
  CHECK(run.out.empty());
  CHECK(run.err.find("cpu: libbsgen-cpu.so could not be opened: ") != std::string::npos);
  CHECK(run.err.find("; build bsgen where llvm-19-dev is installed, or take --device sim (BSGEN_DEVICE=sim)") != std::string::npos);
}

TEST_CASE("auto_is_cpu_unless_a_gpus_kernel_is_asked_for") {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) != nullptr) BSGEN_SKIP("this machine has a CUDA driver");
  NEEDS_CPU();
  const std::string run = "run full:2x2 --block 32 --dtype fp32 --tokens 3 --device auto ";
  CHECK(test::run_tool(run).out.find("cpu") != std::string::npos);
  CHECK(test::run_tool(run, "BSGEN_CPU_LIBRARY=/nowhere/libbsgen-cpu.so").out.find("cpu") == std::string::npos);
  for (const char* more : {"--arch sm_90", "--tier unrolled", "--schedule early,late"}) {
    INFO(more);
    CHECK(test::run_tool(run + more).err.find("cpu") == std::string::npos);
  }
}

TEST_CASE("what_is_for_gpus_is_refused_by_name") {
  NEEDS_CPU();
  const std::string run = "run full:2x2 --block 32 --dtype fp32 --tokens 3 --device cpu ";
  CHECK(test::run_tool(run + "--tier unrolled").err == "bsgen: cpu: tier unrolled is a GPU's; kernels of the cpu are of tier table\n");
  CHECK(test::run_tool(run + "--ptx x.ptx").err == "bsgen: run: --ptx is for GPUs and sim, this device is cpu; leave it out or add --device sim\n");
}

TEST_CASE("code_does_not_depend_on_the_number_of_blocks") {
  NEEDS_CPU();
  const auto device = *open_cpu();
  const auto& cpu = dynamic_cast<const cpu::CpuDevice&>(*device);
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
    const auto plan = [&](const char* mask) { return *runtime::plan_for_cpu(*device, *read_mask(mask, {.block = {32, 32}, .size = {}}), {.op = op, .dtype = DType::kFp32}, {}); };
    const cpu::CpuPlan few = plan("random:64x64:density=0.01,seed=1"), many = plan("full:64x64");
    CHECK(few.code_key() == many.code_key());
    CHECK(*cpu.compile(few, kBsgenCpuObject) == *cpu.compile(many, kBsgenCpuObject));
  }
}

// So the portable vectors are NEON's on AArch64.
TEST_CASE("the_ir_of_the_portable_machine_names_no_intrinsic_of_one_architecture") {
  NEEDS_CPU();
  for (const char* options : {"fprop --dtype fp16 --epilogue 'gelu(acc)'", "bprop --dtype bf16", "bprop --dtype bf16 --activations col", "update --dtype tf32"}) {
    INFO(options);
    const std::string ir = test::run_tool(std::string("compile random:4x4:density=0.5 --block 32 --device cpu:portable --emit llvm --op ") + options).out;
    CHECK(ir.find("define ") != std::string::npos);
    CHECK(ir.find("@llvm.x86") == std::string::npos);
    CHECK(ir.find("@llvm.aarch64") == std::string::npos);
  }
}

TEST_CASE("bf16_is_multiplied_by_the_instruction_for_it_where_there_is_one") {
  NEEDS_CPU();
  const auto device = *open_cpu();
  if (dynamic_cast<const cpu::CpuDevice&>(*device).machine().isa < cpu::Isa::kAvx512Bf16) BSGEN_SKIP("this processor does not multiply bf16");
  const auto multiplies = [](const std::string& options) {
    const test::ToolResult run = test::run_tool("compile random:4x4:density=0.5 --block 32 --dtype bf16 --emit asm " + options);
    REQUIRE(run.status == 0);
    return run.out.find("vdpbf16ps") != std::string::npos;
  };
  for (const char* op : {"--op fprop ", "--op bprop ", "--op update "})
    for (const char* activations : {"--activations row ", "--activations col "}) {
      INFO(op << activations);
      CHECK(multiplies(std::string(op) + activations + "--device cpu"));
      CHECK(!multiplies(std::string(op) + activations + "--device cpu:avx512"));
    }
}

TEST_CASE("the_output_is_asked_for_before_a_tile_is_computed_where_its_rows_are_whole_lines") {
  NEEDS_CPU();
  for (const char* device : {"cpu", "cpu:avx2"})
    for (const char* problem : {"--block 64 --dtype fp32", "--block 64 --dtype bf16", "--block 32 --dtype bf16", "--block 16 --dtype bf16", "--block 64 --dtype fp32 --activations col"}) {
      INFO(device << " " << problem);
      const std::string options = std::string("random:4x4:density=0.5 ") + problem + " --device " + device + " --emit ";
      const auto plan = cpu::CpuPlan::parse(test::run_tool("compile " + options + "plan").out);
      if (!plan) BSGEN_SKIP("this processor has no AVX2");
      const int bytes = plan->width() * size_bytes(plan->problem.output()), lines = bytes < 64 ? 0 : (bytes + 63) / 64;
      const std::string ir = test::run_tool("compile " + options + "llvm").out;
      int asked = 0;
      for (std::size_t at = ir.find(", i32 1, i32 3, i32 1)"); at != std::string::npos; at = ir.find(", i32 1, i32 3, i32 1)", at + 1)) ++asked;
      CHECK(asked == lines);  // in one loop over the rows of a tile
    }
}

// Code for a processor that has more than this one is made, and never taken for this one's.
TEST_CASE("code_for_another_processor_is_compiled_and_has_a_key_of_its_own") {
#if defined(__x86_64__)
  NEEDS_CPU();
  const auto device = *open_cpu();
  const auto& cpu = dynamic_cast<const cpu::CpuDevice&>(*device);
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
    cpu::CpuPlan plan = *runtime::plan_for_cpu(*device, ragged_mask(), {.op = op, .dtype = DType::kBf16}, {});
    const std::string here = plan.code_key();
    plan = cpu::choose(ragged_mask(), {.op = op, .dtype = DType::kBf16}, {"sapphirerapids", "", cpu::Isa::kAvx512Bf16, 2 << 20});
    CHECK(plan.code_key() != here);
    const auto made = cpu.compile(plan, kBsgenCpuAssembly);
    REQUIRE(made.status() == Status());
    CHECK((made->find("vdpbf16ps") != std::string::npos) == plan.pairs);
  }
#endif
}

TEST_CASE("plan_ir_and_assembly_of_a_cpu_kernel_are_shown") {
  NEEDS_CPU();
  const std::string mask = "random:4x4:density=0.5 --block 32 --dtype fp32 ";
  CHECK(test::run_tool("compile " + mask + "--emit llvm").out.find("define void @bsgen_cpu_main(ptr %0)") != std::string::npos);
  CHECK(test::run_tool("compile " + mask + "--emit asm --device cpu:portable").out.find("bsgen_cpu_main:") != std::string::npos);
  const auto plan = cpu::CpuPlan::parse(test::run_tool("compile " + mask + "--emit plan --device cpu:portable").out);
  REQUIRE(plan.ok());
  CHECK(plan->machine.isa == cpu::Isa::kPortable);
  CHECK(test::run_tool("explain " + mask + "--device cpu").out.find("why this plan") != std::string::npos);
  CHECK(test::run_tool("explain " + mask + "--device sim").err ==
        "bsgen: cpu: sim is a device of kind sim; --device cpu, cpu:avx512, cpu:avx2 or cpu:portable has these stages\n");
}

}  // namespace bsgen
