#include "tools/stderr_log.h"

#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "engine/base/terminal_text.h"

namespace tools {
namespace {

using base::Severity;

std::string_view Prefix(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "sluice: debug: ";
    case Severity::kInfo:
      return "sluice: ";
    case Severity::kWarning:
      return "sluice: warning: ";
    case Severity::kError:
      return "sluice: ";
  }
  return "sluice: ";
}

}  // namespace

void StderrLog::Write(Severity severity, std::string_view line) {
  if (severity < lowest_) return;
  std::string whole(Prefix(severity));
  whole.append(base::Harmless(line, "\n\t")).append("\n");
  const std::lock_guard lock(mutex_);
  static_cast<void>(std::fwrite(whole.data(), 1, whole.size(), stderr));
}

std::optional<Severity> ParseSeverity(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Severity>, 4> kNames = {{{"debug", Severity::kDebug},
                                                                            {"info", Severity::kInfo},
                                                                            {"warning", Severity::kWarning},
                                                                            {"error", Severity::kError}}};
  for (const auto& [text, severity] : kNames) {
    if (text == name) return severity;
  }
  return std::nullopt;
}

}  // namespace tools
