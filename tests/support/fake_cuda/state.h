// State: everything the fake driver knows. One object, one lock; every entry point holds it for the length of its call.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/driver/driver_types.h"
#include "runtime/sim/ptx/ir.h"
#include "runtime/sim/sim_device.h"
#include "tests/support/fake_cuda/application_api.h"
#include "tests/support/fake_cuda/fake_cuda.h"

namespace fake {

using namespace bsgen::cuda;  // the driver's own names

struct Context;
struct Stream;
struct UserObject;

// A graph's reference to a user object; the last one that goes lets the object's destructor be called.
using UserReference = std::shared_ptr<UserObject>;

// Work of a stream: what it does, and when it was queued relative to all other work.
struct Work {
  std::uint64_t sequence = 0;
  std::function<CUresult()> run;
};

// A stream that records instead of doing.
struct Capture {
  int mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  bool invalidated = false;
  std::uint64_t id = 0;
  std::unique_ptr<struct Graph> graph;  // what is recorded
};

struct Stream {
  Context* context = nullptr;
  bool blocking = true;   // keeps the order with the legacy stream
  bool legacy = false;    // is the legacy stream
  std::deque<Work> queue;
  std::unique_ptr<Capture> capture;
};

struct Device {
  int ordinal = 0;
  bsgen::Arch arch;
  std::shared_ptr<bsgen::sim::SimDevice> sim;
  Context* primary = nullptr;  // null while nobody retains it
  std::size_t primary_references = 0;
  std::size_t used_bytes = 0;
};

struct Context {
  Device* device = nullptr;
  CUresult broken = CUDA_SUCCESS;  // what every call answers after a kernel failed
  std::unique_ptr<Stream> legacy, per_thread;
  std::set<Stream*> streams;       // created ones
  std::map<CUdeviceptr, bsgen::DeviceBuffer> allocations;
};

// One entry of a library. The handle is good on every device; code and attributes are per device.
struct Kernel {
  struct Library* owner = nullptr;
  std::string name;
  std::vector<bsgen::sim::ptx::Parameter> parameters;
  std::size_t parameter_bytes = 0;
  struct OnDevice {
    unsigned dynamic_shared_bytes = 48 * 1024;  // what a launch may ask for before it is raised
    std::shared_ptr<const bsgen::DeviceFunction> function;
  };
  std::map<Device*, OnDevice> on;
  std::map<Context*, std::unique_ptr<struct Function>> functions;
};

struct Function {
  Kernel* kernel = nullptr;
  Context* context = nullptr;
};

struct Library {
  std::string ptx;
  std::shared_ptr<const bsgen::sim::ptx::Module> module;
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
};

struct Graph {
  Context* context = nullptr;
  std::vector<std::function<CUresult()>> nodes;
  std::vector<UserReference> user_objects;
};

struct UserObject {
  UserObject(void* given, CUhostFn function) : resource(given), destroy(function) {}
  ~UserObject();  // asks for the callback
  void* resource;
  CUhostFn destroy;
};

// Stands for what a stream had been given when it was recorded.
struct Event {
  Context* context = nullptr;
  Stream* stream = nullptr;  // null: never recorded
  std::uint64_t sequence = 0;
};

struct Failure {
  std::string name;  // empty: any
  std::size_t skip = 0, count = 0;
  CUresult result = CUDA_SUCCESS;
};

struct Cubin {
  std::vector<std::byte> bytes;
  std::string ptx;
  bsgen::Arch arch;
};

struct State {
  std::mutex mutex;
  bool initialized = false;  // cuInit
  int driver_version = 13000;
  std::size_t memory_bytes = std::size_t{4} << 30;
  bool execute = true;
  std::vector<std::unique_ptr<Device>> devices;

  // Handles are addresses; one that is not in its set is dead or was never alive.
  std::map<Context*, std::unique_ptr<Context>> contexts;
  std::map<Stream*, std::unique_ptr<Stream>> streams;
  std::map<Library*, std::unique_ptr<Library>> libraries;
  std::map<Graph*, std::unique_ptr<Graph>> graphs;       // CUgraph
  std::map<Graph*, std::unique_ptr<Graph>> graph_execs;  // CUgraphExec
  std::map<Event*, std::unique_ptr<Event>> events;
  std::map<UserObject*, std::vector<UserReference>> user_objects;  // the references of who made them
  std::vector<std::pair<CUhostFn, void*>> callbacks;  // due as soon as the driver's lock is free
  std::vector<std::shared_ptr<void>> graveyard;  // destroyed objects: their addresses are not given out again
  std::vector<Cubin> cubins;

  std::vector<FakeCudaCall> calls;
  std::vector<std::thread::id> threads;
  std::vector<Failure> failures;
  std::set<std::string> hidden;
  std::deque<std::string> violations;  // addresses stay good: they are handed out
  std::string last_failure;
  std::uint64_t next_sequence = 0, next_capture = 0, generation = 0;
  std::size_t launches_queued = 0, launches_done = 0;

  void violation(std::string text) { violations.push_back(std::move(text)); }
};

State& state();

// The calling thread's contexts, the current one last; and its capture mode. Forgotten at a reset.
struct ThreadState {
  std::uint64_t generation = 0;
  std::vector<Context*> stack;
  int capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  bool in_callback = false;  // of a user object: no call into the driver is allowed
};
ThreadState& this_thread();
Context* current();  // null where there is none

void reset(const char* devices, int driver_version);

// One call into the driver: takes the lock, records, and says whether this call was asked to fail.
class Call {
 public:
  explicit Call(const char* name);
  ~Call();  // runs the callbacks that have become due
  bool fails() const { return failure_ != CUDA_SUCCESS; }
  CUresult failure() const { return failure_; }
  CUresult done(CUresult result);  // notes the result

 private:
  std::unique_lock<std::mutex> lock_;
  std::size_t index_;
  CUresult failure_ = CUDA_SUCCESS;
};

// Streams (streams.cpp). Handles 0 and 1 are the legacy stream of the current context, 2 its per-thread one.
CUresult find_stream(CUstream handle, Stream** stream);
CUresult enqueue(Stream& stream, std::function<CUresult()> run);  // or records it, while the stream captures
CUresult drain(Stream& stream, std::uint64_t up_to = UINT64_MAX);  // does what is queued, and what that waits for
CUresult drain_context(Context& context);

// Captures (capture.cpp). An unsafe call that the thread's mode prohibits fails and ends the captures it would have hurt.
CUresult refuse_unsafe();
CUresult refuse_legacy(Context& context);  // while a blocking stream of the context is captured
std::size_t num_captures();

// Contexts (contexts.cpp).
CUresult usable(Context* context);  // exists and is not broken
std::unique_ptr<Context> make_context(Device& device);
void destroy_context(Context* context, std::string_view what);

}  // namespace fake

// Opens an entry point: `return call.done(result)` ends it. ENTER fails on demand before anything is done; a call that gives something
// back uses ENTER_RELEASE and ends with LEAVE_RELEASE.
#define ENTER(name)                  \
  Call call(#name);                  \
  if (call.fails()) return call.done(call.failure())
#define ENTER_RELEASE(name) Call call(#name)
#define LEAVE_RELEASE(result) return call.done(call.fails() ? call.failure() : (result))
