#include "engine/smtp/auth_dialogue.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/smtp/base64.h"

namespace smtp {
namespace {

constexpr std::uint16_t kChallenge = 334;

AuthDialogue::Step Send(std::string line) { return {AuthDialogue::Step::Kind::kSend, std::move(line) + "\r\n", ""}; }

AuthDialogue::Step Fail(std::string why) { return {AuthDialogue::Step::Kind::kFailed, "", std::move(why)}; }

std::string Why(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

AuthDialogue::Step AuthDialogue::Start(Authenticator& authenticator, absl::Span<const std::string> offered) {
  absl::StatusOr<std::unique_ptr<SaslExchange>> exchange = authenticator.Begin(offered);
  if (!exchange.ok()) return Fail(Why(exchange.status()));
  exchange_ = *std::move(exchange);
  const std::string command = absl::StrCat("AUTH ", base::AbslView(ToString(exchange_->mechanism())));
  if (const std::optional<std::string> initial = exchange_->Initial()) {
    const std::string with_response = absl::StrCat(command, " ", ToBase64(*initial));
    if (with_response.size() + 2 <= kCommandMax) return Send(with_response);
  }
  return Send(command);
}

// The server answers "*" with 501, and there is nothing more to say.
AuthDialogue::Step AuthDialogue::Cancel(std::string why) {
  given_up_ = std::move(why);
  return Send("*");
}

AuthDialogue::Step AuthDialogue::OnReply(const Reply& reply) {
  if (!given_up_.empty()) return Fail(given_up_);
  if (reply.IsPositive()) {
    if (absl::Status status = exchange_->OnAccepted(); !status.ok()) return Fail(Why(status));
    return {Step::Kind::kAccepted, "", ""};
  }
  if (reply.first_digit() >= 4) return {Step::Kind::kRefused, "", ""};
  if (reply.code != kChallenge || reply.lines.size() != 1)
    return Fail("the server answers AUTH with " + reply.ToString());
  if (++challenges_ > kChallengesMax) return Cancel("the server asks without end");
  const std::optional<std::string> challenge = FromBase64(base::TrimAscii(reply.lines.front()));
  const bool asks_in_clear =
      exchange_->mechanism() == SaslMechanism::kLogin;  // Some servers do; the answer is the same.
  if (!challenge.has_value() && !asks_in_clear) return Cancel("the server's challenge is not base64");
  absl::StatusOr<std::string> response = exchange_->Respond(challenge.value_or(""));
  if (!response.ok()) return Cancel(Why(response.status()));
  return Send(ToBase64(*response));
}

}  // namespace smtp
