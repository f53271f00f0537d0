// Stream capture and graphs, as far as a launch can be part of them.
#include <fmt/format.h>

#include "tests/support/fake_cuda/functions.h"

namespace fake {
namespace {

template <class F>
void for_each_capture(F&& f) {
  for (auto& [handle, stream] : state().streams)
    if (stream->capture) f(*stream);
  for (auto& [handle, context] : state().contexts)
    if (context->per_thread->capture) f(*context->per_thread);
}

// cuda.h, cuThreadExchangeStreamCaptureMode: what a thread in `mode` may not do because of this capture.
bool prohibits(const Capture& capture, int mode) {
  const bool mine = capture.thread == std::this_thread::get_id();
  if (mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  if (mine) return capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
  return mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

}  // namespace

CUresult refuse_unsafe() {
  CUresult result = CUDA_SUCCESS;
  for_each_capture([&](Stream& stream) {
    if (!prohibits(*stream.capture, this_thread().capture_mode)) return;
    stream.capture->invalidated = true;
    result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  });
  return result;
}

CUresult refuse_legacy(Context& context) {
  CUresult result = CUDA_SUCCESS;
  for_each_capture([&](Stream& stream) {
    if (stream.context != &context || !stream.blocking) return;
    stream.capture->invalidated = true;
    result = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  });
  return result;
}

std::size_t num_captures() {
  std::size_t count = 0;
  for_each_capture([&](Stream&) { ++count; });
  return count;
}

CUresult cuThreadExchangeStreamCaptureMode(int* mode) {
  ENTER(cuThreadExchangeStreamCaptureMode);
  if (*mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return call.done(CUDA_ERROR_INVALID_VALUE);
  std::swap(*mode, this_thread().capture_mode);
  return call.done(CUDA_SUCCESS);
}

CUresult cuStreamIsCapturing(CUstream handle, int* status) {
  ENTER(cuStreamIsCapturing);
  const auto number = reinterpret_cast<std::uintptr_t>(handle);
  if (number <= 1) {  // the legacy stream: asking harms no capture
    Context* context = current();
    if (const CUresult result = usable(context)) return call.done(result);
    bool implicit = false;
    for_each_capture([&](Stream& stream) { implicit |= stream.context == context && stream.blocking; });
    *status = CU_STREAM_CAPTURE_STATUS_NONE;
    return call.done(implicit ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT : CUDA_SUCCESS);
  }
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(handle, &stream)) return call.done(result);
  *status = !stream->capture ? CU_STREAM_CAPTURE_STATUS_NONE : stream->capture->invalidated ? 2 : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return call.done(CUDA_SUCCESS);
}

CUresult cuStreamGetCaptureInfo(CUstream handle, int* status, std::uint64_t* id, CUgraph* graph, const CUgraphNode** dependencies,
                                std::size_t* num_dependencies) {
  ENTER(cuStreamGetCaptureInfo);
  if (dependencies || num_dependencies || reinterpret_cast<std::uintptr_t>(handle) <= 1) return call.done(CUDA_ERROR_INVALID_VALUE);  // not modelled
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(handle, &stream)) return call.done(result);
  const Capture* capture = stream->capture.get();
  *status = !capture ? CU_STREAM_CAPTURE_STATUS_NONE : capture->invalidated ? 2 : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (*status == CU_STREAM_CAPTURE_STATUS_ACTIVE) {
    if (id) *id = capture->id;
    if (graph) *graph = reinterpret_cast<CUgraph>(capture->graph.get());
  }
  return call.done(CUDA_SUCCESS);
}

CUresult cuStreamBeginCapture(CUstream handle, int mode) {
  ENTER(cuStreamBeginCapture);
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(handle, &stream)) return call.done(result);
  if (stream->legacy) return call.done(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  if (stream->capture) return call.done(CUDA_ERROR_INVALID_VALUE);
  stream->capture = std::make_unique<Capture>();
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  stream->capture->id = ++state().next_capture;
  stream->capture->graph = std::make_unique<Graph>();
  stream->capture->graph->context = stream->context;
  return call.done(CUDA_SUCCESS);
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) {
  ENTER(cuStreamEndCapture);
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(handle, &stream)) return call.done(result);
  if (!stream->capture) return call.done(CUDA_ERROR_INVALID_VALUE);
  const std::unique_ptr<Capture> capture = std::move(stream->capture);
  *graph = nullptr;
  if (capture->invalidated) return call.done(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  std::unique_ptr<Graph> made = std::move(capture->graph);
  *graph = reinterpret_cast<CUgraph>(made.get());
  state().graphs.emplace(made.get(), std::move(made));
  return call.done(CUDA_SUCCESS);
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long) {
  ENTER(cuGraphInstantiateWithFlags);
  const auto found = state().graphs.find(reinterpret_cast<Graph*>(graph));
  if (found == state().graphs.end()) return call.done(CUDA_ERROR_INVALID_HANDLE);
  auto made = std::make_unique<Graph>(*found->second);
  *exec = reinterpret_cast<CUgraphExec>(made.get());
  state().graph_execs.emplace(made.get(), std::move(made));
  return call.done(CUDA_SUCCESS);
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream handle) {
  ENTER(cuGraphLaunch);
  Stream* stream = nullptr;
  if (const CUresult result = find_stream(handle, &stream)) return call.done(result);
  const auto found = state().graph_execs.find(reinterpret_cast<Graph*>(exec));
  if (found == state().graph_execs.end()) return call.done(CUDA_ERROR_INVALID_HANDLE);
  if (found->second->context->device != stream->context->device) return call.done(CUDA_ERROR_INVALID_VALUE);
  for (const auto& node : found->second->nodes)
    if (const CUresult result = enqueue(*stream, node)) return call.done(result);
  // What it needs stays until it has run, though the graph may be destroyed before.
  if (const auto& objects = found->second->user_objects; !objects.empty())
    if (const CUresult result = enqueue(*stream, [objects] { return CUDA_SUCCESS; })) return call.done(result);
  return call.done(CUDA_SUCCESS);
}

CUresult cuGraphDestroy(CUgraph graph) {
  ENTER_RELEASE(cuGraphDestroy);
  LEAVE_RELEASE(state().graphs.erase(reinterpret_cast<Graph*>(graph)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE);
}

CUresult cuGraphExecDestroy(CUgraphExec exec) {
  ENTER_RELEASE(cuGraphExecDestroy);
  LEAVE_RELEASE(state().graph_execs.erase(reinterpret_cast<Graph*>(exec)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE);
}

}  // namespace fake
