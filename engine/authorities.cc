#include "engine/authorities.h"

#include <optional>

#include "absl/strings/str_format.h"
#include "tls/context.h"

namespace engine {
namespace {

constexpr std::uint64_t kAuthoritiesMax = 64u << 20;
constexpr char kSystemAuthorities[] = "/etc/ssl/certs/ca-certificates.crt";

}  // namespace

absl::StatusOr<std::string> LoadAuthorities(io::Disk& disk, const config::Config& config) {
  const std::optional<std::string>& chosen = config.tls.ca_file;
  const std::string file = chosen.value_or(kSystemAuthorities);
  if (!chosen.has_value() && !disk.Exists(file)) return "";  // Whoever needs one is told then.
  absl::StatusOr<std::string> text = io::ReadFile(disk, file, kAuthoritiesMax);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  if (absl::Status status = tls::Context::CheckAuthorities(*text); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: %s; [tls] ca_file names a file of trusted certificates",
                                                      file, std::string(status.message())));
  }
  return text;
}

}  // namespace engine
