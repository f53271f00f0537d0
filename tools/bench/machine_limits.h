// What this machine can do at most, measured: what figures of the cpu suite are fractions of.
#pragma once

#include <functional>

namespace bsgen::bench {

// Multiply-adds with everything in registers, GFLOP/s of all `threads` together while all of them run; 0 where this build has no loop for the
// machine. Of bf16: the instruction that multiplies pairs, where the machine has it, else those of fp32.
double peak_gflops(bool bf16, int threads);
bool has_bf16_products();
// Bytes read per second from memory far larger than the caches, GB/s of all `threads` together.
double read_bandwidth(int threads);

// Has `threads` threads, each on a core of its own where there are as many, do work(0), work(1), ... at once, each after prepare(i). Returns the
// seconds from the first one's start to the last one's end.
double together(int threads, const std::function<void(int)>& prepare, const std::function<void(int)>& work);

// Processor time of this thread, seconds.
double thread_seconds();

}  // namespace bsgen::bench
