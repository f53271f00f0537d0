// What is asked of a GPU, and of the simulated device after it: small kernels over drawn operands.
//
// Two forms of kernel. Threads: every thread loads `inputs` 32-bit words, executes `body` and stores `outputs` words; word i of thread
// t of cta c lies at (c * count + i) * threads + t. Memory (memory_words > 0): `body` itself reads memory_words words at [%rd0] and
// writes [%rd1]. Nothing is drawn from clocks or libm, so the same inputs exist wherever a case is asked again; only outputs are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bsgen/dtype.h"
#include "bsgen/tensor_map.h"
#include "tools/goldgen/bound.h"

namespace bsgen::goldens {

// How a word of input is drawn. kIndex: halves that tell the word's place.
enum class Draw : std::uint8_t { kBits, kF32, kTf32, kF16, kBf16, kE4m3, kE5m2, kIndex };
// kNormal: magnitudes near 1. kWide: any exponent. kEdge: zeros with huge partners, subnormals, infinities, NaN, cancellation.
enum class Spread : std::uint8_t { kNormal, kWide, kEdge };

struct Case {
  std::string name{};            // "mma.m16n8k16.f32.bf16.bf16.f32/edge"
  std::string body{};            // PTX: reads %i0.., writes %o0.. (b32); %f %h %p %x <32> (f32, b16, predicate, b32), %d<8> (b64) are its own;
                                 // %x31 is the thread, %r0 the cta, %rd2 the address of `map`
  std::vector<Draw> inputs{};    // of each word of a thread; in the form of memory one, of all words
  int outputs = 1;               // words of a thread
  Spread spread = Spread::kNormal;
  int tiles = 64, threads = 32;  // ctas, threads of each
  int min_sm = 75, max_sm = 9999;
  bool own_arch = false;         // needs sm_90a rather than sm_90
  std::optional<Bound> bound{};  // of approximate instructions: how far the answer may lie from the true value; none = bit for bit
  int shared_bytes = 0;          // a static array `tile`
  std::size_t memory_words = 0, output_words = 0;  // of the form of memory
  bool starts_drawn = false;     // outputs begin as the first input words, else as zeros
  std::optional<TensorMapConfig> map{};  // of the inputs, or the outputs where `maps_output`; its address is filled in
  bool maps_output = false;
  bool is_table = false;         // a sweep of a function: every word is kept, as differences

  std::size_t input_words() const;
  std::size_t words() const;     // of all outputs
};

// Every case that `arch` can execute, tables aside.
std::vector<Case> cases_for(const Arch& arch);
// Tables of the approximate functions over complete sweeps of mantissas; 2^log2_words words each.
std::vector<Case> tables_for(const Arch& arch, int log2_words = 23);

std::string kernel_of(const Case& c, const Arch& arch);  // PTX, entry "k", one parameter: {in, out} and, from byte 64 on, the map
std::vector<std::uint32_t> inputs_of(const Case& c);

// The parts of cases_for.
std::vector<Case> scalar_cases();  // arithmetic, conversions, fields, approximate functions
std::vector<Case> matrix_cases();  // mma, ldmatrix and its kin
std::vector<Case> wgmma_cases();
std::vector<Case> copy_cases();    // bulk and tensor-map copies and reductions

// "{%o0, %o1}"
std::string registers(const char* prefix, int first, int count);
struct NamedSpread {
  Spread spread;
  const char* name;
};
inline constexpr NamedSpread kSpreads[] = {{Spread::kNormal, "normal"}, {Spread::kWide, "wide"}, {Spread::kEdge, "edge"}};

}  // namespace bsgen::goldens
