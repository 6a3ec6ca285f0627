// One AUTH command with its challenges (RFC 4954 section 4): replies in, lines out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/types/span.h"
#include "engine/smtp/reply.h"
#include "engine/smtp/sasl.h"

namespace smtp {

class AuthDialogue {
 public:
  struct Step {
    enum class Kind : std::uint8_t {
      kSend,      // `line`, with CRLF; its reply comes to OnReply.
      kAccepted,  // Logged in.
      kRefused,   // The reply said no.
      kFailed,    // No mechanism will do, or the exchange went wrong: `why`.
    };
    Kind kind = Kind::kSend;
    std::string line;
    std::string why;
  };
  // No exchange has more challenges; a server that asks on is told to stop.
  static constexpr int kChallengesMax = 4;
  // RFC 5321 section 4.5.3.1.4, with CRLF. A longer first response waits for its challenge (RFC 4954 section 4).
  static constexpr std::size_t kCommandMax = 512;

  // `offered`: the server's mechanisms, in upper case.
  Step Start(Authenticator& authenticator, absl::Span<const std::string> offered);
  // Requires: Start or OnReply returned kSend last.
  Step OnReply(const Reply& reply);

 private:
  Step Cancel(std::string why);

  std::unique_ptr<SaslExchange> exchange_;
  int challenges_ = 0;
  std::string given_up_;  // Why we sent "*"; empty: we did not.
};

}  // namespace smtp
