#include "engine/delivery/session_pool.h"

#include "engine/base/check.h"

namespace delivery {

SessionPool::Part::Part(SessionPool& pool, Caller& caller, const CampaignShare& share)
    : pool_(pool), caller_(caller), share_(share) {
  const std::lock_guard lock(pool_.mutex_);
  pool_.parts_.PushBack(*this);
}

SessionPool::Part::~Part() {
  const std::lock_guard lock(pool_.mutex_);
  pool_.parts_.Remove(*this);
  if (line_hook_.IsLinked()) pool_.line_.Leave(*this);
  pool_.used_ -= used_;
  pool_.closing_ -= closing_;
  pool_.wanted_ -= wanted_;
  pool_.Count(*this);
  pool_.CallLine(*this);
}

SessionPool::SessionPool(std::uint32_t limit) : limit_(limit) { CHECK(limit >= 1); }

SessionPool::~SessionPool() { CHECK(parts_.empty()); }

// `part` has changed something, and looks by itself. The others that have idle sessions are called when more are
// wanted.
void SessionPool::Count(const Part& part) {
  const std::uint64_t coming = std::uint64_t{Free()} + closing_;
  const std::uint64_t now = wanted_ > coming ? wanted_ - coming : 0;
  if (now <= short_.exchange(now)) return;
  for (Part* other = parts_.empty() ? nullptr : &parts_.front(); other != nullptr; other = parts_.Next(*other)) {
    if (other != &part && other->has_idle_.exchange(false)) other->caller_.CallForSessions();
  }
}

// One is left to each of those in line that is not first.
std::uint64_t SessionPool::RoomFor(const Part& part) const {
  const bool waits = part.line_hook_.IsLinked();
  const std::uint64_t others = line_.size() - (waits ? 1 : 0);
  if (Free() > others) return Free() - others;
  return Free() > 0 && waits && line_.First() == &part ? 1 : 0;
}

// Those who may take one.
void SessionPool::CallLine(const Part& but) {
  if (Free() == 0 || line_.size() == 0) return;
  if (Free() >= line_.size()) {
    line_.ForEach([&but](const Part& part) {
      if (&part != &but) part.caller_.CallForSessions();
    });
  } else if (line_.First() != &but) {
    line_.First()->caller_.CallForSessions();
  }
}

void SessionPool::LeaveLine(Part& part) {
  if (!part.line_hook_.IsLinked()) return;
  line_.Leave(part);
  CallLine(part);
}

bool SessionPool::TryTake(Part& part) {
  const std::lock_guard lock(mutex_);
  if (RoomFor(part) == 0) return false;
  ++used_;
  ++part.used_;
  line_.OnServed(part);
  LeaveLine(part);  // Who wants more is last of his campaign.
  Count(part);
  return true;
}

void SessionPool::TakeBack(Part& part) {
  const std::lock_guard lock(mutex_);
  CHECK(part.used_ > 0);
  --used_;
  --part.used_;
  Count(part);
  CallLine(part);
}

void SessionPool::StartClosing(Part& part) {
  const std::lock_guard lock(mutex_);
  ++closing_;
  ++part.closing_;
  Count(part);
}

void SessionPool::End(Part& part) {
  const std::lock_guard lock(mutex_);
  CHECK(part.used_ > 0 && part.closing_ > 0);
  --used_;
  --part.used_;
  --closing_;
  --part.closing_;
  Count(part);
  CallLine(part);
}

std::uint64_t SessionPool::Look(Part& part, std::uint64_t wanted, bool has_idle) {
  const std::lock_guard lock(mutex_);
  wanted_ += wanted - part.wanted_;
  part.wanted_ = wanted;
  part.has_idle_ = has_idle;
  if (wanted == 0) {
    LeaveLine(part);
  } else if (!part.line_hook_.IsLinked()) {
    line_.Join(part);
  }
  Count(part);
  return RoomFor(part);
}

std::uint32_t SessionPool::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace delivery
