#include "engine/delivery/limit_group.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace delivery {
namespace {

void SetGate(std::optional<RateGate>& gate, const std::optional<base::Rate>& rate, base::Instant now) {
  if (!rate.has_value()) {
    gate.reset();
  } else if (gate.has_value()) {
    gate->SetOptions(GateOptions(*rate), now);
  } else {
    gate.emplace(GateOptions(*rate), now);
  }
}

}  // namespace

// ---- members ----

GroupMember::GroupMember(std::shared_ptr<LimitGroup> group, const Identity& identity)
    : group_(std::move(group)), identity_(identity) {
  CHECK(identity.weight >= 1);
  const std::lock_guard lock(group_->mutex_);
  group_->members_.PushBack(*this);
}

GroupMember::~GroupMember() {
  const std::lock_guard lock(group_->mutex_);
  if (idle_hook_.IsLinked()) group_->idle_.Remove(*this);
  group_->ForgetOptionsOf(*this);
  group_->connections_ -= connections_;
  group_->closing_ -= closing_;
  group_->unwritten_ -= unwritten_;
  group_->members_.Remove(*this);
  const bool has_turn = turn_until_ != base::Instant();
  if (has_turn) group_->AddTurn();
  const bool gave_back = connections_ > 0 || unwritten_ > 0 || has_turn;
  if (waits_for_connection_) group_->DoLeaveConnectionLine(*this);
  if (waits_for_message_) group_->DoLeaveMessageLine(*this);
  if (!gave_back) return;
  group_->CallFirstForConnections();
  group_->CallFirstForMessages();
}

LimitGroup::LimitGroup(const Options& options, base::Instant now, const Keys& keys) : keys_(keys) {
  SetOptions(options, now);
}

void LimitGroup::SetOptions(const Options& options, base::Instant now) {
  const std::lock_guard lock(mutex_);
  Apply(options, now);
}

void LimitGroup::SetOptionsOf(GroupMember& member, const std::optional<Options>& options, base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (member.allows_ == options) return;
  ForgetOptionsOf(member);
  if (options.has_value()) {
    const auto known = std::find_if(allowed_.begin(), allowed_.end(),
                                    [&options](const Allowed& one) { return one.options == *options; });
    if (known == allowed_.end()) {
      allowed_.push_back({*options, 1});
    } else {
      ++known->members;
    }
    member.allows_ = options;
  }
  if (allowed_.empty()) return;
  Options strictest = allowed_.front().options;
  for (const Allowed& one : allowed_) strictest = Strictest(strictest, one.options);
  Apply(strictest, now);
}

void LimitGroup::ForgetOptionsOf(GroupMember& member) {
  if (!member.allows_.has_value()) return;
  const auto known = std::find_if(allowed_.begin(), allowed_.end(),
                                  [&member](const Allowed& one) { return one.options == *member.allows_; });
  CHECK(known != allowed_.end());
  if (--known->members == 0) allowed_.erase(known);
  member.allows_.reset();
}

void LimitGroup::Apply(const Options& options, base::Instant now) {
  CHECK(options.connections >= 1);
  if (options == options_) return;
  const bool are_new =
      options.message_rate != options_.message_rate || options.connection_rate != options_.connection_rate;
  options_ = options;
  SetGate(messages_, options.message_rate, now);
  has_rate_ = HasRate();
  if (keys_.has_turns) SetGate(turns_, options.message_rate, now);
  SetGate(connection_rate_, options.connection_rate, now);
  if (are_new && wants_save_ != nullptr) {
    is_saved_ = is_being_saved_ = false;
    wants_save_->store(true);
  }
  SetBursts();
  CallEveryone();
}

void LimitGroup::SetWindow(std::uint32_t connections) {
  CHECK(connections >= 1);
  const std::lock_guard lock(mutex_);
  window_ = connections;
  CallFirstForConnections();
}

void LimitGroup::SetLearnedRate(const std::optional<base::Rate>& rate, base::Instant now) {
  const std::lock_guard lock(mutex_);
  SetGate(learned_, rate, now);
  has_rate_ = HasRate();
  CallFirstForMessages();
}

void LimitGroup::Call(const GroupMember& member, GroupMember::Call call) {
  member.identity_.caller.CallSite(member.identity_.site, call);
}

void LimitGroup::CallEveryone(GroupMember::Call call) const {
  for (const GroupMember* member = members_.empty() ? nullptr : &members_.front(); member != nullptr;
       member = members_.Next(*member)) {
    Call(*member, call);
  }
}

