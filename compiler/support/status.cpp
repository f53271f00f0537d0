#include "bsgen/status.h"

namespace bsgen {

int exit_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return 0;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported:
    case ErrorCode::kCompileFailed:
    case ErrorCode::kIo: return 2;
    case ErrorCode::kMissing: return 3;
    case ErrorCode::kCheckFailed:
    case ErrorCode::kDevice:
    case ErrorCode::kInternal: return 1;
  }
  return 1;
}

namespace internal {
void assertion_failed(const char* condition, const char* why, const char* file, int line) {
  std::fprintf(stderr, "bsgen: bug at %s:%d: %s does not hold (%s)\n", file, line, condition, why);
  std::abort();
}
}  // namespace internal

}  // namespace bsgen
