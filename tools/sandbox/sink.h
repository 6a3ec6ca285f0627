// A receiving SMTP server for tests and benchmarks: it takes everything, or refuses what it is told to, and counts. One
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/io/disk.h"
#include "engine/io/io.h"
#include "tools/sandbox/connection.h"
#include "tools/sandbox/smtp_server.h"
#include "tools/sandbox/units.h"

namespace sandbox {

// VERB:REPLY[:SHARE], as in "rcpt:450 4.2.1 try again later:5%".
struct ReplyRule {
  Phase phase = Phase::kRcpt;
  std::string reply;
  Share share = Share::All();
};
absl::StatusOr<ReplyRule> ParseReplyRule(std::string_view text);

struct SinkOptions {
  ServerOptions server;
  base::Duration latency;                     // Of every reply.
  std::vector<ReplyRule> replies;             // The first that applies.
  std::optional<Phase> disconnect_at;         // Hangs up there instead of replying.
  std::uint32_t messages_per_connection = 0;  // Then 421; 0: any number.
  std::string save_directory;                 // "": messages are not kept.
  bool track_duplicates = true;               // Needs about 16 bytes per message and recipient.
  TlsProfile tls;                             // Where there is TLS…
  bool implicit_tls = false;                  // …from the first byte.
  std::uint64_t show_every = 0;  // Each so many'th message is shown to `show` when it is complete; 0: none.
  std::function<void(std::string_view content, const Transaction& transaction)> show;
};

struct SinkTotals {
  std::uint64_t connections = 0;
  std::uint64_t messages = 0;    // Accepted.
  std::uint64_t recipients = 0;  // Of accepted messages.
  std::uint64_t duplicates = 0;  // Recipients who got the same Message-ID again.
  std::uint64_t bytes = 0;       // Content of accepted messages, without dot stuffing.
  std::uint64_t handshakes = 0;  // Of TLS.
  std::uint64_t resumed = 0;     // Among them.
  std::uint64_t violations = 0;
  std::vector<std::string> violation_kinds;  // Each once, in order of appearance.
  base::Instant first_message;               // When its content was complete.
  base::Instant last_message;
};

class Sink final : public ConnectionOwner {
 public:
  // All outlive the sink. `tls` is null where there is no TLS.
  Sink(const Loop& loop, io::Disk& disk, base::Log& log, TlsServer* tls, SinkOptions options);
  ~Sink() override;

  // Errors: the address cannot be used, the directory cannot be made.
  absl::StatusOr<io::Endpoint> Listen(const io::Endpoint& local);
  const SinkTotals& totals() const { return totals_; }
  std::uint64_t closed_connections() const { return closed_connections_; }
  std::string TotalsJson() const;  // One line.

  ConnectionPlan OnConnection(const io::Endpoint& peer, const io::Endpoint& local) override;
  void OnConnectionEnd(ServerHandler& handler) override;
  void OnBytes(std::uint64_t) override {}
  void OnHandshake(ServerHandler& handler, const TlsInfo& info) override;

 private:
  class Session;
  struct Received;
  bool Take(const Transaction& transaction, Received& received);  // False: it could not be saved.
  bool Save(const Transaction& transaction, const Received& received);
  std::optional<std::string_view> RuleReply(Phase phase);
  void CountViolation(std::string_view what);

  const Loop loop_;
  io::Disk& disk_;
  base::Log& log_;
  TlsServer* const tls_;
  const SinkOptions options_;
  SinkTotals totals_;
  std::uint64_t closed_connections_ = 0;
  std::uint64_t saved_ = 0;
  std::uint64_t begun_ = 0;               // Messages, by MAIL.
  std::vector<std::uint64_t> rule_uses_;  // Per rule: how often its phase came up.
  absl::flat_hash_set<std::uint64_t> seen_;
  ConnectionSet connections_;
};

}  // namespace sandbox
