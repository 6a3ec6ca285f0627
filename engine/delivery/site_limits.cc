// The part of a site that keeps its limits: those that it shares with other shards, campaigns and sites.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/delivery/site.h"

namespace delivery {

void Site::SetLimits(const config::Limits& limits, const SharedLimits& shared) {
  const config::Limits before = std::exchange(limits_, limits);
  SetShared(shared);
  if (limits_ != before) ApplyToWhatIsOpen(before);
  ServeWriters();
  owner_.WantsPump(*this);
}

// Time-outs and the like are those of the connections that are opened from now on.
void Site::ApplyToWhatIsOpen(const config::Limits& before) {
  const bool are_others = limits_.ip_lookup_strategy != before.ip_lookup_strategy;
  const HostPlan::Options options = PlanOptions();
  const bool is_replanned = are_others || options != hosts_.options();
  if (is_replanned) hosts_.SetOptions(options);
  for (const SessionList* list : {&opening_, &idle_, &busy_}) {
    for (Session* session = list->empty() ? nullptr : &list->front(); session != nullptr;
         session = list->Next(*session)) {
      session->SetDeliveriesMax(DeliveriesMax());
      if (is_replanned && !MayUse(session->options().remote.address)) session->WearOut();
      if (list == &busy_ && session->IsWornOut()) session->ReleaseNext();
    }
  }
  std::vector<Session*> over;
  for (Session* session = idle_.empty() ? nullptr : &idle_.front(); session != nullptr; session = idle_.Next(*session))
    if (session->IsWornOut()) over.push_back(session);
  for (Session* const session : over) session->Quit();
}

std::uint32_t Site::DeliveriesMax() const {
  return limits_.max_deliveries_per_connection + (context_.bugs.one_delivery_too_many ? 1 : 0);
}

// What it has in a group that it was in before stays there.
void Site::SetShared(const SharedLimits& shared) {
  standing_ = shared.standing;
  own_ = shared.own;
  std::vector<std::unique_ptr<GroupMember>> members;
  const auto keep = [&](std::shared_ptr<LimitGroup> group) -> GroupMember& {
    const auto known = std::find_if(members_.begin(), members_.end(), [&group](const auto& member) {
      return member != nullptr && &member->group() == group.get();
    });
    members.push_back(known == members_.end() ? Join(std::move(group)) : std::move(*known));
    return *members.back();
  };
  for (const SharedLimits::Group& one : shared.groups)
    one.group->SetOptionsOf(keep(one.group), one.options, context_.clock.Now());
  if (own_ != nullptr) keep(std::shared_ptr<LimitGroup>(own_, &own_->group()));
  keep(std::shared_ptr<LimitGroup>(standing_, &standing_->group()));
  LeaveGroups();
  message_blocker_ = connection_blocker_ = nullptr;
  members_ = std::move(members);
  SetWarmup(shared.warmup);
}

// What it allows there holds for the others no longer.
void Site::LeaveGroups() {
  for (const auto& member : members_) {
    if (member != nullptr) member->group().SetOptionsOf(*member, std::nullopt, context_.clock.Now());
  }
  members_.clear();
}

std::unique_ptr<GroupMember> Site::Join(std::shared_ptr<LimitGroup> group) {
  auto member = std::make_unique<GroupMember>(
      std::move(group), GroupMember::Identity{context_.caller, id_, context_.job.campaign_number, context_.job.weight});
  for (std::uint32_t i = 0; i < sessions_; ++i) member->group().AdoptConnection(*member);
  for (std::size_t i = 0; i < closing_.size(); ++i) member->group().StartClosing(*member);
  for (std::uint32_t i = 0; i < unwritten_; ++i) member->group().Begin(*member);
  if (told_idle_) member->group().SetIdle(*member, true);
  return member;
}

void Site::OnCall(GroupMember::Call call) {
  switch (call) {
    case GroupMember::Call::kPump:
      ServeWriters();
      owner_.WantsPump(*this);
      return;
    case GroupMember::Call::kMakeRoom:
      Pump();
      MakeRoomForOthers();
      if (told_idle_) {  // Who called has forgotten it.
        told_idle_ = false;
        for (const auto& member : members_) member->group().SetIdle(*member, false);
      }
      // Who waits asks again when he looks again; to be called once more for the same would never end.
      told_idle_ = !idle_.empty();
      for (const auto& member : members_) member->group().SetIdle(*member, told_idle_, /*calls=*/false);
      return;
    case GroupMember::Call::kSettings:
      OnSettings();
      return;
  }
}

// Who is still idle has nothing to do, or waits for a token: a session that has carried nothing yet keeps its place for
// that, or sessions would be opened and closed and nothing sent.
bool Site::MayMakeRoom(const Session& session) {
  return session.uses() > 0 || HeldUntil().has_value() || NextFor(session.options().tls) == nullptr;
}

void Site::MakeRoomForOthers() {
  for (Session* session = idle_.empty() ? nullptr : &idle_.front(); session != nullptr;
       session = idle_.Next(*session)) {
    if (!MayMakeRoom(*session)) continue;
    session->Quit();
    return;
  }
}

// It keeps its place only where it waits now.
void Site::LeaveLines(const GroupMember* for_messages, const GroupMember* for_connections) {
  for (const auto& member : members_) {
    if (member.get() != for_messages) member->group().LeaveMessageLine(*member);
    if (member.get() != for_connections) member->group().LeaveConnectionLine(*member);
    if (opening_.empty()) member->group().ReturnTurn(*member);  // Whoever is there has used it, or cannot.
  }
}

// ---- messages ----

bool Site::HasMessageRate() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const auto& member) { return member->group().HasMessageRate(); });
}

