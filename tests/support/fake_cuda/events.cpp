// Events: stand for what their stream had been given. A look at one does no work, so who never waits sees nothing happen.
#include "tests/support/fake_cuda/functions.h"

namespace fake {
namespace {

Event* find_event(CUevent handle) {
  const auto found = state().events.find(reinterpret_cast<Event*>(handle));
  if (found != state().events.end()) return found->second.get();
  state().violation("use of an event that does not exist");
  return nullptr;
}

bool pending(const Event& event) {
  return event.stream && !event.stream->queue.empty() && event.stream->queue.front().sequence <= event.sequence;
}

}  // namespace

CUresult cuEventCreate(CUevent* event, unsigned flags) {
  ENTER(cuEventCreate);
  Context* context = current();
  if (const CUresult result = usable(context)) return call.done(result);
  if (flags & ~3u) return call.done(CUDA_ERROR_INVALID_VALUE);
  auto made = std::make_unique<Event>();
  made->context = context;
  *event = reinterpret_cast<CUevent>(made.get());
  state().events.emplace(made.get(), std::move(made));
  return call.done(CUDA_SUCCESS);
}

// On a stream that is being captured it would become a node; bsgen never means that.
CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
  ENTER(cuEventRecord);
  Event* event = find_event(handle);
  if (!event) return call.done(CUDA_ERROR_INVALID_HANDLE);
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(stream_handle, &stream)) return call.done(result);
  if (stream->context != event->context) return call.done(CUDA_ERROR_INVALID_HANDLE);
  if (stream->capture) {
    state().violation("cuEventRecord on a stream that is being captured");
    return call.done(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  event->stream = stream;
  event->sequence = state().next_sequence;
  return call.done(CUDA_SUCCESS);
}

CUresult cuEventQuery(CUevent handle) {
  ENTER(cuEventQuery);
  Event* event = find_event(handle);
  if (!event) return call.done(CUDA_ERROR_INVALID_HANDLE);
  if (const CUresult result = usable(event->context)) return call.done(result);
  if (const CUresult result = refuse_unsafe()) return call.done(result);
  return call.done(pending(*event) ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS);
}

CUresult cuEventSynchronize(CUevent handle) {
  ENTER(cuEventSynchronize);
  Event* event = find_event(handle);
  if (!event) return call.done(CUDA_ERROR_INVALID_HANDLE);
  if (const CUresult result = usable(event->context)) return call.done(result);
  if (const CUresult result = refuse_unsafe()) return call.done(result);
  return call.done(event->stream ? drain(*event->stream, event->sequence) : CUDA_SUCCESS);
}

CUresult cuEventDestroy(CUevent handle) {
  ENTER_RELEASE(cuEventDestroy);
  LEAVE_RELEASE(state().events.erase(reinterpret_cast<Event*>(handle)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE);
}

}  // namespace fake
