// cp.reduce.async.bulk and cp.reduce.async.bulk.tensor in every operation and type that ptxas takes, against sums and choices made here element by
// element, and the refusal of the others.
#include <bit>
#include <functional>
#include <random>

#include "tests/unit/sim_async/tensor_kernel.h"
#include "tests/unit/sim_math/reference_float.h"

namespace bsgen::sim::test {
namespace {

using Value = std::uint64_t;
using Reduction = std::function<Value(Value, Value)>;  // of memory and what comes, as bits

struct Kind {
  const char* type;
  int bytes;
};
constexpr Kind kU32 = {"u32", 4}, kS32 = {"s32", 4}, kU64 = {"u64", 8}, kS64 = {"s64", 8}, kB32 = {"b32", 4}, kB64 = {"b64", 8}, kF16 = {"f16", 2}, kBf16 = {"bf16", 2}, kF32 = {"f32", 4}, kF64 = {"f64", 8};

template <class T>
Reduction choose(bool least) {
  return [least](Value a, Value b) {
    const T x = static_cast<T>(a), y = static_cast<T>(b);
    return (least ? y < x : y > x) ? b : a;
  };
}
float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }
Value sum_of_halves(Value a, Value b, FloatFormat format) {
  const auto decode = [&](Value bits) {
    const std::uint32_t sign = 1u << (format.exponent_bits + format.mantissa_bits);
    const Wide magnitude = decode_magnitude(static_cast<std::uint32_t>(bits) & (sign - 1), format);
    return bits & sign ? -magnitude : magnitude;
  };
  const Wide sum = decode(a) + decode(b);
  if (sum == 0) return a == b ? a : 0;  // two zeros of one sign keep it
  return reference_round(sum, format, Round::kNearest);
}
Value half_choice(Value a, Value b, bool least) {
  const auto order = [](Value bits) { return bits & 0x8000 ? -static_cast<int>(bits & 0x7fff) : static_cast<int>(bits); };
  return (least ? order(b) < order(a) : order(b) > order(a)) ? b : a;
}

struct Case {
  std::string op;  // with .noftz
  Kind kind;
  Reduction reduce;
  bool in_shared;  // exists for shared::cluster
};
std::vector<Case> cases() {
  std::vector<Case> all;
  const Reduction add32 = [](Value a, Value b) { return Value{static_cast<std::uint32_t>(a + b)}; }, add64 = [](Value a, Value b) { return a + b; };
  all.push_back({"add", kU32, add32, true});
  all.push_back({"add", kS32, add32, true});
  all.push_back({"add", kU64, add64, true});
  all.push_back({"add", kF32, [](Value a, Value b) {
                   const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(a)), y = std::bit_cast<float>(static_cast<std::uint32_t>(b));
                   return Value{std::bit_cast<std::uint32_t>(flushed(flushed(x) + flushed(y)))};
                 }, false});
  all.push_back({"add", kF64, [](Value a, Value b) { return std::bit_cast<Value>(std::bit_cast<double>(a) + std::bit_cast<double>(b)); }, false});
  all.push_back({"add.noftz", kF16, [](Value a, Value b) { return sum_of_halves(a, b, {5, 10}); }, false});
  all.push_back({"add.noftz", kBf16, [](Value a, Value b) { return sum_of_halves(a, b, {8, 7}); }, false});
  for (const bool least : {true, false}) {
    const char* op = least ? "min" : "max";
    all.push_back({op, kU32, choose<std::uint32_t>(least), true});
    all.push_back({op, kS32, choose<std::int32_t>(least), true});
    all.push_back({op, kU64, choose<std::uint64_t>(least), false});
    all.push_back({op, kS64, choose<std::int64_t>(least), false});
    for (const Kind& half : {kF16, kBf16}) all.push_back({op, half, [least](Value a, Value b) { return half_choice(a, b, least); }, false});
  }
  all.push_back({"inc", kU32, [](Value a, Value b) { return a >= b ? 0 : a + 1; }, true});
  all.push_back({"dec", kU32, [](Value a, Value b) { return a == 0 || a > b ? b : a - 1; }, true});
  for (const Kind& bits : {kB32, kB64}) {
    all.push_back({"and", bits, [](Value a, Value b) { return a & b; }, bits.bytes == 4});
    all.push_back({"or", bits, [](Value a, Value b) { return a | b; }, bits.bytes == 4});
    all.push_back({"xor", bits, [](Value a, Value b) { return a ^ b; }, bits.bytes == 4});
  }
  return all;
}

