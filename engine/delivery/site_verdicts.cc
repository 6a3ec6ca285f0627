// The part of a site that acts on what its sessions report: verdicts become outcomes, suspensions and a smaller window.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/delivery/site.h"
#include "engine/ledger/state.h"
#include "engine/smtp/normalize.h"

namespace delivery {
namespace {

constexpr base::Duration kAddressRest = base::Duration::Minutes(5);  // After it failed, while others work.
constexpr base::Duration kUnusableRest = base::Duration::Minutes(1);
constexpr int kHangUpsInARow = 3;
constexpr std::uint64_t kMessagesInATurn = 20;  // Of a connection that others wait for.
constexpr base::Duration kShortageRest = base::Duration::Seconds(1);
constexpr base::Duration kBreakerPause = base::Duration::Minutes(1);  // Until who may be held by it is asked for again.

ledger::OutcomeKind KindOf(smtp::Outcome outcome) {
  switch (outcome) {
    case smtp::Outcome::kDelivered:
      return ledger::OutcomeKind::kDelivered;
    case smtp::Outcome::kDeferred:
      return ledger::OutcomeKind::kDeferred;
    case smtp::Outcome::kBounced:
      return ledger::OutcomeKind::kBounced;
    case smtp::Outcome::kHeld:
      return ledger::OutcomeKind::kHeld;
    case smtp::Outcome::kInDoubt:
      return ledger::OutcomeKind::kInDoubt;
  }
  return ledger::OutcomeKind::kInDoubt;
}

// Held, and nothing suspends the site: a budget decides when it is enough, and until then nobody is asked for too
// often.
bool IsForABudget(const smtp::Verdict& verdict) {
  return verdict.outcome == smtp::Outcome::kHeld &&
         (verdict.authentication_failed || verdict.classification == smtp::Classification::kSpamContent);
}

bool IsShortage(const smtp::ConnectionFact& fact) {
  return fact.at == smtp::Command::kConnect &&
         (fact.error == EMFILE || fact.error == ENFILE || fact.error == ENOBUFS || fact.error == ENOMEM);
}

}  // namespace

// ---- sessions ----

Site::SessionList& Site::ListOf(Session::Listing listing) {
  switch (listing) {
    case Session::Listing::kOpening:
      return opening_;
    case Session::Listing::kIdle:
      return idle_;
    case Session::Listing::kBusy:
      return busy_;
    case Session::Listing::kClosing:
      return closing_;
  }
  return closing_;
}

void Site::MoveSession(Session& session, Session::Listing to) {
  ListOf(session.listing).Remove(session);
  session.listing = to;
  ListOf(to).PushBack(session);
  if (to == Session::Listing::kClosing) {
    for (const auto& member : members_) member->group().StartClosing(*member);
    context_.budget.StartClosing();
  }
  TellIdle();
}

bool Site::IsToEnd(const Session& session) const {
  const bool had_its_turn = session.uses() >= kMessagesInATurn;
  if (had_its_turn && context_.budget.IsShort()) return true;
  const bool is_one_too_many = std::any_of(members_.begin(), members_.end(), [had_its_turn](const auto& member) {
    return member->group().HasTooMany() || (had_its_turn && member->group().DoOthersWait(*member));
  });
  const bool is_elsewhere = std::find(without_smtputf8_.begin(), without_smtputf8_.end(),
                                      session.options().remote.address) != without_smtputf8_.end();
  return IsWrongInClear(session) || IsStopped() || session.IsWornOut() || is_one_too_many || is_elsewhere;
}

void Site::OnSessionReady(Session& session) {
  const bool is_new = session.listing == Session::Listing::kOpening;
  MoveSession(session, Session::Listing::kIdle);
  if (is_new) mail_max_ = session.mail_max();
  if (is_new) rests_since_.reset();
  if (is_new) open_took_ = std::max(context_.clock.Now() - session.opened_at(), open_took_ * 7 / 8);
  if (is_new) CountTls(session, smtp::TlsTrouble::kNone);
  if (is_new) NoteTlsWorks(session);
  if (IsToEnd(session)) {
    session.Quit();
  } else {
    owner_.WantsPump(*this);
  }
}

void Site::OnSessionClosing(Session& session) {
  if (session.listing != Session::Listing::kClosing) MoveSession(session, Session::Listing::kClosing);
}

void Site::OnSessionEnded(Session& session) {
  closing_.Remove(session);
  --sessions_;
  for (const auto& member : members_) member->group().EndConnection(*member);
  context_.budget.GiveBack();
  owner_.Retire(std::unique_ptr<Session>(&session));
  owner_.WantsPump(*this);
}

void Site::OnSessionWrites(Session&) {
  CHECK(unwritten_ > 0);
  --unwritten_;
  for (const auto& member : members_) member->group().OnWritten(*member);
  if (warmup_ != nullptr) warmup_->warmup().OnWritten(*warmup_);
}

void Site::OnSessionOpenFailed(Session& session, const smtp::ConnectionFact& fact) {
  if (session.cannot_bind() != 0) {
    owner_.OnSourceCannotBind(key_.source, session.cannot_bind());
    Rest(context_.clock.Now() + kUnusableRest);
    const Source& source = context_.job.sources[key_.source];
    last_failure_ = absl::StrFormat("the source address %s (%s) cannot be used: %s",
                                    source.address.value_or(base::IpAddress()).ToString(), source.limits.place,
                                    std::strerror(session.cannot_bind()));
    return;
  }
  if (IsShortage(fact)) {  // Of this machine, and no fault of the receiver's.
    rests_opening_until_ = context_.clock.Now() + kShortageRest;
    enough_sessions_ = 0;
    SetTimer(rests_opening_until_);
    return;
  }
  if (fact.reply.has_value()) RunAutomation(*fact.reply, nullptr);
  last_failure_ = absl::StrFormat("%s [%s]: %s", session.options().host_name,
                                  session.options().remote.address.ToString(), fact.ToString());
  if (smtp::JudgeConnection(fact, *context_.job.reply_rules)
          .login_refused) {  // Another address or another try would be refused as well.
    Rest(context_.clock.Now() + kUnusableRest);
    context_.facts.OnSmarthostUnusable("the smarthost refuses the login", fact.ToString());
    return;
  }
  const bool is_for_another_name = session.certificate() == tls::Result::kCertificateHostMismatch &&
                                   session.options().tls.only_domain == 0 &&
                                   tls::HasTrustAnchor(session.options().tlsa);
  if (is_for_another_name) KeepToItsDomain(session);  // It may be for the name of another domain.
  if (TakeTlsFailure(session, fact)) return;
  if (fact.reply.has_value() && NoteTlsDemand(session, *fact.reply)) return owner_.WantsPump(*this);
  if (session.options().tls_broken) context_.broken_tls.clear.OnFailed(PeerOf(session.options()));
  if (session.options().tls_refused) context_.broken_tls.refused.OnFailed(PeerOf(session.options()));
  if (fact.reply.has_value() || !refusal_.has_value()) last_fact_ = fact;
  if (fact.reply.has_value()) refusal_ = fact;
  hosts_.OnAddressFailed(session.options().host, session.options().remote.address, context_.clock.Now() + kAddressRest);
  owner_.WantsPump(*this);
}

// The server ended a new session before it answered a message. One may be bad luck; several in a row are a server that
// cannot be reached, or it would be connected to for each recipient.
void Site::OnHangUp(Session& session, const smtp::ConnectionFact& fact) {
  ++hang_ups_;
  if (hang_ups_ == kHangUpsInARow - 1)  // The last try is made the careful way.
    serial_until_[session.options().remote.address] = context_.clock.Now() + kSerialFor;
  if (hang_ups_ < kHangUpsInARow) return;
  OnSessionOpenFailed(session, fact);
}

// ---- verdicts ----

std::optional<Suspension::Span> Site::SpanOf(const smtp::Verdict& verdict) {
  using base::Duration;
  switch (verdict.hold) {
    case smtp::Hold::kNone:
      return std::nullopt;
    case smtp::Hold::kFiveMinutes:
      return Suspension::Span{Duration::Minutes(5), Duration::Hours(1)};
    case smtp::Hold::kHour:
      return Suspension::Span{Duration::Hours(1), Duration::Hours(1)};
    case smtp::Hold::kHours:
      return Suspension::Span{Duration::Hours(1), Duration::Hours(12)};
    case smtp::Hold::kStated:
      return Suspension::Span{verdict.stated, verdict.stated};
  }
  return std::nullopt;
}

std::string Site::SampleOf(const smtp::Verdict& verdict) {
  return verdict.reply.has_value() ? verdict.reply->ToString() : verdict.text;
}

void Site::Suspend(Suspension::Span span, std::string_view reason, std::string_view sample) {
  const base::Instant now = context_.clock.Now();
  const std::optional<base::Instant> suspended = standing_->Suspend(now, span, reason, sample);
  owner_.WantsPump(*this);             // Also where another shard was faster: it is to wake when that ends.
  if (!suspended.has_value()) return;  // Replies that were under way when it was decided say nothing new.
  const base::Instant until = *suspended;
  WriteSuspension(kEverybody, until, reason, sample);
  context_.log.Warning(
      absl::StrFormat("%s is suspended for %d s (%s): %s", key_.name, (until - now).seconds(), reason, sample));
}

// `until` is now where it is over.
void Site::WriteSuspension(std::string_view scope, base::Instant until, std::string_view reason,
                           std::string_view sample) {
  ledger::SiteState record;
  record.time = context_.clock.WallNow();
  record.site = key_.name;
  record.source = context_.job.sources[key_.source].name;
  record.until = record.time + (until - context_.clock.Now());
  record.reason = reason;
  record.sample = sample;
  record.scope = scope;
  context_.commits.batch().Add(record);
  if (warmup_ != nullptr && until > context_.clock.Now()) warmup_->warmup().OnSuspended(record.time);
  if (context_.job.on_suspended == nullptr || until <= context_.clock.Now()) return;
  context_.job.on_suspended({key_.name, provider_, std::string(record.source), std::string(scope), record.until,
                             std::string(reason), std::string(sample)});
}

void Site::Trouble(base::Instant began) { standing_->OnTrouble(began, context_.clock.Now()); }

ledger::Outcome Site::Describe(const Session& session, const smtp::Verdict& verdict) const {
  ledger::Outcome outcome;
  outcome.kind = KindOf(verdict.outcome);
  outcome.due = context_.clock.WallNow() + kBreakerPause;  // kHeld: the suspension holds it longer.
  if (verdict.reply.has_value()) {
    outcome.reply_code = verdict.reply->code;
    std::copy(std::begin(verdict.reply->enhanced.digits), std::end(verdict.reply->enhanced.digits),
              std::begin(outcome.enhanced));
    outcome.reply_text = verdict.reply->text;
  } else {
    outcome.reply_text = verdict.text;
  }
  outcome.command = smtp::ToString(verdict.command);
  outcome.classification = smtp::ToString(verdict.classification);
  outcome.site = key_.name;
  outcome.provider = provider_;
  outcome.source = session.options().source->name;
  outcome.pool = context_.job.pool;
  outcome.peer_name = session.options().host_name;
  outcome.session = session.options().id;
  outcome.connection_use = session.uses();
  outcome.size = session.message_size();
  if (const tls::ChannelInfo* const tls = session.tls_info()) {
    outcome.tls_protocol = tls->protocol;
    outcome.tls_cipher = tls->cipher;
    outcome.tls_resumed = tls->resumed;
    outcome.tls_compatible = tls->compatible;
  }
  outcome.timings = session.timings();
  outcome.throttled_by = throttle_.Limit(context_.clock.Now());
  return outcome;
}

// A refusal that may not be about the recipient: while the breaker is closed it bounces; held when the breaker may be
// about to open.
smtp::Outcome Site::ApplyBreaker(ledger::RecipientId id, smtp::Verdict& verdict) {
  ledger::RecipientEntry& entry = (*context_.job.states)[id];
  const bool again = (entry.flags & ledger::kHeldByBreaker) != 0;
  switch (breaker_.OnRefusal(smtp::NormalizeReplyText(verdict.reply->text), again)) {
    case Breaker::Advice::kBounce:
      return smtp::Outcome::kBounced;
    case Breaker::Advice::kHold:
      entry.flags |= ledger::kHeldByBreaker;
      return smtp::Outcome::kHeld;
    case Breaker::Advice::kOpen:
      verdict.hold = smtp::Hold::kHours;
      return smtp::Outcome::kHeld;
  }
  return smtp::Outcome::kHeld;
}

void Site::OnSessionResult(Session& session, const smtp::TransactionResult& result) {
  CHECK(transactions_ > 0 && session.destination() != nullptr);
  if (TakeUnanswered(session, result)) return;
  if (!session.is_written()) {  // Its envelope was answered, or its content waits and is not wanted any more.
    if (session.writer_hook.IsLinked()) writers_.Remove(session);
    CountUnwritten();
  }
  --transactions_;
  Destination& destination = *session.destination();
  smtp::Verdict verdict = smtp::Judge(result, *context_.job.reply_rules);
  if (TakePipeliningTrouble(session, result)) {
    session.WearOut();
    // It is about how we said it, and about neither the recipient nor the sender.
    if (verdict.outcome == smtp::Outcome::kBounced || verdict.outcome == smtp::Outcome::kHeld) {
      verdict.outcome = smtp::Outcome::kDeferred;
      verdict.hold = smtp::Hold::kNone;
      verdict.counts_for_breaker = verdict.sender_refused = false;
    }
  }
  TakeTlsDemand(session, verdict);
  if (verdict.counts_for_breaker && verdict.reply.has_value())
    verdict.outcome = ApplyBreaker(session.recipient(), verdict);
  // The connection had carried others before; or another host may take what this one does not.
  const bool was_its_turn = (verdict.session_limit && session.uses() > 1) || SeeksSmtpUtf8(session, result);
  if (was_its_turn) verdict.outcome = smtp::Outcome::kHeld;
  ledger::Outcome outcome = Describe(session, verdict);
  if (was_its_turn) outcome.due = context_.clock.WallNow();
  if (IsForABudget(verdict)) outcome.due = context_.clock.WallNow() + context_.job.retry_plan.first();
  const bool first_attempt = (*context_.job.states)[session.recipient()].attempts == 1;
  outcome.source_address = session.local_address();
  outcome.peer_address = session.peer_address();
  if (outcome.kind == ledger::OutcomeKind::kDelivered) context_.sealer.CountDelivered(session.was_signed_before());
  context_.settler.Settle(destination.queue, session.recipient(), outcome, /*attempted=*/true);
  if (verdict.session_limit) session.WearOut();
  if (first_attempt) context_.facts.OnFirstAttempt(provider_);
  if (result.mail.has_value()) hang_ups_ = 0;
  if (session.uses() == 1 && result.mail.has_value()) {  // It does take messages.
    refusal_.reset();
    failed_rounds_ = 0;
    opening_backoff_ = base::Duration();
    hosts_.OnAddressWorks(session.options().host, session.options().remote.address);
  } else if (session.uses() == 1 && result.end == smtp::TransactionResult::End::kClosed) {
    OnHangUp(session, {.at = smtp::Command::kMail, .error = result.error});
  }
  ApplyEffects(session, verdict);
  if (verdict.reply.has_value()) RunAutomation(*verdict.reply, &destination);
  EndTryOf(session.recipient());  // After what the reply has suspended.
  Reconsider(destination);
}

void Site::ApplyEffects(const Session& session, const smtp::Verdict& verdict) {
  const std::optional<Suspension::Span> span = SpanOf(verdict);
  if (verdict.reply.has_value() && !span.has_value()) {
    // What was written behind others tells of the time when it was.
    standing_->OnAnswered(scopes_, std::min(session.written_at(), session.busy_since()), context_.clock.Now());
  }
  if (verdict.outcome == smtp::Outcome::kDelivered) {
    const base::Instant began = std::max(session.written_at(), session.busy_since());
    standing_->OnAccepted(context_.clock.Now(), context_.clock.Now() - began);
    breaker_.OnDelivery();
    return;
  }
  if (verdict.outcome == smtp::Outcome::kDeferred && verdict.classification == smtp::Classification::kRateLimited &&
      !context_.bugs.ignore_throttling)
    standing_->OnThrottled(session.written_at(), context_.clock.Now());
  if (warmup_ != nullptr && verdict.reply.has_value() && Warmup::IsBad(verdict.classification))
    warmup_->warmup().OnBad(context_.clock.WallNow());
  const std::string sample = SampleOf(verdict);
  if (verdict.shrink_window) {
    Trouble(session.opened_at());
    trouble_sample_ = sample;
  }
  TellBudgets(verdict, sample);
  if (span.has_value()) Suspend(*span, smtp::ToString(verdict.classification), sample);
  if (verdict.sender_refused) {
    const bool invalid = verdict.classification == smtp::Classification::kInvalidSender;
    context_.facts.OnSenderRefused(key_.name, smtp::NormalizeReplyText(verdict.reply->text), invalid, sample);
  }
}

}  // namespace delivery
