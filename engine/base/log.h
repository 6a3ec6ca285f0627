// Where rare facts go: one line each, for a person. The hot path logs nothing. Implementations are thread-safe.
#pragma once

#include <string_view>

namespace base {

enum class Severity { kDebug, kInfo, kWarning, kError };

class Log {
 public:
  virtual ~Log() = default;
  virtual void Write(Severity severity, std::string_view line) = 0;

  void Debug(std::string_view line) { Write(Severity::kDebug, line); }
  void Info(std::string_view line) { Write(Severity::kInfo, line); }
  void Warning(std::string_view line) { Write(Severity::kWarning, line); }
  void Error(std::string_view line) { Write(Severity::kError, line); }
};

}  // namespace base