// 256 bytes of values of the kind: finite where they are floats, small words among large ones where they count.
std::vector<std::uint8_t> values(const Case& c, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(c.kind.bytes)) {
    Value value = random();
    if (c.kind.type[0] == 'f' && c.kind.bytes == 2) value = (value & 0x83ff) | (value >> 32) % 30 << 10;
    if (c.kind.type[0] == 'b' && c.kind.bytes == 2 && c.kind.type[1] == 'f') value = (value & 0x807f) | (value >> 32) % 250 << 7;
    if (c.kind.type[0] == 'f' && c.kind.bytes == 4) value = (value & 0x807fffff) | (value >> 32) % 8 << 23;  // sums of subnormals and such that become some
    if (c.kind.type[0] == 'f' && c.kind.bytes == 8) value = std::bit_cast<Value>(static_cast<double>(static_cast<std::int64_t>(value)) / 3.0);
    if (c.op == "inc" || c.op == "dec") value = value % 3 == 0 ? value : value % 5;
    std::memcpy(bytes.data() + at, &value, static_cast<std::size_t>(c.kind.bytes));
  }
  return bytes;
}
std::vector<std::uint8_t> expected(const Case& c, const std::vector<std::uint8_t>& memory, const std::vector<std::uint8_t>& given) {
  std::vector<std::uint8_t> made = memory;
  for (std::size_t at = 0; at < made.size(); at += static_cast<std::size_t>(c.kind.bytes)) {
    Value a = 0, b = 0;
    std::memcpy(&a, memory.data() + at, static_cast<std::size_t>(c.kind.bytes));
    std::memcpy(&b, given.data() + at, static_cast<std::size_t>(c.kind.bytes));
    a = c.reduce(a, b);
    std::memcpy(made.data() + at, &a, static_cast<std::size_t>(c.kind.bytes));
  }
  return made;
}

constexpr const char* kStartReduce = "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, buffer;\nmov.u32 %r3, bar;\nsetp.ne.u32 %p1, %r1, 0;\n";
constexpr const char* kSharedReduce = ".shared .align 128 .b8 buffer[1024];\n.shared .align 8 .b8 bar[16];";
// `in` to the buffer, waited for.
constexpr const char* kBring =
    "@%p1 bra W;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nmbarrier.init.shared::cta.b64 [%r3+8], 1;\nfence.mbarrier_init.release.cluster;\nmbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 512;\n"
    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 256, [%r3];\ncp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2+512], [%rd2], 256, [%r3];\n"
    "W:\nbar.sync 0;\nL:\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n@%p1 bra E;\n";

void check_reduction(const Case& c, const std::string& instructions, Timing timing, const std::vector<std::uint64_t>& map = {}, const std::string& parameter = "") {
  auto sim = device("sm_90", timing, 1);
  const std::vector<std::uint8_t> given = values(c, 1), memory = values(c, 2);
  const auto a = *sim->allocate(256), b = *sim->allocate(256);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(given))).ok());
  REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(memory))).ok());
  std::vector<std::uint64_t> parameters = {a.address(), b.address()};
  if (!map.empty()) {
    TensorMapConfig config;
    config.type = static_cast<TensorType>(map[0]);
    config.rank = 2, config.address = b.address();
    config.dims[0] = config.box[0] = static_cast<std::uint32_t>(64 / c.kind.bytes), config.dims[1] = config.box[1] = 4, config.strides[0] = 64;
    const auto encoded = sim->encode_tensor_map(config);
    REQUIRE(encoded.ok());
    parameters.resize(8 + 16);  // the map is aligned to 64 bytes
    std::memcpy(parameters.data() + 8, encoded->bytes, sizeof encoded->bytes);
  }
  const Launched launched = launch(*sim, kernel_text(kStartReduce + std::string(kBring) + instructions + "E:\n", ".param .u64 in, .param .u64 out" + parameter, 90, kSharedReduce), {.threads = 32}, parameters);
  INFO(c.op << "." << c.kind.type << ": " << launched.status.message());
  REQUIRE(launched.status.ok());
  CHECK(launched.report.diagnostics.empty());
  std::vector<std::uint8_t> got(256);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), b.address()).ok());
  CHECK(got == expected(c, memory, given));
}

