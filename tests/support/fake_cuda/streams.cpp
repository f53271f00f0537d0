// Streams: queues of work, done as late as the waits allow.
#include <fmt/format.h>

#include "tests/support/fake_cuda/functions.h"

namespace fake {

CUresult find_stream(CUstream handle, Stream** stream) {
  const auto number = reinterpret_cast<std::uintptr_t>(handle);
  if (number <= 2) {
    Context* context = current();
    if (const CUresult result = usable(context)) return result;
    *stream = number == 2 ? context->per_thread.get() : context->legacy.get();
    return (*stream)->legacy ? refuse_legacy(*context) : CUDA_SUCCESS;
  }
  const auto found = state().streams.find(reinterpret_cast<Stream*>(handle));
  if (found == state().streams.end()) {
    state().violation("use of a stream that does not exist");
    return CUDA_ERROR_INVALID_HANDLE;
  }
  *stream = found->second.get();
  return usable((*stream)->context);
}

CUresult enqueue(Stream& stream, std::function<CUresult()> run) {
  if (stream.capture) {
    if (stream.capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    stream.capture->graph->nodes.push_back(std::move(run));
    return CUDA_SUCCESS;
  }
  stream.queue.push_back({++state().next_sequence, std::move(run)});
  return CUDA_SUCCESS;
}

// Work on the legacy stream waits for what blocking streams of its context were given before, and they wait for it.
CUresult drain(Stream& stream, std::uint64_t up_to) {
  Context& context = *stream.context;
  while (!stream.queue.empty() && stream.queue.front().sequence <= up_to) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (stream.legacy) {
      drain(*context.per_thread, work.sequence);
      for (Stream* other : context.streams)
        if (other->blocking) drain(*other, work.sequence);
    } else if (stream.blocking) {
      drain(*context.legacy, work.sequence);
    }
    if (context.broken == CUDA_SUCCESS) context.broken = work.run();
  }
  return context.broken;
}

CUresult drain_context(Context& context) {
  drain(*context.legacy);
  drain(*context.per_thread);
  for (Stream* stream : context.streams) drain(*stream);
  return context.broken;
}

CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  ENTER(cuStreamCreate);
  Context* context = current();
  if (const CUresult result = usable(context)) return call.done(result);
  if (flags > CU_STREAM_NON_BLOCKING) return call.done(CUDA_ERROR_INVALID_VALUE);
  auto made = std::make_unique<Stream>();
  made->context = context;
  made->blocking = flags == CU_STREAM_DEFAULT;
  context->streams.insert(made.get());
  *stream = reinterpret_cast<CUstream>(made.get());
  state().streams.emplace(made.get(), std::move(made));
  return call.done(CUDA_SUCCESS);
}

CUresult cuStreamDestroy(CUstream handle) {
  ENTER_RELEASE(cuStreamDestroy);
  State& s = state();
  const auto found = s.streams.find(reinterpret_cast<Stream*>(handle));
  if (found == s.streams.end()) {
    s.violation("cuStreamDestroy of a stream that does not exist");
    LEAVE_RELEASE(CUDA_ERROR_INVALID_HANDLE);
  }
  Stream& stream = *found->second;
  if (stream.capture) s.violation("cuStreamDestroy of a stream that is being captured");
  drain(stream);  // what was queued still runs
  stream.context->streams.erase(&stream);
  for (auto& [handle, event] : s.events)
    if (event->stream == &stream) event->stream = nullptr;  // all of it was done
  s.graveyard.emplace_back(found->second.release(), [](void* p) { delete static_cast<Stream*>(p); });
  s.streams.erase(found);
  LEAVE_RELEASE(CUDA_SUCCESS);
}

CUresult cuStreamSynchronize(CUstream handle) {
  ENTER(cuStreamSynchronize);
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(handle, &stream)) return call.done(result);
  if (usable(current())) return call.done(CUDA_ERROR_INVALID_CONTEXT);
  if (stream->capture) {
    stream->capture->invalidated = true;
    return call.done(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  if (const CUresult result = refuse_unsafe()) return call.done(result);
  return call.done(drain(*stream));
}

}  // namespace fake
