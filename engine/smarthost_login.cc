#include "engine/smarthost_login.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/smtp/scram_keys.h"

namespace engine {
namespace {

constexpr std::uint64_t kSecretMax = 16'384;

bool IsReadableByAll(const std::string& path) {
  std::error_code error;
  const std::filesystem::perms mode = std::filesystem::status(path, error).permissions();
  return !error && (mode & std::filesystem::perms::others_read) != std::filesystem::perms::none;
}

}  // namespace

// The file's text without the line end that editors and echo leave behind it.
absl::StatusOr<std::string> SmarthostLogin::ReadSecret() const {
  absl::StatusOr<std::string> text = io::ReadFile(disk_, config_.secret_file, kSecretMax);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
  return text;
}

absl::StatusOr<std::unique_ptr<SmarthostLogin>> SmarthostLogin::Load(io::Disk& disk,
                                                                     const config::SmarthostConfig& config,
                                                                     base::Log& log) {
  std::unique_ptr<SmarthostLogin> login(new SmarthostLogin(disk, config));
  if (config.username.empty()) return login;
  absl::StatusOr<std::string> secret = login->ReadSecret();
  if (!secret.ok()) return secret.status();
  login->secret_ = *std::move(secret);
  if (absl::Status status = smtp::CheckAccount(*login->smarthost().account); !status.ok())
    return absl::InvalidArgumentError(absl::StrCat(config.secret_file, ": ", std::string(status.message())));
  if (IsReadableByAll(config.secret_file))
    log.Warning(absl::StrCat(config.secret_file, ": everybody on this machine can read it; chmod 600"));
  return login;
}

std::string SmarthostLogin::Secret() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return secret_;
}

delivery::Smarthost SmarthostLogin::smarthost() const {
  delivery::Smarthost smarthost;
  smarthost.host = config_.host;
  smarthost.implicit_tls = config_.tls == config::SmarthostConfig::Tls::kImplicit;
  smarthost.verify_certificate = config_.verify_certificate;
  if (config_.username.empty()) return smarthost;
  smtp::Account account;
  account.username = config_.username;
  account.secret = [this] { return Secret(); };
  account.secret_is_token = config_.secret_is_token;
  account.mechanism = smtp::SaslMechanismFromName(config_.mechanism);
  account.nonce = smtp::RandomNonce;
  smarthost.account = std::move(account);
  return smarthost;
}

void SmarthostLogin::Refresh() {
  if (config_.username.empty()) return;
  absl::StatusOr<std::string> secret = ReadSecret();
  // It is being written, until it is the same twice.
  if (!secret.ok() || secret->empty() || std::exchange(read_last_, *secret) != *secret) return;
  smtp::Account account = *smarthost().account;
  account.secret = [&secret] { return *secret; };
  if (!smtp::CheckAccount(account).ok()) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  secret_ = *std::move(secret);
}

}  // namespace engine
