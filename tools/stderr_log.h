// The program's log: one line per fact on standard error.
#pragma once

#include <mutex>
#include <optional>
#include <string_view>

#include "engine/base/log.h"

namespace tools {

// Any thread. Each line is written at once and whole.
class StderrLog final : public base::Log {
 public:
  // Before the threads start.
  void set_lowest(base::Severity lowest) { lowest_ = lowest; }
  void Write(base::Severity severity, std::string_view line) override;

 private:
  base::Severity lowest_ = base::Severity::kInfo;
  std::mutex mutex_;
};

// "debug", "info", "warning", "error". Nullopt: anything else.
std::optional<base::Severity> ParseSeverity(std::string_view name);

}  // namespace tools