TEST_CASE("bulk_reductions_into_global_memory_do_every_operation_in_every_type") {
  for (const Case& c : cases())
    for (const Timing timing : {Timing::kEarly, Timing::kLate})
      check_reduction(c, fmt::format("cp.reduce.async.bulk.global.shared::cta.bulk_group.{}.{} [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n", c.op, c.kind.type), timing);
}

TEST_CASE("bulk_reductions_into_shared_memory_do_every_operation_in_every_type") {
  for (const Case& c : cases())
    if (c.in_shared)
      for (const Timing timing : {Timing::kEarly, Timing::kLate})
        check_reduction(c, fmt::format("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3+8], 256;\ncp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.{}.{} [%r2+512], [%r2], 256, [%r3+8];\n"
                                       "M:\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3+8], 0;\n@!%p2 bra M;\n"
                                       "cp.async.bulk.global.shared::cta.bulk_group [%rd2], [%r2+512], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n", c.op, c.kind.type), timing);
}

TEST_CASE("tensor_reductions_do_every_operation_in_the_type_of_the_map") {
  const auto type_of = [](const Kind& kind) {
    const std::string name = kind.type;
    using T = TensorType;
    return static_cast<std::uint64_t>(name == "u32" || name == "b32" ? T::kU32 : name == "s32" ? T::kS32 : name == "u64" || name == "b64" ? T::kU64 : name == "s64" ? T::kS64
                                      : name == "f16" ? T::kF16 : name == "bf16" ? T::kBf16 : name == "f64" ? T::kF64 : T::kF32Ftz);
  };
  for (const Case& c : cases())
    for (const Timing timing : {Timing::kEarly, Timing::kLate})
      check_reduction(c, fmt::format("mov.b64 %rd3, map;\ncvta.param.u64 %rd4, %rd3;\nmov.u32 %r10, 0;\ncp.reduce.async.bulk.tensor.2d.global.shared::cta.{}.tile.bulk_group [%rd4, {{%r10, %r10}}], [%r2];\n"
                                     "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n", c.op.substr(0, c.op.find('.'))), timing, {type_of(c.kind)}, ", .param .align 64 .b8 map[128]");
}

TEST_CASE("reductions_that_ptxas_does_not_know_are_refused") {
  const auto message = [](const std::string& op, bool shared) {
    auto sim = device();
    KernelImage image;
    image.entry = "k";
    image.ptx = kernel_text(shared ? "cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes." + op + " [%r1], [%r2], 64, [%r3];"
                                   : "cp.reduce.async.bulk.global.shared::cta.bulk_group." + op + " [%rd1], [%r2], 64;");
    const std::string text = sim->load(image, 0).status().message();
    return text.substr(text.rfind(": ") + 2);
  };
  CHECK(message("add.f16", false) == "sums of this type need .noftz");
  CHECK(message("add.noftz.f32", false) == ".noftz is for sums of .f16 and .bf16");
  CHECK(message("min.noftz.bf16", false) == ".noftz is for sums of .f16 and .bf16");
  for (const char* op : {"add.s64", "min.f32", "max.f64", "inc.s32", "and.u32", "xor.b16", "add.u16"}) CHECK(message(op, false) == "this combination of types does not exist");
  for (const char* op : {"min.u64", "and.b64", "add.f32", "max.s64"}) CHECK(message(op, true) == "this combination of types does not exist");
}

}  // namespace
}  // namespace bsgen::sim::test
