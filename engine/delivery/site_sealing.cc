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
  ++unwritten_;
  MoveSession(session, Session::Listing::kBusy);
  const absl::Status sealed = session.Seal(destination, id);
  if (sealed.ok()) return true;
  // The rows were checked when the campaign was prepared: it is no fault of the recipient's.
  MoveSession(session, Session::Listing::kIdle);
  PutBack(destination, id);
  rests_until_ = context_.clock.Now() + kSealingRest;
  context_.facts.OnMessageFailed(context_.job.roster->Recipient(id).row, std::string(sealed.message()));
  return false;
}

// The message is signed: the attempt begins. A suspension that came between holds the next ones: like a message that is
// on its way already this one goes, or a site that is suspended each time while it signs would never send anything.
void Site::OnSessionSealed(Session& session, const absl::Status& status) {
  const ledger::RecipientId id = session.recipient();
  if (status.ok() && !context_.settler.IsExpired(id)) {
    context_.settler.BeginAttempt(id, session.options().id);
    session.Commit();
    return;
  }
  StopSealing(session);
  if (status.ok()) return;
  rests_until_ = context_.clock.Now() + kSealingRest;
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
    if (session.state() == Session::State::kSealing) StopSealing(session);
  }
}

// A claimed recipient is as it was before its message was to be sealed.
void Site::PutBack(Destination& destination, ledger::RecipientId id) {
  CHECK(transactions_ > 0 && unwritten_ > 0);
  --transactions_;
  --unwritten_;
  if (context_.settler.IsExpired(id)) {
    context_.settler.Expire(destination.queue, id);
  } else {
    destination.queue.Unclaim(id);
  }
  Reconsider(destination);
  owner_.WantsPump(*this);
}

// The message that was being signed is kept, and goes as soon as a session is ready for it.
void Site::OnSessionLost(Session& session) {
  const bool wanted = session.destination() != nullptr || !ready_.empty();
  if (session.destination() != nullptr) PutBack(*session.destination(), session.recipient());
  if (session.uses() > 0 || !wanted) return;
  OnHangUp(session, {.at = smtp::Command::kEhlo, .why = "the server closed the connection before the first message"});
}

}  // namespace delivery
