// The parts of opcodes that are asynchronous, each called where the opcode's own words have been taken.
#pragma once

#include "runtime/sim/decode/decoder.h"

namespace bsgen::sim::decoding {

void copy_bulk(Decoder& d);             // cp.async.bulk...: after "bulk"
void copy_mbarrier_arrive(Decoder& d);  // cp.async.mbarrier...: after "mbarrier"
void reduce_bulk(Decoder& d);           // cp.reduce.async.bulk...: after "reduce"
void st_async(Decoder& d);              // after "async"
void red_async(Decoder& d);
void cluster_barrier(Decoder& d);       // barrier.cluster...: after "cluster"
void special_fence(Decoder& d);         // fence.proxy..., fence.mbarrier_init...: before these words
bool is_special_fence(const Decoder& d);

// The next modifier as a Scope, -1 where it is none.
int take_scope_of_order(Decoder& d);

}  // namespace bsgen::sim::decoding
