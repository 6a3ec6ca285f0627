// A client, and a server that says what a test tells it to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/smtp/client.h"

namespace smtp::testing {

inline constexpr std::string_view kPlain = "250 mx.example.com\r\n";
inline constexpr std::string_view kPipelining = "250-mx.example.com\r\n250 PIPELINING\r\n";
inline constexpr std::string_view kChunking = "250-mx.example.com\r\n250-PIPELINING\r\n250 CHUNKING\r\n";

inline constexpr std::string_view kMail = "MAIL FROM:<a@example.com>\r\n";
inline constexpr std::string_view kRcpt = "RCPT TO:<b@example.net>\r\n";
inline constexpr std::string_view kGroup = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n";
inline constexpr std::string_view kContent = "Subject: x\r\n\r\n.dot\r\n";
inline constexpr std::string_view kStuffed = "Subject: x\r\n\r\n..dot\r\n.\r\n";
inline constexpr std::string_view kBdatGroup =
    "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nBDAT 20 LAST\r\nSubject: x\r\n\r\n.dot\r\n";

// What the server says comes in pieces of so many bytes; 0: whole. Every dialogue holds at any split: the tests run at
// several, by SLUICE_REPLY_SPLIT.
inline std::size_t ReplySplit() {
  const char* const split = std::getenv("SLUICE_REPLY_SPLIT");
  return split == nullptr ? 0 : std::stoul(split);
}

class Dialogue : public Client::Handler {
 public:
  explicit Dialogue(Client::Options options = {.ehlo_domain = "mta.example.com", .timeouts = {}})
      : client(options, *this) {}

  // Everything up to the first OnReady, where the server greets and answers EHLO with `ehlo`.
  void Open(std::string_view ehlo) {
    client.OnConnected(now);
    Say("220 mx.example.com\r\n");
    Say(ehlo);
  }
  // The server says `bytes`; what the client sends then. What comes behind the answer to STARTTLS in a piece of its own
  // is no SMTP.
  std::string Say(std::string_view bytes) {
    while (!bytes.empty() && client.expecting() != Command::kTls) {
      const std::string_view piece = bytes.substr(0, split == 0 ? bytes.size() : split);
      bytes.remove_prefix(piece.size());
      client.OnReceived(piece, now);
    }
    return Sent();
  }
  // What the client sends for a new message.
  std::string Begin(std::optional<std::uint64_t> size = std::nullopt, bool needs_smtputf8 = false) {
    result.reset();
    client.Begin({.sender = "a@example.com",
                  .recipient = "b@example.net",
                  .content = content,
                  .size = size.value_or(kContent.size()),
                  .needs_smtputf8 = needs_smtputf8},
                 now);
    return Sent();
  }
  std::string Sent() {
    std::vector<std::string_view> pieces;
    client.TakeOutput(pieces);
    std::string bytes;
    for (const std::string_view piece : pieces) bytes += piece;
    return bytes;
  }
  // The events since the last call.
  std::string Events() { return std::exchange(events_, ""); }

  void OnStartTls() override { events_ += "starttls "; }
  void OnReady() override { events_ += "ready "; }
  void OnTransactionDone(const TransactionResult& done) override {
    events_ += "done ";
    result = done;
  }
  void OnFollowing() override { events_ += "following "; }
  void OnContentWanted() override { events_ += "wanted "; }
  void OnSessionFailed(const ConnectionFact& failed) override {
    events_ += "failed ";
    fact = failed;
  }
  void OnFinished() override { events_ += "finished "; }

  std::size_t split = ReplySplit();
  base::Instant now = base::Instant::FromNanoseconds(1);
  std::vector<std::string_view> content = {kContent.substr(0, 5), kContent.substr(5)};
  std::optional<TransactionResult> result;
  std::optional<ConnectionFact> fact;
  Client client;

 private:
  std::string events_;
};

}  // namespace smtp::testing
