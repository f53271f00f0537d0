#include "tools/bench/machine_limits.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace bsgen::bench {
namespace {

#if defined(__x86_64__)
// Independent sums hide the latency of two instructions a cycle: 24 that of VDPBF16PS, six cycles, 12 that of a multiply-add. In assembly, so that
// none is merged, dropped or spilled.
#define BSGEN_TWELVE(op, a, b, r, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11)                                                     \
  op a b r r0 "\n" op a b r r1 "\n" op a b r r2 "\n" op a b r r3 "\n" op a b r r4 "\n" op a b r r5 "\n" op a b r r6 "\n" op a b r r7 "\n" \
  op a b r r8 "\n" op a b r r9 "\n" op a b r r10 "\n" op a b r r11 "\n"
#define BSGEN_LOW(op, a, b, r) BSGEN_TWELVE(op, a, b, r, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11")
#define BSGEN_HIGH(op, a, b, r) BSGEN_TWELVE(op, a, b, r, "16", "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27")
#define BSGEN_CLOBBERED "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13"
#define BSGEN_CLOBBERED_HIGH "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27"
#define BSGEN_BURN_512(name, extension, op)                                                                                 \
  [[gnu::target(extension), gnu::noinline]] void name(long rounds) {                                                        \
    __asm__ volatile("vpxorq %%zmm12, %%zmm12, %%zmm12\n vpxorq %%zmm13, %%zmm13, %%zmm13\n 1:\n"                           \
                     BSGEN_LOW(op, " %%zmm12,", " %%zmm13,", " %%zmm") BSGEN_HIGH(op, " %%zmm12,", " %%zmm13,", " %%zmm")    \
                     "dec %0\n jnz 1b\n"                                                                                    \
                     : "+r"(rounds)                                                                                         \
                     :                                                                                                      \
                     : BSGEN_CLOBBERED, BSGEN_CLOBBERED_HIGH);                                                              \
  }
BSGEN_BURN_512(burn512, "avx512f", "vfmadd231ps")
BSGEN_BURN_512(burn_pairs, "avx512f,avx512bf16", "vdpbf16ps")
[[gnu::target("avx2,fma"), gnu::noinline]] void burn256(long rounds) {
  __asm__ volatile("vpxor %%ymm12, %%ymm12, %%ymm12\n vpxor %%ymm13, %%ymm13, %%ymm13\n 1:\n"
                   BSGEN_LOW("vfmadd231ps", " %%ymm12,", " %%ymm13,", " %%ymm") "dec %0\n jnz 1b\n"
                   : "+r"(rounds)
                   :
                   : BSGEN_CLOBBERED);
}
#undef BSGEN_TWELVE
#undef BSGEN_LOW
#undef BSGEN_HIGH
#undef BSGEN_CLOBBERED
#undef BSGEN_CLOBBERED_HIGH
#undef BSGEN_BURN_512
#endif

double wall_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// This thread on the one core of the process's that has this number, where there are as many: the system may well put two on the same.
void stay_on(int number) {
  cpu_set_t all, one;
  CPU_ZERO(&all);
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof all, &all) != 0) return;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &all) && number-- == 0) {
      CPU_SET(core, &one);
      (void)sched_setaffinity(0, sizeof one, &one);
    }
}

// Seconds that `work` takes when `threads` threads do it at once: of one its processor time.
double seconds_of(int threads, const std::function<void(int)>& work) {
  if (threads > 1) return together(threads, [](int) {}, work);
  const double start = thread_seconds();
  work(0);
  return thread_seconds() - start;
}

}  // namespace

double together(int threads, const std::function<void(int)>& prepare, const std::function<void(int)>& work) {
  std::atomic<int> ready{0};
  std::vector<double> starts(static_cast<std::size_t>(threads)), ends(starts);
  std::vector<std::thread> others;
  for (int i = 0; i < threads; ++i)
    others.emplace_back([&, i] {
      stay_on(i);
      prepare(i);
      for (++ready; ready < threads;) std::this_thread::yield();
      starts[static_cast<std::size_t>(i)] = wall_seconds();
      work(i);
      ends[static_cast<std::size_t>(i)] = wall_seconds();
    });
  for (std::thread& each : others) each.join();
  return *std::max_element(ends.begin(), ends.end()) - *std::min_element(starts.begin(), starts.end());
}

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

bool has_bf16_products() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

double peak_gflops(bool bf16, int threads) {
#if defined(__x86_64__)
  const bool wide = __builtin_cpu_supports("avx512f"), pairs = bf16 && has_bf16_products();
  if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 0;
  const auto burn = pairs ? burn_pairs : wide ? burn512 : burn256;
  const double flops = pairs ? 24 * 64 : wide ? 24 * 32 : 12 * 16;
  constexpr long kRounds = 100000;
  // One moment without one of the cores would be everybody's yardstick.
  const double end = wall_seconds() + (threads > 1 ? 1 : 0);
  double best = 0;
  for (int i = 0; i < 60 || wall_seconds() < end; ++i) best = std::max(best, flops * kRounds * threads / seconds_of(threads, [&](int) { burn(kRounds); }) * 1e-9);
  return best;
#else
  (void)bf16, (void)threads;
  return 0;
#endif
}

double read_bandwidth(int threads) {
  const std::size_t part = (std::size_t{256} << 17) / static_cast<std::size_t>(threads) / 8 * 8;
  std::vector<std::uint64_t> memory(part * static_cast<std::size_t>(threads), 1);  // 256 MB
  double best = 0;
  std::atomic<std::uint64_t> sink{0};
  for (int i = 0; i < 5; ++i) {
    const double seconds = seconds_of(threads, [&](int thread) {
      const std::uint64_t* from = memory.data() + part * static_cast<std::size_t>(thread);
      std::uint64_t sums[8] = {};
      for (std::size_t at = 0; at < part; at += 8)
        for (std::size_t j = 0; j < 8; ++j) sums[j] += from[at + j];
      for (const std::uint64_t sum : sums) sink += sum;
    });
    best = std::max(best, static_cast<double>(memory.size() * 8) / seconds * 1e-9);
  }
  return best;
}

}  // namespace bsgen::bench
