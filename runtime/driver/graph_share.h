// What a graph that captured a launch holds of ours.
#pragma once

#include <memory>
#include <string_view>

#include "bsgen/status.h"
#include "runtime/driver/cuda_api.h"

namespace bsgen::cuda {

// The graph, what is instantiated from it and what of that runs hold `resources`, as long as there is one of them (CUDA programming
// guide, user objects).
Status give_to_graph(const CudaApi& api, std::string_view device, CUgraph graph, std::shared_ptr<const void> resources);

// The driver says that a graph lets go in a thread in which it may not be called, so what was held lies aside until somebody calls this.
void return_what_graphs_let_go();

}  // namespace bsgen::cuda