void LimitGroup::CallAll(GroupMember::Call call) const {
  const std::lock_guard lock(mutex_);
  CallEveryone(call);
}

// ---- connections ----

std::uint32_t LimitGroup::connections_max() const {
  const std::lock_guard lock(mutex_);
  return ConnectionsMax();
}

std::uint32_t LimitGroup::FreeConnections() const {
  const std::uint32_t max = ConnectionsMax();
  return max > connections_ ? max - connections_ : 0;
}

void LimitGroup::CallFirstForConnections() const {
  const GroupMember* const first = connection_line_.First();
  if (first != nullptr && FreeConnections() > 0) Call(*first, GroupMember::Call::kPump);
}

void LimitGroup::DoLeaveConnectionLine(GroupMember& member) {
  connection_line_.Leave(member);
  member.waits_for_connection_ = false;
  const GroupMember* const first = connection_line_.First();
  if (first == nullptr) return;
  CallFirstForConnections();
  if (FreeConnections() == 0) AskForRoom(*first);  // Its own request may have come too early.
}

void LimitGroup::LeaveConnectionLine(GroupMember& member) {
  if (!member.waits_for_connection_) return;
  const std::lock_guard lock(mutex_);
  DoLeaveConnectionLine(member);
}

bool LimitGroup::OthersWait(const GroupMember& member) const {
  return connection_line_.size() > (member.waits_for_connection_ ? 1u : 0u);
}

// Of the site that has been idle longest.
void LimitGroup::AskForRoom(const GroupMember& for_whom) {
  for (GroupMember* idler = idle_.empty() ? nullptr : &idle_.front(); idler != nullptr; idler = idle_.Next(*idler)) {
    if (idler == &for_whom) continue;
    idle_.Remove(*idler);
    Call(*idler, GroupMember::Call::kMakeRoom);
    return;
  }
}

LimitGroup::Room LimitGroup::FindConnection(GroupMember& member, base::Instant now) {
  const bool has_to_wait = FreeConnections() == 0 || connection_line_.size() > 0;
  if (has_to_wait && !member.waits_for_connection_) {
    connection_line_.Join(member);
    member.waits_for_connection_ = true;
  }
  if (FreeConnections() == 0 || (has_to_wait && connection_line_.First() != &member)) {
    AskForRoom(member);
    return {0, base::Instant::Never(), window_ < options_.connections ? "window" : keys_.connections};
  }
  if (connection_rate_.has_value() && connection_rate_->Available(now) == 0) {
    if (member.waits_for_connection_) DoLeaveConnectionLine(member);
    return {0, connection_rate_->OpensAt(), "max_connection_rate"};
  }
  return {1, now, ""};
}

LimitGroup::Room LimitGroup::RoomToConnect(GroupMember& member, base::Instant now) {
  const std::lock_guard lock(mutex_);
  return FindConnection(member, now);
}

LimitGroup::Room LimitGroup::TakeConnection(GroupMember& member, base::Instant now) {
  const std::lock_guard lock(mutex_);
  const Room room = FindConnection(member, now);
  if (room.count == 0) return room;
  if (connection_rate_.has_value()) CHECK(connection_rate_->TryPass(now));
  ++connections_;
  ++member.connections_;
  connection_line_.OnServed(member);
  if (member.waits_for_connection_) DoLeaveConnectionLine(member);
  return room;
}

void LimitGroup::TakeBackConnection(GroupMember& member) {
  const std::lock_guard lock(mutex_);
  CHECK(member.connections_ > 0);
  --connections_;
  --member.connections_;
  CallFirstForConnections();
}

void LimitGroup::AdoptConnection(GroupMember& member) {
  const std::lock_guard lock(mutex_);
  ++connections_;
  ++member.connections_;
}

void LimitGroup::StartClosing(GroupMember& member) {
  const std::lock_guard lock(mutex_);
  ++closing_;
  ++member.closing_;
}

void LimitGroup::EndConnection(GroupMember& member) {
  const std::lock_guard lock(mutex_);
  CHECK(member.connections_ > 0 && member.closing_ > 0);
  --connections_;
  --closing_;
  --member.connections_;
  --member.closing_;
  CallFirstForConnections();
}

bool LimitGroup::HasTooMany() const {
  const std::lock_guard lock(mutex_);
  return connections_ - closing_ > ConnectionsMax();
}

