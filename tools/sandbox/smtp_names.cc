#include "tools/sandbox/smtp_names.h"

#include <optional>

#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr std::array<std::string_view, kPhases> kPhaseNames = {
    "greeting", "ehlo", "helo", "mail", "rcpt", "data", "chunk", "content", "starttls", "rset", "noop", "vrfy", "quit"};

std::optional<Extension> FindExtension(std::string_view keyword) {
  for (std::size_t i = 0; i < kExtensionKeywords.size(); ++i) {
    if (base::EqualsIgnoreCase(kExtensionKeywords[i], keyword)) return static_cast<Extension>(i);
  }
  return std::nullopt;
}

}  // namespace

bool ExtensionSet::Add(std::string_view keyword) {
  const std::optional<Extension> extension = FindExtension(keyword);
  if (extension) Add(*extension);
  return extension.has_value();
}

bool ExtensionSet::Remove(std::string_view keyword) {
  const std::optional<Extension> extension = FindExtension(keyword);
  if (extension) Remove(*extension);
  return extension.has_value();
}

std::string_view PhaseName(Phase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }

bool ParsePhase(std::string_view name, Phase& phase) {
  if (base::EqualsIgnoreCase(name, "connect")) name = "greeting";
  if (base::EqualsIgnoreCase(name, "bdat")) name = "chunk";
  if (name == "." || base::EqualsIgnoreCase(name, "dot")) name = "content";
  for (std::size_t i = 0; i < kPhaseNames.size(); ++i) {
    if (base::EqualsIgnoreCase(name, kPhaseNames[i])) {
      phase = static_cast<Phase>(i);
      return true;
    }
  }
  return false;
}

}  // namespace sandbox
