#include "engine/smtp/sasl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/text.h"
#include "engine/smtp/reply.h"
#include "engine/smtp/sasl_prep.h"
#include "engine/smtp/scram.h"

namespace smtp {
namespace {

constexpr SaslMechanism kMechanisms[] = {SaslMechanism::kScramSha256, SaslMechanism::kXoauth2, SaslMechanism::kPlain,
                                         SaslMechanism::kLogin};

// A NUL, as PLAIN has it between its fields.
constexpr std::string_view kNul("\0", 1);

// Both messages of PLAIN and XOAUTH2 are one text that the client says first.
class OneMessage final : public SaslExchange {
 public:
  OneMessage(SaslMechanism mechanism, std::string message) : mechanism_(mechanism), message_(std::move(message)) {}
  SaslMechanism mechanism() const override { return mechanism_; }
  std::optional<std::string> Initial() const override { return message_; }

  // The first challenge is empty, and asks for the message that did not go with the command. XOAUTH2 has one more where
  // the token is refused: a JSON that says why, which wants an empty answer before the server's reply.
  absl::StatusOr<std::string> Respond(std::string_view challenge) override {
    if (challenge.empty()) return message_;
    if (mechanism_ == SaslMechanism::kXoauth2) return "";
    return absl::InvalidArgumentError("the server asks for more than PLAIN has to say");
  }

 private:
  const SaslMechanism mechanism_;
  const std::string message_;
};

// Nothing says in which language or order the questions come, but every server asks for the name, then the password.
class Login final : public SaslExchange {
 public:
  Login(std::string username, std::string password) : answers_{std::move(username), std::move(password)} {}
  SaslMechanism mechanism() const override { return SaslMechanism::kLogin; }
  std::optional<std::string> Initial() const override { return std::nullopt; }
  absl::StatusOr<std::string> Respond(std::string_view) override {
    if (asked_ == std::size(answers_))
      return absl::InvalidArgumentError("the server asks for more than LOGIN has to say");
    return answers_[asked_++];
  }

 private:
  const std::string answers_[2];
  std::size_t asked_ = 0;
};

absl::Status CheckText(std::string_view what, std::string_view text) {
  const bool controls = std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(base::AbslView(what), " is empty"));
  if (controls) return absl::InvalidArgumentError(absl::StrCat(base::AbslView(what), " has a control character in it"));
  if (!base::IsUtf8(text)) return absl::InvalidArgumentError(absl::StrCat(base::AbslView(what), " is not UTF-8"));
  return absl::OkStatus();
}

bool IsUsable(SaslMechanism mechanism, const Account& account) {
  if (account.secret_is_token != (mechanism == SaslMechanism::kXoauth2)) return false;
  return !account.mechanism.has_value() || *account.mechanism == mechanism;
}

std::string Names(absl::Span<const std::string> offered) {
  constexpr std::size_t kNamesMax = 200;
  return offered.empty() ? "no AUTH" : Printable(absl::StrJoin(offered, " ").substr(0, kNamesMax));
}

}  // namespace

std::string_view ToString(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::kScramSha256:
      return "SCRAM-SHA-256";
    case SaslMechanism::kXoauth2:
      return "XOAUTH2";
    case SaslMechanism::kPlain:
      return "PLAIN";
    case SaslMechanism::kLogin:
      return "LOGIN";
  }
  return "";
}

std::optional<SaslMechanism> SaslMechanismFromName(std::string_view name) {
  for (const SaslMechanism mechanism : kMechanisms) {
    if (base::EqualsIgnoreCase(name, ToString(mechanism))) return mechanism;
  }
  return std::nullopt;
}

absl::Status CheckAccount(const Account& account) {
  const std::string secret = account.secret();
  if (absl::Status status = CheckText("the user name", account.username); !status.ok()) return status;
  if (absl::Status status = CheckText(account.secret_is_token ? "the token" : "the password", secret); !status.ok())
    return status;
  if (!IsUsable(SaslMechanism::kScramSha256, account)) return absl::OkStatus();
  for (const std::string_view text : {std::string_view(account.username), std::string_view(secret)}) {
    if (const auto prepared = SaslPrep(text); !prepared.ok()) return prepared.status();
  }
  return absl::OkStatus();
}

Authenticator::Authenticator(Account account) : account_(std::move(account)) {}

absl::StatusOr<std::unique_ptr<SaslExchange>> Authenticator::Begin(absl::Span<const std::string> offered) {
  const auto chosen = std::find_if(std::begin(kMechanisms), std::end(kMechanisms), [&](SaslMechanism mechanism) {
    return IsUsable(mechanism, account_) &&
           std::find(offered.begin(), offered.end(), ToString(mechanism)) != offered.end();
  });
  if (chosen == std::end(kMechanisms)) {
    const std::string wanted = account_.mechanism.has_value() ? std::string(ToString(*account_.mechanism))
                               : account_.secret_is_token     ? "XOAUTH2"
                                                              : "SCRAM-SHA-256, PLAIN or LOGIN";
    return absl::FailedPreconditionError(
        absl::StrCat("the server offers ", Names(offered), "; logging in here needs ", wanted));
  }
  std::string secret = account_.secret();
  switch (*chosen) {
    case SaslMechanism::kScramSha256: {
      absl::StatusOr<std::string> username = SaslPrep(account_.username);
      if (!username.ok()) return username.status();
      absl::StatusOr<std::string> password = SaslPrep(secret);
      if (!password.ok()) return password.status();
      return std::make_unique<Scram>(*std::move(username), *std::move(password), account_.nonce(), keys_);
    }
    case SaslMechanism::kXoauth2:
      return std::make_unique<OneMessage>(*chosen, absl::StrCat("user=", account_.username,
                                                                "\x01"
                                                                "auth=Bearer ",
                                                                secret, "\x01\x01"));
    case SaslMechanism::kPlain:
      return std::make_unique<OneMessage>(
          *chosen, absl::StrCat(base::AbslView(kNul), account_.username, base::AbslView(kNul), secret));
    case SaslMechanism::kLogin:
      return std::make_unique<Login>(account_.username, std::move(secret));
  }
  return absl::InternalError("no such mechanism");
}

}  // namespace smtp