// How many messages may be begun: those whose rate tokens will be there by the time they are signed, and their attempts
// durable. Where there is none, the site is pumped when there is.
std::uint64_t Site::RoomToBegin(base::Duration ahead) {
  std::uint64_t messages = WarmupRoom();
  if (messages == 0) return 0;
  for (const auto& member : members_) {
    const LimitGroup::Room room = member->group().RoomToBegin(*member, context_.clock.Now(), ahead);
    if (room.count == 0) {
      throttle_.Note(room.limit);
      message_blocker_ = member.get();
      if (!room.at.IsNever()) SetTimer(room.at);
      return 0;
    }
    messages = std::min(messages, room.count);
  }
  messages = std::min(messages, standing_->RoomToTry(scopes_));
  if (messages == 0) throttle_.Note("window");
  return messages;
}

// After a suspension there is one message at a time, of all shards and campaigns that it held.
bool Site::Try(ledger::RecipientId id) {
  const std::optional<SiteStanding::TryNumber> number = standing_->Try(scopes_);
  if (!number.has_value()) return false;
  if (*number == Suspensions::kNoTry) return true;
  EndTry();  // Its doubt is over, or it would be under way.
  tried_ = Tried{id, *number};
  return true;
}

void Site::EndTryOf(ledger::RecipientId id) {
  if (tried_.has_value() && tried_->recipient == id) EndTry();
}

void Site::EndTry() {
  if (!tried_.has_value()) return;
  const SiteStanding::TryNumber number = tried_->number;
  tried_.reset();
  standing_->EndTry(scopes_, number);
}

void Site::CountBegun() {
  ++unwritten_;
  for (const auto& member : members_) {
    member->group().Begin(*member);
    member->group().UseTurn(*member, context_.clock.Now());
  }
}

void Site::CountPutBack() {
  CHECK(unwritten_ > 0);
  --unwritten_;
  if (warmup_ != nullptr) warmup_->warmup().GiveBack(*warmup_);
  for (const auto& member : members_) member->group().PutBack(*member);
}

