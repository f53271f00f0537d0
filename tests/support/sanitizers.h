// Which sanitizers this build has, by GCC's names for them or clang's.
#pragma once

#ifdef __has_feature
#define BSGEN_HAS_FEATURE(name) __has_feature(name)
#else
#define BSGEN_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_THREAD__) || BSGEN_HAS_FEATURE(thread_sanitizer)
#define BSGEN_THREAD_SANITIZER 1
#else
#define BSGEN_THREAD_SANITIZER 0
#endif

#if BSGEN_THREAD_SANITIZER || defined(__SANITIZE_ADDRESS__) || BSGEN_HAS_FEATURE(address_sanitizer) || BSGEN_HAS_FEATURE(undefined_behavior_sanitizer)
#define BSGEN_SANITIZED 1
#else
#define BSGEN_SANITIZED 0
#endif

namespace bsgen::test {

inline constexpr bool kThreadSanitizer = BSGEN_THREAD_SANITIZER, kSanitized = BSGEN_SANITIZED;

}  // namespace bsgen::test
