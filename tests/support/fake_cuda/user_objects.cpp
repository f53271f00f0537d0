// User objects: what a graph holds for whoever recorded it.
#include "tests/support/fake_cuda/functions.h"

namespace fake {
namespace {

Graph* find_graph(CUgraph handle) {
  auto* graph = reinterpret_cast<Graph*>(handle);
  if (state().graphs.count(graph)) return graph;
  for (auto& [address, stream] : state().streams)
    if (stream->capture && stream->capture->graph.get() == graph) return graph;  // still being recorded
  for (auto& [address, context] : state().contexts)
    if (context->per_thread->capture && context->per_thread->capture->graph.get() == graph) return graph;
  return nullptr;
}

}  // namespace

CUresult cuUserObjectCreate(CUuserObject* object, void* resource, CUhostFn destroy, unsigned num_references, unsigned flags) {
  ENTER(cuUserObjectCreate);
  if (!destroy || num_references == 0 || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC) return call.done(CUDA_ERROR_INVALID_VALUE);
  const auto made = std::make_shared<UserObject>(resource, destroy);
  *object = reinterpret_cast<CUuserObject>(made.get());
  state().user_objects.emplace(made.get(), std::vector<UserReference>(num_references, made));
  return call.done(CUDA_SUCCESS);
}

CUresult cuUserObjectRelease(CUuserObject handle, unsigned num_references) {
  ENTER_RELEASE(cuUserObjectRelease);
  const auto found = state().user_objects.find(reinterpret_cast<UserObject*>(handle));
  if (found == state().user_objects.end() || found->second.size() < num_references) {
    state().violation("more references to a user object are released than there are");
    LEAVE_RELEASE(CUDA_ERROR_INVALID_VALUE);
  }
  found->second.resize(found->second.size() - num_references);
  if (found->second.empty()) state().user_objects.erase(found);
  LEAVE_RELEASE(CUDA_SUCCESS);
}

CUresult cuGraphRetainUserObject(CUgraph graph_handle, CUuserObject handle, unsigned num_references, unsigned flags) {
  ENTER(cuGraphRetainUserObject);
  Graph* graph = find_graph(graph_handle);
  const auto found = state().user_objects.find(reinterpret_cast<UserObject*>(handle));
  if (!graph || found == state().user_objects.end()) return call.done(CUDA_ERROR_INVALID_VALUE);
  const bool move = flags == CU_GRAPH_USER_OBJECT_MOVE;
  if ((flags != 0 && !move) || num_references == 0 || (move && found->second.size() < num_references)) return call.done(CUDA_ERROR_INVALID_VALUE);
  for (unsigned i = 0; i < num_references; ++i) graph->user_objects.push_back(found->second.front());
  if (move) {
    found->second.resize(found->second.size() - num_references);
    if (found->second.empty()) state().user_objects.erase(found);
  }
  return call.done(CUDA_SUCCESS);
}

}  // namespace fake