// It was answered before its turn to be written came: it takes no token, and leaves one that the site has for another.
void Site::CountUnwritten() {
  CHECK(unwritten_ > 0);
  --unwritten_;
  for (const auto& member : members_) member->group().PutBack(*member);
  if (warmup_ != nullptr) warmup_->warmup().OnWritten(*warmup_);
}

// The tokens are taken at the write. Those whose attempt is durable too early stand in line.
bool Site::MayWrite(Session& session) {
  if (writers_.empty() && TakeTokens()) return true;
  writers_.PushBack(session);
  session.ReleaseNext();  // Nobody waits behind one that waits: its route may be another one by then.
  ServeWriters();
  return false;
}

// All, or it keeps those that there are.
bool Site::TakeTokens() {
  return std::all_of(members_.begin(), members_.end(), [now = context_.clock.Now()](const auto& member) {
    return member->group().TakeToken(*member, now);
  });
}

base::Instant Site::TokenAt() const {
  base::Instant at;
  for (const auto& member : members_) at = std::max(at, member->group().TokenAt(*member));
  return at;
}

// Also while the site drains: the attempts are made. A rate of zero that came between holds none of them; a suspension
// does, as nothing has left.
void Site::ServeWriters() {
  if (standing_->SuspendedUntil(scopes_) > context_.clock.Now()) return WithholdWriters("the site is suspended");
  while (!writers_.empty() && (TokenAt().IsNever() || TakeTokens())) writers_.PopFront().Write();
  if (writers_.empty()) return;
  const base::Instant at = TokenAt();
  if (at > std::min(writes_until_, context_.clock.Now() + kTokenPatience))
    return WithholdWriters("the message rate has fallen");
  context_.timers.Set(writers_timer_, at);
}

// Since they were begun something has come that holds them. Nothing of them has left: they are as they were before, and
// not in doubt when the program ends.
void Site::WithholdWriters(std::string_view why) {
  smtp::Verdict verdict;
  verdict.outcome = smtp::Outcome::kHeld;
  verdict.text = absl::StrCat("nothing was sent: ", base::AbslView(why));
  while (!writers_.empty()) {
    Session& session = writers_.PopFront();
    const ledger::RecipientId id = session.writes_recipient();
    Destination& destination = *session.writes_destination();
    ledger::Outcome outcome = Describe(session, verdict);
    outcome.due = context_.clock.WallNow();
    --transactions_;
    CountPutBack();
    context_.settler.Settle(destination.queue, id, outcome, /*attempted=*/true);
    EndTryOf(id);
    session.Withhold();
    Reconsider(destination);
  }
}

// ---- connections ----

// Nothing can be opened yet. A session that waits for mail of another policy gives way.
bool Site::IsBlocked(GroupMember& member, const LimitGroup::Room& room) {
  if (room.count > 0) return false;
  throttle_.Note(room.limit);
  connection_blocker_ = &member;
  if (room.at.IsNever()) {
    MakeRoom();
  } else {
    SetTimer(room.at);
  }
  return true;
}

bool Site::HasRoomToConnect() {
  return std::none_of(members_.begin(), members_.end(), [this](const auto& member) {
    return IsBlocked(*member, member->group().RoomToConnect(*member, context_.clock.Now()));
  });
}

// Between looking and taking, another shard may have been faster.
bool Site::TakeConnections() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    GroupMember& member = *members_[i];
    if (!IsBlocked(member, member.group().TakeConnection(member, context_.clock.Now()))) continue;
    for (std::size_t taken = 0; taken < i; ++taken) members_[taken]->group().TakeBackConnection(*members_[taken]);
    return false;
  }
  return true;
}

// A session that waits for mail of another policy gives way; when it has ended, the site is pumped again.
void Site::MakeRoom() {
  if (!idle_.empty()) idle_.front().Quit();
}

void Site::TellIdle() {
  if (told_idle_ == !idle_.empty()) return;
  told_idle_ = !told_idle_;
  for (const auto& member : members_) member->group().SetIdle(*member, told_idle_);
}

}  // namespace delivery
