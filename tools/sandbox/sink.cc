#include "tools/sandbox/sink.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"
#include "nlohmann/json.hpp"
#include "tools/sandbox/address_behaviour.h"
#include "tools/sandbox/message_id.h"

namespace sandbox {
namespace {

constexpr std::string_view kTooManyMessages = "421 4.7.0 Max message per connection reached, closing";
constexpr std::string_view kNotSaved = "452 4.3.1 The message cannot be saved";

}  // namespace

absl::StatusOr<ReplyRule> ParseReplyRule(std::string_view text) {
  ReplyRule rule;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !ParsePhase(text.substr(0, colon), rule.phase)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", base::AbslView(text),
                     "\" is not VERB:REPLY[:SHARE], such as \"rcpt:450 4.2.1 later:5%\"; VERB is connect, "
                     "ehlo, helo, mail, rcpt, data, bdat, content, rset, noop, vrfy or quit"));
  }
  std::string_view reply = text.substr(colon + 1);
  const std::size_t last = reply.rfind(':');
  if (last != std::string_view::npos && reply.back() == '%') {  // A reply text may hold colons.
    const absl::StatusOr<Share> share = Share::Parse(reply.substr(last + 1));
    if (!share.ok()) return share.status();
    rule.share = *share;
    reply = reply.substr(0, last);
  }
  if (absl::Status status = CheckReply(reply); !status.ok()) return status;
  rule.reply = reply;
  return rule;
}

// What was kept of the message under way.
struct Sink::Received {
  MessageIdFinder message_id;
  std::string content;  // Only where it is kept.
  bool shown = false;   // To be shown when it is complete.
  std::string peer;
};

class Sink::Session final : public ServerHandler {
 public:
  Session(Sink& sink, const io::Endpoint& peer) : sink_(sink) { received_.peer = peer.ToString(); }

  Decision Decide(Phase phase, const Transaction& transaction) override {
    if (sink_.options_.disconnect_at == phase) return {Decision::Action::kHangUp, {}};
    if (phase == Phase::kMail) {
      const std::uint32_t max = sink_.options_.messages_per_connection;
      if (max != 0 && messages_ >= max) return {Decision::Action::kReplyAndClose, kTooManyMessages};
      ++messages_;
      received_.message_id.Start();
      received_.content.clear();
      const std::uint64_t every = sink_.options_.show_every;
      received_.shown = every != 0 && ++sink_.begun_ % every == 0;
    }
    if (const auto reply = sink_.RuleReply(phase)) return ReplyWith(*reply);
    if (phase == Phase::kRcpt) {
      address_reply_ = ReplyAskedByAddress(transaction.recipient);
      if (!address_reply_.empty()) return ReplyWith(address_reply_);
    }
    if (phase == Phase::kContent && !sink_.Take(transaction, received_)) return ReplyWith(kNotSaved);
    return {};
  }

  bool OnContent(std::string_view bytes) override {
    if (received_.shown || !sink_.options_.save_directory.empty()) {
      received_.content.append(bytes);
      if (sink_.options_.track_duplicates) received_.message_id.Feed(bytes);
      return true;
    }
    return sink_.options_.track_duplicates && received_.message_id.Feed(bytes);
  }

  void OnViolation(std::string_view what) override { sink_.CountViolation(what); }

 private:
  static Decision ReplyWith(std::string_view reply) {
    return {reply.substr(0, 3) == "421" ? Decision::Action::kReplyAndClose : Decision::Action::kReply, reply};
  }

  Sink& sink_;
  Received received_;
  std::string address_reply_;
  std::uint32_t messages_ = 0;
};

Sink::Sink(const Loop& loop, io::Disk& disk, base::Log& log, TlsServer* tls, SinkOptions options)
    : loop_(loop),
      disk_(disk),
      log_(log),
      tls_(tls),
      options_(std::move(options)),
      rule_uses_(options_.replies.size(), 0),
      connections_(loop, *this) {}

Sink::~Sink() = default;

absl::StatusOr<io::Endpoint> Sink::Listen(const io::Endpoint& local) {
  if (!options_.save_directory.empty()) {
    if (absl::Status status = disk_.MakeDirectories(options_.save_directory); !status.ok()) return status;
  }
  return connections_.Listen(local);
}

