#include "tools/sandbox/exchanger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"
#include "tools/sandbox/message_id.h"

namespace sandbox {
namespace {

constexpr int kListenTries = 50;
constexpr std::string_view kTooManyConnections = "421 4.7.0 Too many concurrent connections from your address, closing";
constexpr std::string_view kTooManyMessages = "421 4.7.0 Max message per connection reached, closing";

// Different choices about the same recipient must not agree by accident.
enum Salt : std::uint64_t {
  kUnknownUserSalt = 1,
  kGreylistSalt = 2,
  kSourceSalt = 3,
  kHangUpSalt = 100,
  kReplySalt = 200
};

std::optional<HangUpPoint> HangUpPointOf(Phase phase) {
  switch (phase) {
    case Phase::kGreeting:
      return HangUpPoint::kGreeting;
    case Phase::kEhlo:
    case Phase::kHelo:
      return HangUpPoint::kEhlo;
    case Phase::kMail:
      return HangUpPoint::kMail;
    case Phase::kRcpt:
      return HangUpPoint::kRcpt;
    case Phase::kData:
      return HangUpPoint::kData;
    case Phase::kStartTls:
      return HangUpPoint::kStartTls;
    case Phase::kContent:
    case Phase::kChunk:
    case Phase::kRset:
    case Phase::kNoop:
    case Phase::kVrfy:
    case Phase::kQuit:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

class Exchanger::Session final : public ServerHandler {
 public:
  Session(Exchanger& owner, std::size_t provider, const base::IpAddress& source, std::uint64_t source_key,
          const base::IpAddress& server)
      : owner_(owner),
        provider_index_(provider),
        provider_(owner.personality_.providers[provider]),
        totals_(owner.provider_totals_[provider]),
        source_(source),
        source_key_(source_key),
        server_(server),
        number_(owner.totals_.connections) {}

  std::uint64_t source_key() const { return source_key_; }

  Decision Decide(Phase phase, const Transaction& transaction) override {
    Decision decision = Choose(phase, transaction);
    for (const TarpitBehaviour& tarpit : provider_.tarpits) {
      if (tarpit.phase == phase && tarpit.share.Includes(owner_.NextEvent())) decision.delay = tarpit.delay;
    }
    return decision;
  }
  bool OnContent(std::string_view bytes) override {
    content_.append(bytes);
    message_id_.Feed(bytes);
    return true;
  }
  void OnViolation(std::string_view what) override { owner_.CountViolation(what); }

 private:
  struct Known {  // An accepted recipient of the transaction.
    Oracle::Id id;
    std::uint32_t attempt;
    std::uint64_t hash;
  };

  Decision Choose(Phase phase, const Transaction& transaction) {
    switch (phase) {
      case Phase::kGreeting:
        return Greet();
      case Phase::kMail:
        return Mail();
      case Phase::kRcpt:
        return Recipient(transaction);
      case Phase::kContent:
        return Content(transaction);
      case Phase::kEhlo:
      case Phase::kHelo:
      case Phase::kData:
      case Phase::kChunk:
      case Phase::kStartTls:
        return ByRules(phase, owner_.NextEvent(), 0).value_or(Decision());
      case Phase::kRset:
      case Phase::kNoop:
      case Phase::kVrfy:
      case Phase::kQuit:
        return {};
    }
    return {};
  }

  Decision Greet() {
    const std::uint32_t max = provider_.connections_per_source;
    if (max != 0 && owner_.per_source_[source_key_] > max) return ReplyWith(kTooManyConnections);
    return ByRules(Phase::kGreeting, owner_.NextEvent(), 0).value_or(Decision());
  }

  Decision Mail() {
    known_.clear();
    content_.clear();
    message_id_.Start();
    if (provider_.messages_per_connection != 0 && messages_ >= provider_.messages_per_connection)
      return ReplyWith(kTooManyMessages);
    if (owner_.IsOverRate(provider_index_, source_key_)) return ReplyWith(provider_.rate_reply);
    ++messages_;
    return ByRules(Phase::kMail, owner_.NextEvent(), 0).value_or(Decision());
  }

  Decision Recipient(const Transaction& transaction) {
    if (owner_.see_recipient_) owner_.see_recipient_(Name(transaction));
    const std::string folded = base::LowerAscii(transaction.recipient);
    const std::uint64_t person = base::StableHash(folded, owner_.personality_.seed);
    const Oracle::Id id = owner_.oracle_.Find(folded);
    const std::uint32_t attempt = owner_.oracle_.CountAttempt(id);
    const std::uint64_t hash = base::StableHashCombine(person, attempt);
    if (HangsUp(HangUpPoint::kRcpt, hash)) return HangUp();
    Decision decision;
    if (provider_.unknown_users.Includes(base::StableHashCombine(person, kUnknownUserSalt))) {
      decision = ReplyWith(provider_.unknown_user_reply);
    } else if (owner_.IsGreylisted(provider_index_, source_, transaction)) {
      decision = ReplyWith(provider_.greylist_reply);
    } else if (const auto reply = RuleReply(Phase::kRcpt, hash, attempt)) {
      decision = ReplyWith(*reply);
    }
    if (CountRefusal(id, decision)) {
      ShowRefusal(transaction, decision);
    } else {
      known_.push_back({id, attempt, hash});
    }
    return decision;
  }

  Decision Content(const Transaction& transaction) {
    // One message has one reply; what its first recipient is due decides.
    CHECK(!known_.empty());
    const Known& first = known_.front();
    if (HangsUp(HangUpPoint::kContentLost, first.hash)) return HangUp();
    Decision decision;
    if (const auto reply = RuleReply(Phase::kContent, first.hash, first.attempt)) decision = ReplyWith(*reply);
    const bool refused = decision.action != Decision::Action::kAccept && ReplyCode(decision.reply) >= 400;
    const bool silent = !refused && HangsUp(HangUpPoint::kContentKept, first.hash);
    const bool faulty = !refused && !owner_.check_.Accept(content_, transaction, owner_.loop_.clock.WallNow());
    for (const Known& recipient : known_) {
      if (faulty) owner_.oracle_.CountFaulty(recipient.id);
      if (refused) {
        CountRefusal(recipient.id, decision);
      } else if (silent) {
        owner_.oracle_.CountAcceptedSilent(recipient.id, message_id_.id());
        ++totals_.accepted_silent;
      } else {
        const int code = decision.action == Decision::Action::kAccept ? 250 : ReplyCode(decision.reply);
        owner_.oracle_.CountAccepted(recipient.id, code, message_id_.id());
        ++totals_.accepted;
      }
    }
    if (refused) {
      ShowRefusal(transaction, decision);
      return decision;
    }
    ++owner_.totals_.messages;
    owner_.totals_.encrypted_messages += transaction.encrypted ? 1 : 0;
    owner_.totals_.bytes += transaction.size;
    if (owner_.see_message_) owner_.see_message_(transaction.recipients.front(), content_);
    return silent ? HangUp() : decision;
  }

  Named Name(const Transaction& transaction) const { return {provider_index_, number_, source_, server_, transaction}; }
  void ShowRefusal(const Transaction& transaction, const Decision& decision) const {
    if (owner_.see_refusal_) owner_.see_refusal_(Name(transaction), decision.reply);
  }

  // What the rules say where no recipient is known: hang up, reply, or (nullopt) nothing.
  std::optional<Decision> ByRules(Phase phase, std::uint64_t hash, std::uint32_t attempt) {
    const std::optional<HangUpPoint> point = HangUpPointOf(phase);
    if (point && HangsUp(*point, hash)) return HangUp();
    const auto reply = RuleReply(phase, hash, attempt);
    if (!reply) return std::nullopt;
    return ReplyWith(*reply);
  }

  bool HangsUp(HangUpPoint point, std::uint64_t hash) const {
    const std::uint64_t salted = base::StableHashCombine(hash, kHangUpSalt + static_cast<std::uint64_t>(point));
    for (const HangUpBehaviour& hang_up : provider_.hang_ups) {
      if (hang_up.point == point) return hang_up.share.Includes(salted);
    }
    return false;
  }

  std::optional<std::string_view> RuleReply(Phase phase, std::uint64_t hash, std::uint32_t attempt) const {
    for (std::size_t i = 0; i < provider_.replies.size(); ++i) {
      const ReplyBehaviour& rule = provider_.replies[i];
      if (rule.phase != phase || (rule.attempts != 0 && attempt > rule.attempts) || !owner_.Holds(rule)) continue;
      if (rule.share.Includes(base::StableHashCombine(hash, kReplySalt + i))) return rule.reply;
    }
    return std::nullopt;
  }

  // Whether `decision` refuses the recipient; if so, it is counted.
  bool CountRefusal(Oracle::Id id, const Decision& decision) {
    if (decision.action == Decision::Action::kAccept) return false;
    const int code = ReplyCode(decision.reply);
    if (code < 400) return false;
    owner_.oracle_.CountRefusal(id, code);
    ++(code < 500 ? totals_.temporary : totals_.permanent);
    return true;
  }

  Decision HangUp() {
    ++owner_.totals_.hang_ups;
    return {Decision::Action::kHangUp, {}};
  }

  static Decision ReplyWith(std::string_view reply) {
    return {ReplyCode(reply) == 421 ? Decision::Action::kReplyAndClose : Decision::Action::kReply, reply};
  }

  Exchanger& owner_;
  const std::size_t provider_index_;
  const Provider& provider_;
  ProviderTotals& totals_;
  const base::IpAddress source_;
  const std::uint64_t source_key_;
  const base::IpAddress server_;
  const std::uint64_t number_;
  std::uint32_t messages_ = 0;
  std::vector<Known> known_;
  MessageIdFinder message_id_;
  std::string content_;  // Of the message under way.
};

Exchanger::Exchanger(const Loop& loop, const Personality& personality, const Zone& zone, TlsServer* tls)
    : loop_(loop),
      personality_(personality),
      zone_(zone),
      tls_(tls),
      check_([&zone](std::string_view name) { return zone.ListedText(name); }),
      provider_totals_(personality.providers.size()),
      start_(loop.clock.Now()) {}

Exchanger::~Exchanger() = default;

absl::StatusOr<std::uint16_t> Exchanger::Listen() {
  // A port that is free on the first address may be taken on another one.
  absl::Status status;
  for (int i = 0; i < kListenTries; ++i) {
    std::uint16_t port = 0;
    status = TryListen(port);
    if (status.ok()) return port;
  }
  connections_.reset();
  return status;
}

absl::Status Exchanger::TryListen(std::uint16_t& port) {
  connections_ = std::make_unique<ConnectionSet>(loop_, *this);
  for (std::size_t provider = 0; provider < personality_.providers.size(); ++provider) {
    for (const base::IpAddress& address : zone_.Addresses(provider)) {
      const absl::StatusOr<io::Endpoint> local = connections_->Listen({address, port});
      if (!local.ok()) return local.status();
      port = local->port;
    }
  }
  return absl::OkStatus();
}

ConnectionPlan Exchanger::OnConnection(const io::Endpoint& peer, const io::Endpoint& local) {
  const std::optional<std::size_t> provider = zone_.ProviderOfAddress(local.address);
  CHECK(provider.has_value());
  ++totals_.connections;
  ++provider_totals_[*provider].connections;
  totals_.connections_open_max = std::max<std::uint64_t>(totals_.connections_open_max, connections_->open() + 1);
  const std::uint64_t source_key =
      base::StableHashCombine(*provider, base::StableHash(peer.address.bytes(), kSourceSalt));
  ++per_source_[source_key];
  const Provider& behaviour = personality_.providers[*provider];
  ConnectionPlan plan;
  plan.server = &behaviour.server;
  plan.handler = std::make_unique<Session>(*this, *provider, peer.address, source_key, local.address);
  plan.reply_delay = behaviour.reply_delay;
  plan.tls = tls_;
  plan.tls_profile = &behaviour.tls;
  if (behaviour.tls_fault_share.Includes(NextEvent())) plan.tls_fault = behaviour.tls_fault;
  return plan;
}

void Exchanger::OnHandshake(ServerHandler&, const TlsInfo& info) {
  ++totals_.handshakes;
  totals_.resumed += info.resumed ? 1 : 0;
}

void Exchanger::OnConnectionEnd(ServerHandler& handler) {
  const auto open = per_source_.find(static_cast<Session&>(handler).source_key());
  CHECK(open != per_source_.end());
  if (--open->second == 0) per_source_.erase(open);
}

bool Exchanger::IsGreylisted(std::size_t provider, const base::IpAddress& source, const Transaction& transaction) {
  const base::Duration wait = personality_.providers[provider].greylist;
  if (wait == base::Duration()) return false;
  std::uint64_t hash = base::StableHashCombine(provider, base::StableHash(source.bytes(), kGreylistSalt));
  hash = base::StableHash(base::LowerAscii(transaction.sender), hash);
  hash = base::StableHash(base::LowerAscii(transaction.recipient), hash);
  const base::Instant now = loop_.clock.Now();
  return now < greylist_.try_emplace(hash, now).first->second + wait;
}

bool Exchanger::IsOverRate(std::size_t provider, std::uint64_t source_key) {
  const Rate& rate = personality_.providers[provider].rate_per_source;
  if (rate.count == 0) return false;
  const base::Instant now = loop_.clock.Now();
  Window& window = rates_.try_emplace(source_key, Window{now}).first->second;
  if (now >= window.begin + rate.period) window = {now};
  if (window.messages >= rate.count) return true;
  ++window.messages;
  return false;
}

bool Exchanger::Holds(const ReplyBehaviour& rule) const {
  if (rule.every == base::Duration()) return true;
  const std::int64_t running = (loop_.clock.Now() - start_).nanoseconds();
  return running % rule.every.nanoseconds() < rule.lasts.nanoseconds();
}

void Exchanger::CountViolation(std::string_view what) {
  ++totals_.violations;
  auto& kinds = totals_.violation_kinds;
  if (std::find(kinds.begin(), kinds.end(), what) == kinds.end()) kinds.emplace_back(what);
}

}  // namespace sandbox
