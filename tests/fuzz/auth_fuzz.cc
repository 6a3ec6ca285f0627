// Module: smtp
// A server's replies to AUTH: the login ends, says "*" once at most, and is accepted only by a server that may be.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/smtp/auth_dialogue.h"
#include "engine/smtp/base64.h"
#include "engine/smtp/scram.h"

namespace {

using Kind = smtp::AuthDialogue::Step::Kind;

smtp::Account AccountFor(smtp::SaslMechanism mechanism) {
  smtp::Account account;
  account.username = "user";
  account.secret = [] { return std::string("pencil"); };
  account.secret_is_token = mechanism == smtp::SaslMechanism::kXoauth2;
  account.mechanism = mechanism;
  account.nonce = [] { return std::string("nonce"); };
  return account;
}

// Takes a line off the front.
std::string_view TakeLine(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

// Each line of the input is the text of a challenge, or with "!" in front a whole reply.
void LogIn(smtp::SaslMechanism mechanism, std::string_view script) {
  smtp::Authenticator authenticator(AccountFor(mechanism));
  smtp::AuthDialogue dialogue;
  smtp::AuthDialogue::Step step = dialogue.Start(authenticator, {std::string(smtp::ToString(mechanism))});
  int sent = 0, cancelled = 0;
  while (step.kind == Kind::kSend) {
    CHECK(step.line.ends_with("\r\n") && step.line.find('\r') == step.line.size() - 2);
    CHECK(step.line.size() <= smtp::AuthDialogue::kCommandMax || sent > 0);
    CHECK(++sent <= smtp::AuthDialogue::kChallengesMax + 2);
    if (step.line == "*\r\n") ++cancelled;
    if (script.empty()) return;
    const std::string_view line = TakeLine(script);
    const std::string bytes =
        (line.starts_with('!') ? std::string(line.substr(1)) : "334 " + smtp::ToBase64(line)) + "\r\n";
    std::string_view rest = bytes;
    smtp::ReplyParser parser;
    smtp::Reply reply;
    if (parser.Feed(rest, reply) != smtp::ReplyParser::Result::kReply) return;
    step = dialogue.OnReply(reply);
  }
  CHECK(cancelled <= 1);
  // Nobody who does not know the password can be believed; the fuzzer does not.
  CHECK(step.kind != Kind::kAccepted || (mechanism != smtp::SaslMechanism::kScramSha256 && cancelled == 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  for (const auto mechanism : {smtp::SaslMechanism::kScramSha256, smtp::SaslMechanism::kXoauth2,
                               smtp::SaslMechanism::kPlain, smtp::SaslMechanism::kLogin})
    LogIn(mechanism, script);
  // Most lines are no challenge of a SCRAM server that continues our nonce: begin one.
  smtp::ScramKeyCache keys;
  smtp::Scram scram("user", "pencil", "nonce", keys);
  if (!scram.Respond("r=nonce" + std::string(script)).ok()) return 0;
  CHECK(!scram.Respond("v=" + std::string(script)).ok());
  CHECK(!scram.OnAccepted().ok());
  return 0;
}
