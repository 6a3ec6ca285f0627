// Logging in to a submission server, as texts in and texts out (sans-IO): the client's side of the SASL mechanisms
// (RFC 4422) that SMTP carries (RFC 4954). The texts are without base64 here; auth_dialogue.h puts them into lines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/smtp/scram_keys.h"

namespace smtp {

// The strongest first: that is the order of choice.
enum class SaslMechanism : std::uint8_t {
  kScramSha256,  // RFC 5802, RFC 7677, without channel binding. The password does not leave.
  kXoauth2,      // Google's and Microsoft's: an OAuth 2.0 access token. Only with a token, and then only this.
  kPlain,        // RFC 4616
  kLogin,        // The oldest: user name and password, each asked for.
};
std::string_view ToString(SaslMechanism mechanism);                         // "SCRAM-SHA-256"
std::optional<SaslMechanism> SaslMechanismFromName(std::string_view name);  // In any case of letters.

// Who logs in, and with what.
struct Account {
  std::string username;
  // The password, or the access token; asked for at each login, so that it may change meanwhile. Any thread.
  std::function<std::string()> secret;
  bool secret_is_token = false;
  std::optional<SaslMechanism> mechanism = std::nullopt;  // This one and no other; none: the strongest that is offered.
  std::function<std::string()> nonce;                     // RandomNonce, or what a simulation has instead. Any thread.
};

// Errors: why it cannot log in with any server: empty, NUL or line ends in it, not UTF-8, …
absl::Status CheckAccount(const Account& account);

// The client's side of one login.
class SaslExchange {
 public:
  virtual ~SaslExchange() = default;
  virtual SaslMechanism mechanism() const = 0;
  // What may go along with the AUTH command; then no challenge asks for it. Nullopt: the server speaks first.
  virtual std::optional<std::string> Initial() const = 0;
  // The response to a challenge. Errors: why the login is given up.
  virtual absl::StatusOr<std::string> Respond(std::string_view challenge) = 0;
  // The server accepted. Errors: why it is not to be believed.
  virtual absl::Status OnAccepted() const { return absl::OkStatus(); }
};

// Starts logins for one account. One thread.
class Authenticator {
 public:
  explicit Authenticator(Account account);
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // With the best of the mechanisms that the server offers (names in upper case). Errors: none will do.
  absl::StatusOr<std::unique_ptr<SaslExchange>> Begin(absl::Span<const std::string> offered);

 private:
  const Account account_;
  ScramKeyCache keys_;
};

}  // namespace smtp