void LimitGroup::SetIdle(GroupMember& member, bool idle, bool calls) {
  const std::lock_guard lock(mutex_);
  if (!idle) {
    if (member.idle_hook_.IsLinked()) idle_.Remove(member);
    return;
  }
  if (calls && OthersWait(member)) {
    Call(member, GroupMember::Call::kMakeRoom);
  } else if (!member.idle_hook_.IsLinked()) {
    idle_.PushBack(member);
  }
}

base::Instant LimitGroup::ConnectionAt() const {
  const std::lock_guard lock(mutex_);
  return connection_rate_.has_value() ? connection_rate_->OpensAt() : base::Instant();
}

bool LimitGroup::DoOthersWait(const GroupMember& member) const {
  const std::lock_guard lock(mutex_);
  return OthersWait(member);
}

// ---- messages ----

std::uint64_t LimitGroup::Tokens(base::Instant now, base::Duration ahead) const {
  std::uint64_t tokens = UINT64_MAX;
  for (const auto* gate : {&messages_, &learned_}) {
    if (gate->has_value()) tokens = std::min(tokens, (*gate)->Available(now, ahead));
  }
  return tokens;
}

void LimitGroup::CallFirstForMessages() const {
  if (const GroupMember* first = message_line_.First()) Call(*first, GroupMember::Call::kPump);
}

void LimitGroup::DoLeaveMessageLine(GroupMember& member) {
  message_line_.Leave(member);
  member.waits_for_message_ = false;
  CallFirstForMessages();
}

void LimitGroup::LeaveMessageLine(GroupMember& member) {
  if (!member.waits_for_message_) return;
  const std::lock_guard lock(mutex_);
  DoLeaveMessageLine(member);
}

LimitGroup::Room LimitGroup::RoomToBegin(GroupMember& member, base::Instant now, base::Duration ahead) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t tokens = Tokens(now, ahead);
  const std::uint64_t turns = Turns(member, now);
  const bool has_turn = member.turn_until_ > now;
  const GroupMember* const first = message_line_.First();
  const bool is_next = !keys_.takes_turns || first == nullptr || first == &member || has_turn;
  if (tokens > unwritten_ && turns > 0 && is_next) {
    if (member.waits_for_message_) DoLeaveMessageLine(member);
    return {HasRate() ? std::min(tokens - unwritten_, turns) : UINT64_MAX, now, ""};
  }
  base::Instant at = now;
  std::string_view limit = keys_.messages;
  if (messages_.has_value()) at = std::max(at, messages_->OpensAfter(unwritten_, now));
  if (learned_.has_value() && learned_->OpensAfter(unwritten_, now) > at) {
    at = learned_->OpensAfter(unwritten_, now);
    limit = "adaptive_rate";
  }
  if (!at.IsNever()) at = std::max(at - ahead, now);
  if (turns == 0) at = std::max(at, turns_->OpensAt());
  if (has_turn && !at.IsNever()) return {0, at, limit};  // It need not stand in line again.
  if (!member.waits_for_message_) message_line_.Join(member);
  member.waits_for_message_ = true;
  return {0, message_line_.First() == &member ? at : base::Instant::Never(), limit};
}

// Its turn is over now, not when it is written: until then it could begin as many as are begun ahead.
void LimitGroup::Begin(GroupMember& member) {
  const std::lock_guard lock(mutex_);
  ++unwritten_;
  ++member.unwritten_;
  if (!HasRate()) return;
  const GroupMember* const first = message_line_.First();
  message_line_.OnServed(member);
  if (message_line_.First() != first) CallFirstForMessages();  // It has been told to wait until it is called.
}

void LimitGroup::PutBack(GroupMember& member) {
  const std::lock_guard lock(mutex_);
  CHECK(member.unwritten_ > 0);
  --unwritten_;
  --member.unwritten_;
  AddTurn();
  if (HasRate()) CallFirstForMessages();
}

bool LimitGroup::TakeToken(GroupMember& member, base::Instant now) {
  if (!has_rate_ && !member.has_token_) return true;
  const std::lock_guard lock(mutex_);
  if (member.has_token_) return true;
  if (Tokens(now, {}) == 0) return false;
  for (auto* gate : {&messages_, &learned_}) {
    if (gate->has_value()) CHECK((*gate)->TryPass(now));
  }
  member.has_token_ = HasRate();
  return true;
}

void LimitGroup::OnWritten(GroupMember& member) {
  const std::lock_guard lock(mutex_);
  CHECK(member.unwritten_ > 0);
  --unwritten_;
  --member.unwritten_;
  member.has_token_ = false;
  if (HasRate()) CallFirstForMessages();  // While it had its token, it counted twice.
}

}  // namespace delivery
