#include "runtime/driver/graph_share.h"

#include <mutex>
#include <utility>

#include "compiler/support/fork_safe_mutex.h"
#include "compiler/support/made_once.h"
#include "runtime/driver/cuda_status.h"

namespace bsgen::cuda {
namespace {

// One user object's worth. They are linked by themselves, so that letting go allocates nothing.
struct Share {
  std::shared_ptr<const void> resources;
  Share* next = nullptr;
};

struct LetGo {
  ForkSafeMutex mutex;
  Share* first = nullptr;
};
constinit MadeOnce<LetGo> let_go;  // the driver calls back while the process ends

void on_last_graph_gone(void* share) {
  LetGo& list = let_go.get();
  const std::lock_guard lock(list.mutex);
  static_cast<Share*>(share)->next = std::exchange(list.first, static_cast<Share*>(share));
}

}  // namespace

Status give_to_graph(const CudaApi& api, std::string_view device, CUgraph graph, std::shared_ptr<const void> resources) {
  let_go.get();  // made here, not in the driver's thread
  auto share = std::make_unique<Share>(Share{std::move(resources)});
  CUuserObject object = nullptr;
  BSGEN_TRY(cuda_status(api, api.cuUserObjectCreate(&object, share.get(), &on_last_graph_gone, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC), device,
                        "cuUserObjectCreate"));
  share.release();  // the object's now, also where the graph does not take it
  const CUresult result = api.cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE);
  if (result != CUDA_SUCCESS) api.cuUserObjectRelease(object, 1);
  return cuda_status(api, result, device, "cuGraphRetainUserObject");
}

void return_what_graphs_let_go() {
  Share* share = nullptr;
  {
    LetGo& list = let_go.get();
    const std::lock_guard lock(list.mutex);
    share = std::exchange(list.first, nullptr);
  }
  while (share) delete std::exchange(share, share->next);
}

}  // namespace bsgen::cuda