ConnectionPlan Sink::OnConnection(const io::Endpoint& peer, const io::Endpoint&) {
  ++totals_.connections;
  ConnectionPlan plan;
  plan.server = &options_.server;
  plan.handler = std::make_unique<Session>(*this, peer);
  plan.reply_delay = options_.latency;
  plan.tls = tls_;
  plan.tls_profile = &options_.tls;
  plan.implicit_tls = tls_ != nullptr && options_.implicit_tls;
  return plan;
}

void Sink::OnHandshake(ServerHandler&, const TlsInfo& info) {
  ++totals_.handshakes;
  totals_.resumed += info.resumed ? 1 : 0;
}

void Sink::OnConnectionEnd(ServerHandler&) { ++closed_connections_; }

bool Sink::Take(const Transaction& transaction, Received& received) {
  if (!options_.save_directory.empty() && !Save(transaction, received)) return false;
  if (received.shown) options_.show(received.content, transaction);
  const base::Instant now = loop_.clock.Now();
  if (totals_.messages == 0) totals_.first_message = now;
  totals_.last_message = now;
  ++totals_.messages;
  totals_.recipients += transaction.recipients.size();
  totals_.bytes += transaction.size;
  const std::string& id = received.message_id.id();
  if (!options_.track_duplicates || id.empty()) return true;
  for (const std::string& recipient : transaction.recipients) {
    const std::uint64_t key = base::StableHash(base::LowerAscii(recipient), base::StableHash(id));
    if (!seen_.insert(key).second) ++totals_.duplicates;
  }
  return true;
}

bool Sink::Save(const Transaction& transaction, const Received& received) {
  nlohmann::ordered_json envelope;
  envelope["received"] = base::FormatRfc3339Microseconds(loop_.clock.WallNow());
  envelope["peer"] = received.peer;
  envelope["helo"] = transaction.hello;
  envelope["sender"] = transaction.sender;
  envelope["recipients"] = transaction.recipients;
  envelope["size"] = transaction.size;
  envelope["body"] = transaction.eight_bit ? "8BITMIME" : "7BIT";
  envelope["smtputf8"] = transaction.smtputf8;
  envelope["tls"] = transaction.encrypted;
  envelope["chunked"] = transaction.chunked;
  const std::string stem = absl::StrFormat("%s/%08d", options_.save_directory, ++saved_);
  const std::string json = envelope.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  for (const auto& [path, bytes] : {std::pair<std::string, std::string_view>{stem + ".eml", received.content},
                                    std::pair<std::string, std::string_view>{stem + ".json", json}}) {
    // Whoever looks at the folder meanwhile finds whole files.
    const std::string unfinished = path + ".new";
    absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(unfinished, io::OpenMode::kCreate);
    absl::Status status = file.ok() ? (*file)->WriteAt(0, bytes) : file.status();
    if (status.ok()) status = disk_.Rename(unfinished, path);
    if (status.ok()) continue;
    log_.Error(absl::StrCat("message refused: ", status.message()));
    return false;
  }
  return true;
}

std::optional<std::string_view> Sink::RuleReply(Phase phase) {
  for (std::size_t i = 0; i < options_.replies.size(); ++i) {
    const ReplyRule& rule = options_.replies[i];
    if (rule.phase != phase) continue;
    if (rule.share.Includes(base::StableHashCombine(i, rule_uses_[i]++))) return rule.reply;
  }
  return std::nullopt;
}

void Sink::CountViolation(std::string_view what) {
  ++totals_.violations;
  auto& kinds = totals_.violation_kinds;
  if (std::find(kinds.begin(), kinds.end(), what) != kinds.end()) return;
  kinds.emplace_back(what);
  log_.Warning(absl::StrCat("protocol violation: ", base::AbslView(what)));
}

std::string Sink::TotalsJson() const {
  nlohmann::ordered_json json;
  json["connections"] = totals_.connections;
  json["messages"] = totals_.messages;
  json["recipients"] = totals_.recipients;
  json["duplicates"] = nullptr;
  if (options_.track_duplicates) json["duplicates"] = totals_.duplicates;
  json["bytes"] = totals_.bytes;
  json["handshakes"] = totals_.handshakes;
  json["resumed"] = totals_.resumed;
  json["seconds"] = static_cast<double>((totals_.last_message - totals_.first_message).nanoseconds()) / 1e9;
  json["violations"] = totals_.violations;
  json["violation_kinds"] = totals_.violation_kinds;
  return json.dump() + "\n";
}

}  // namespace sandbox
