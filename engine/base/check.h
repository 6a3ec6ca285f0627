// CHECK: a condition that only our own bug can break. It is on in release builds: the program stops before it can do
// harm. What the outside controls (rows, replies, files, the network) never reaches a CHECK.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace base::internal {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace base::internal

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::base::internal::CheckFailed(__FILE__, __LINE__, #condition))
