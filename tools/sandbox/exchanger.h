// The mail exchangers of the fake internet: SMTP servers that behave as the provider does on whose address a client
// arrives. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/base/stable_hash.h"
#include "engine/base/time.h"
#include "engine/io/io.h"
#include "tools/sandbox/connection.h"
#include "tools/sandbox/message_check.h"
#include "tools/sandbox/oracle.h"
#include "tools/sandbox/personality.h"
#include "tools/sandbox/zone.h"

namespace sandbox {

class Exchanger final : public ConnectionOwner {
 public:
  struct Totals {
    std::uint64_t connections = 0;
    std::uint64_t connections_open_max = 0;
    std::uint64_t messages = 0;  // Accepted, with or without reply.
    std::uint64_t bytes = 0;     // Of their content.
    std::uint64_t hang_ups = 0;  // Made by us.
    std::uint64_t handshakes = 0;
    std::uint64_t resumed = 0;             // Among them.
    std::uint64_t encrypted_messages = 0;  // Among the accepted.
    std::uint64_t violations = 0;
    std::vector<std::string> violation_kinds;  // Each once, in order of appearance.
  };
  struct ProviderTotals {
    std::uint64_t connections = 0;
    std::uint64_t accepted = 0;  // Recipients, as in Oracle::Totals.
    std::uint64_t accepted_silent = 0;
    std::uint64_t temporary = 0;
    std::uint64_t permanent = 0;
  };

  // All outlive the exchanger. Without `tls`, no host offers STARTTLS.
  Exchanger(const Loop& loop, const Personality& personality, const Zone& zone, TlsServer* tls);
  ~Exchanger() override;

  // All addresses on one port that the kernel chose. Errors: no port is free on all of them.
  absl::StatusOr<std::uint16_t> Listen();
  const Oracle& oracle() const { return oracle_; }
  const MessageCheck::Totals& check() const { return check_.totals(); }
  const Totals& totals() const { return totals_; }
  const std::vector<ProviderTotals>& provider_totals() const { return provider_totals_; }
  // `see` is shown every accepted message, with its first recipient.
  using MessageViewer = std::function<void(const std::string& recipient, const std::string& content)>;
  void ShowMessages(MessageViewer see) { see_message_ = std::move(see); }
  // `see` is shown every RCPT, before it is answered: which provider's host heard it, on which connection (1 is the
  // first), and from which address.
  struct Named {
    std::size_t provider = 0;
    std::uint64_t connection = 0;
    base::IpAddress client, server;
    const Transaction& transaction;
  };
  using RecipientViewer = std::function<void(const Named& named)>;
  void ShowRecipients(RecipientViewer see) { see_recipient_ = std::move(see); }
  // `see` is shown every refusal of a recipient or a message, when it is said.
  using RefusalViewer = std::function<void(const Named& named, std::string_view reply)>;
  void ShowRefusals(RefusalViewer see) { see_refusal_ = std::move(see); }

  ConnectionPlan OnConnection(const io::Endpoint& peer, const io::Endpoint& local) override;
  void OnConnectionEnd(ServerHandler& handler) override;
  void OnBytes(std::uint64_t) override {}
  void OnHandshake(ServerHandler& handler, const TlsInfo& info) override;

 private:
  class Session;
  bool IsGreylisted(std::size_t provider, const base::IpAddress& source, const Transaction& transaction);
  bool IsOverRate(std::size_t provider, std::uint64_t source_key);  // Counts a message unless it is.
  // Is it in the part of its time when it holds?
  bool Holds(const ReplyBehaviour& rule) const;
  void CountViolation(std::string_view what);
  std::uint64_t NextEvent() { return base::StableHashCombine(personality_.seed, ++events_); }
  absl::Status TryListen(std::uint16_t& port);

  const Loop loop_;
  const Personality& personality_;
  const Zone& zone_;
  TlsServer* const tls_;
  Oracle oracle_;
  MessageCheck check_;
  Totals totals_;
  std::vector<ProviderTotals> provider_totals_;
  MessageViewer see_message_;
  RecipientViewer see_recipient_;
  RefusalViewer see_refusal_;
  std::uint64_t events_ = 0;  // Numbers what has no recipient to hash: greetings, EHLO, MAIL.
  absl::flat_hash_map<std::uint64_t, base::Instant> greylist_;    // First attempt, by hash of the triplet.
  absl::flat_hash_map<std::uint64_t, std::uint32_t> per_source_;  // Open connections, by hash of provider and source.
  struct Window {
    base::Instant begin;
    std::uint32_t messages = 0;
  };
  absl::flat_hash_map<std::uint64_t, Window> rates_;  // By hash of provider and source.
  const base::Instant start_;
  std::unique_ptr<ConnectionSet> connections_;
};

}  // namespace sandbox
