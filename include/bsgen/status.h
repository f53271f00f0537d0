// Status and Expected<T>: how every bsgen function reports what the world did to it.
//
//   bsgen::Expected<bsgen::Layout> layout = bsgen::read_mask("mask.npy", {.block = {32, 32}});
//   if (!layout) { std::fputs(layout.status().message().c_str(), stderr); return 2; }
//   use(*layout);
//
// Messages name the operation, the actual value, the limit and a way out, in lower case with no full stop:
//   "plan: 98304 bytes of shared memory per cta, sm_75 allows 65536; try num_stages 2 (49152)"
// Exceptions never leave bsgen. Status and Expected are plain values; use from several threads like any value.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace bsgen {

// What kind of thing went wrong; the command line's exit status follows from it.
enum class ErrorCode {
  kOk,
  kInvalidArgument,  // what the caller gave is wrong: arguments, shapes, a malformed file       (exit 2)
  kUnsupported,      // well-formed, but no kernel, architecture or reader does it                (exit 2)
  kCompileFailed,    // CUDA or PTX text that does not compile                                    (exit 2)
  kMissing,          // a part of this machine is missing: driver, NVRTC, device, bundle entry    (exit 3)
  kCheckFailed,      // a result or a stored entry is wrong                                       (exit 1)
  kDevice,           // the device failed while it worked                                         (exit 1)
  kIo,               // a file could not be read or written                                       (exit 2)
  kInternal,         // a bug in bsgen                                                            (exit 1)
};

// The exit status of the command line for an error of this kind.
int exit_status(ErrorCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == ErrorCode::kOk; }
  explicit operator bool() const { return ok(); }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error as seen from further up: "MESSAGE (while CONTEXT)".
  Status with_context(std::string_view context) const {
    return ok() ? *this : Status(code_, message_ + " (while " + std::string(context) + ")");
  }
  bool operator==(const Status&) const = default;

 private:
  ErrorCode code_ = ErrorCode::kOk;
  std::string message_;
};

template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : state_(std::move(value)) {}
  Expected(Status status) : state_(std::move(status)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition of the next four: ok(). A violation prints the error and aborts: it is a bug of the caller.
  T& value() & { return (require(), *std::get_if<0>(&state_)); }
  const T& value() const& { return (require(), *std::get_if<0>(&state_)); }
  T value() && { return (require(), std::move(*std::get_if<0>(&state_))); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Status status() const { return ok() ? Status() : *std::get_if<1>(&state_); }

 private:
  void require() const {
    if (ok()) return;
    std::fprintf(stderr, "bsgen: value() of a failed Expected: %s\n", std::get_if<1>(&state_)->message().c_str());
    std::abort();
  }
  std::variant<T, Status> state_;
};

namespace internal {
[[noreturn]] void assertion_failed(const char* condition, const char* why, const char* file, int line);
inline Status status_of(const Status& s) { return s; }
template <class T>
Status status_of(const Expected<T>& e) { return e.status(); }
}  // namespace internal

}  // namespace bsgen

#define BSGEN_CONCAT_INNER(a, b) a##b
#define BSGEN_CONCAT(a, b) BSGEN_CONCAT_INNER(a, b)

// Returns the error of a Status or Expected from the calling function.
#define BSGEN_TRY(expression)                                                                    \
  do {                                                                                           \
    if (auto&& bsgen_tried = (expression); !bsgen_tried.ok())                                    \
      return ::bsgen::internal::status_of(bsgen_tried);                                          \
  } while (false)

// BSGEN_ASSIGN(auto plan, choose(...)): declares and assigns the value, or returns the error.
#define BSGEN_ASSIGN(declaration, ...)                                                           \
  auto BSGEN_CONCAT(bsgen_expected_, __LINE__) = (__VA_ARGS__);                                  \
  if (!BSGEN_CONCAT(bsgen_expected_, __LINE__).ok())                                             \
    return BSGEN_CONCAT(bsgen_expected_, __LINE__).status();                                     \
  declaration = std::move(BSGEN_CONCAT(bsgen_expected_, __LINE__)).value()

// What only a bug can break. Stays on in release builds; `why` says why it holds.
#define BSGEN_ASSERT(condition, why) \
  ((condition) ? (void)0 : ::bsgen::internal::assertion_failed(#condition, why, __FILE__, __LINE__))
