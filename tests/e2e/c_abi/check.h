/* What the C programs of this folder share: a claim each, chosen by name on the command line. */
#ifndef BSGEN_TESTS_C_CHECK_H
#define BSGEN_TESTS_C_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                                      \
  do {                                                                                                                        \
    if (!(condition)) {                                                                                                       \
      fprintf(stderr, "%s:%d: %s does not hold; last error: %s\n", __FILE__, __LINE__, #condition, bsgen_last_error());       \
      exit(1);                                                                                                                \
    }                                                                                                                         \
  } while (0)

#define CHECK_OK(call) CHECK((call) == BSGEN_OK)

/* The status and a part of the message. */
#define CHECK_FAILS(call, status, part)                                     \
  do {                                                                      \
    CHECK((call) == (status));                                              \
    if (!strstr(bsgen_last_error(), part)) {                                \
      fprintf(stderr, "%s:%d: the message lacks \"%s\": %s\n", __FILE__, __LINE__, part, bsgen_last_error()); \
      exit(1);                                                              \
    }                                                                       \
  } while (0)

#endif
