// The part of a site between a claimed recipient and its attempt: the message is sealed, and much can come between.

#include <string>

#include "engine/base/check.h"
#include "engine/delivery/site.h"
#include "engine/ledger/state.h"
#include "engine/roster/roster.h"

namespace delivery {
namespace {

// After a message that could not be made or signed: the next one would fail, too, before the campaign has paused.
constexpr base::Duration kSealingRest = base::Duration::Minutes(1);

}  // namespace

bool Site::BeginTransaction(Session& session, Destination& destination, ledger::RecipientId id) {
  ++transactions_;
  CountBegun();
  MoveSession(session, Session::Listing::kBusy);
  const absl::Status sealed = session.Seal(destination, id);
  if (sealed.ok()) return true;
  MoveSession(session, Session::Listing::kIdle);
  OnUnmadeMessage(destination, id, sealed);
  return false;
}

// The rows were checked when the campaign was prepared: it is no fault of the recipient's.
void Site::OnUnmadeMessage(Destination& destination, ledger::RecipientId id, const absl::Status& why) {
  PutBack(destination, id);
  Rest(context_.clock.Now() + kSealingRest);
  context_.facts.OnMessageFailed(context_.job.roster->Recipient(id).row, std::string(why.message()));
}

// The message is signed: the attempt begins. A suspension or a pause that came between holds it, too; what was begun
// goes on.
void Site::OnSessionSealed(Session& session, const absl::Status& status) {
  const ledger::RecipientId id = session.recipient();
  const bool is_held =
      IsStopped() || standing_->SuspendedUntil(scopes_) > context_.clock.Now();  // While it was signed.
  if (status.ok() && context_.settler.IsWanted(id) && !is_held) {
    rests_since_.reset();
    context_.settler.BeginAttempt(id, session.options().id);
    session.Commit();
    return;
  }
  StopSealing(session);
  if (status.ok()) return;
  Rest(context_.clock.Now() + kSealingRest);
  context_.facts.OnSigningFailed(std::string(status.message()));
}

// A session whose message is given up before an attempt was made is idle again.
void Site::StopSealing(Session& session) {
  Destination& destination = *session.destination();
  session.Release();
  MoveSession(session, Session::Listing::kIdle);
  PutBack(destination, session.recipient());
}

void Site::StopAllSealing() {
  for (Session* next = busy_.empty() ? nullptr : &busy_.front(); next != nullptr;) {
    Session& session = *next;
    next = busy_.Next(session);
    session.ReleaseNext();
    if (session.state() == Session::State::kSealing) StopSealing(session);
  }
}

// A claimed recipient is as it was before its message was to be sealed.
void Site::PutBack(Destination& destination, ledger::RecipientId id) {
  CHECK(transactions_ > 0);
  --transactions_;
  CountPutBack();
  if (context_.settler.IsExpired(id)) {
    context_.settler.Expire(destination.queue, id);
  } else {
    destination.queue.Unclaim(id);
  }
  EndTryOf(id);
  Reconsider(destination);
  owner_.WantsPump(*this);
}

// ---- the message behind ----

// Where nobody is idle: they would take it at once. A message rate counts what is written, to the moment: there, one
// message is written after the other.
void Site::OnSessionMayTakeNext(Session& session) {
  if (HasMessageRate()) return;
  const tls::Policy& policy = session.options().tls;
  // A session that is to end, or to make room, has to be idle for that.
  if (IsToEnd(session) || context_.budget.IsShort() || context_.line.IsLimited()) return;
  if (!session.MayTakeNext() || HeldUntil().has_value() || CountUnder(idle_, policy) > 0) return;
  const std::optional<Claimed> next = ClaimUnder(policy);
  if (!next.has_value()) return;
  ++transactions_;
  CountBegun();
  const absl::Status sealed = session.SealNext(*next->destination, next->recipient);
  if (!sealed.ok()) OnUnmadeMessage(*next->destination, next->recipient, sealed);
}

// As a message that is on its way already: a suspension that came between does not hold it.
void Site::OnNextSealed(Session& session) {
  const ledger::RecipientId id = session.next_recipient();
  if (IsStopped() || !context_.settler.IsWanted(id)) return session.ReleaseNext();
  context_.settler.BeginAttempt(id, session.options().id);
  session.CommitNext();
}

void Site::OnNextNotSealed(Session&, const absl::Status& status) {
  Rest(context_.clock.Now() + kSealingRest);
  context_.facts.OnSigningFailed(std::string(status.message()));
}

void Site::OnNextLost(const Session::Waiting& waiting) { PutBack(*waiting.destination, waiting.recipient); }

bool Site::KeepsNext(Session& session) { return !IsToEnd(session) && !HeldUntil().has_value(); }

void Site::OnSessionContentWanted(Session& session) {
  if (IsStopped() || !context_.settler.IsWanted(session.recipient())) {  // The message before it took long.
    session.DropContent();
    return;
  }
  context_.settler.BeginAttempt(session.recipient(), session.options().id);
  session.CommitContent();
}

// What becomes of a follower before its attempt began. True: it was given up, or the server said no word about it, and
// nobody has tried anything; an answer is an attempt like any other.
bool Site::TakeUnanswered(const Session& session, const smtp::TransactionResult& result) {
  using End = smtp::TransactionResult::End;
  if (session.is_attempted()) return false;
  const bool goodbye = result.mail.has_value() && result.mail->code == 421;
  const bool silent = !result.mail.has_value() && (result.end == End::kClosed || result.end == End::kTimedOut);
  if (!goodbye && !silent && !session.is_dropped()) {
    context_.settler.BeginAttempt(session.recipient(), session.options().id);
    return false;
  }
  if (goodbye) RunAutomation(*result.mail, session.destination());
  if (goodbye && !smtp::Judge(result, *context_.job.reply_rules).session_limit) Trouble(session.opened_at());
  if (result.end == End::kTimedOut)  // It loses what comes behind the end of a message.
    serial_until_[session.options().remote.address] = context_.clock.Now() + kSerialFor;
  PutBack(*session.destination(), session.recipient());
  return true;
}

// The message that was being signed is kept, and goes as soon as a session is ready for it.
void Site::OnSessionLost(Session& session) {
  const bool wanted = session.destination() != nullptr || !ready_.empty();
  if (session.destination() != nullptr) PutBack(*session.destination(), session.recipient());
  if (session.uses() > 0 || !wanted) return;
  OnHangUp(session, {.at = smtp::Command::kEhlo, .why = "the server closed the connection before the first message"});
}

}  // namespace delivery
