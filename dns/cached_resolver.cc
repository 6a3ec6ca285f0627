#include "dns/cached_resolver.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dns {
namespace {

constexpr std::uint32_t kHitsToRenew = 1;  // Asked for so often before, it will be asked for again.
constexpr std::int64_t kLastPart = 10;     // It is renewed in the last tenth of its time.

std::string KeyOf(std::string_view name, RecordType type) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  std::string key = base::LowerAscii(name);
  key.push_back('\0');
  key += std::to_string(static_cast<unsigned>(type));
  return key;
}

// TLSA records must be true now, and so must aliases: only whoever looks for such records asks for them (RFC 7672
// section 2.1.3: who suppresses an answer must gain nothing by it).
bool MayBeStale(std::string_view key) {
  const std::string_view type = key.substr(key.rfind('\0') + 1);
  return type != std::to_string(static_cast<unsigned>(RecordType::kTlsa)) &&
         type != std::to_string(static_cast<unsigned>(RecordType::kCname));
}

bool IsFailure(AnswerKind kind) { return kind == AnswerKind::kServerFail || kind == AnswerKind::kTimeout; }

std::size_t SizeOf(std::size_t entry, const std::string& key, const Answer& answer) {
  std::size_t bytes =
      entry + 2 * key.size() + answer.detail.size() + answer.canonical.size() + answer.records.size() * sizeof(Record);
  for (const Record& record : answer.records) bytes += record.name.size() + record.text.size();
  return bytes;
}

}  // namespace

CachedResolver::CachedResolver(Resolver& upstream, const io::Clock& clock, io::TimerWheel& timers,
                               const Options& options)
    : upstream_(upstream), clock_(clock), timers_(timers), options_(options), deliver_([this] { DeliverHits(); }) {}

CachedResolver::~CachedResolver() {
  *alive_ = false;
  while (!lru_.empty()) lru_.PopFront();
}

void CachedResolver::Resolve(std::string_view name, RecordType type, Callback callback) {
  std::string key = KeyOf(name, type);
  if (const auto found = known_.find(key); found != known_.end()) {
    Entry& entry = *found->second;
    const bool renews = entry.renew_at <= clock_.Now() && entry.hits >= kHitsToRenew;
    if (TellKnown(entry, callback)) {
      if (renews && asking_.try_emplace(key).second) {
        ++counters_.prefetched;
        Ask(name, type, key);
      }
      return;
    }
  }
  AskOnce(name, type, key, {std::move(callback), /*anew=*/false});
}

void CachedResolver::ResolveAnew(std::string_view name, RecordType type, Callback callback) {
  AskOnce(name, type, KeyOf(name, type), {std::move(callback), /*anew=*/true});
}

// Whoever asks while the question is under way joins those who wait.
void CachedResolver::AskOnce(std::string_view name, RecordType type, const std::string& key, Waiting waiting) {
  const auto [asking, is_new] = asking_.try_emplace(key);
  asking->second.push_back(std::move(waiting));
  if (!is_new) {
    ++counters_.coalesced;
    return;
  }
  ++counters_.misses;
  Ask(name, type, key);
}

// False: its time is over.
bool CachedResolver::TellKnown(Entry& entry, Callback& callback) {
  const base::Instant now = clock_.Now();
  if (now >= entry.expires) return false;
  ++counters_.hits;
  ++entry.hits;
  lru_.Remove(entry);
  lru_.PushBack(entry);
  Hit& hit = hits_.emplace_back(Hit{std::move(callback), entry.answer});
  hit.answer.ttl = entry.expires - now;
  if (!deliver_.IsSet()) timers_.Set(deliver_, now);
  return true;
}

void CachedResolver::Ask(std::string_view name, RecordType type, const std::string& key) {
  upstream_.Resolve(name, type, [this, alive = alive_, key](const Answer& answer) {
    if (*alive) OnAnswer(key, answer);
  });
}

void CachedResolver::OnAnswer(const std::string& key, const Answer& answer) {
  const auto asking = asking_.find(key);
  CHECK(asking != asking_.end());
  std::vector<Waiting> waiting = std::move(asking->second);
  asking_.erase(asking);
  // Whoever called may destroy this resolver, and with it what the upstream's callback holds.
  Answer copy = answer, failure = answer;
  const bool stands_in = StandIn(key, copy);
  if (!stands_in) {
    copy.ttl = std::min(copy.ttl, TtlOf(answer));
    Keep(key, answer);
  }
  const std::shared_ptr<bool> alive = alive_;
  failure.ttl = std::min(answer.ttl, options_.failure_ttl);
  const bool is_old_no = stands_in && copy.kind != AnswerKind::kFound;
  for (Waiting& one : waiting) {
    if (!*alive) return;
    one.callback(is_old_no && one.anew ? failure : copy);
  }
}

// Where the question failed, what was known before is told once more; and what still holds when it is asked for again
// before its time, goes on to hold. False: it did not fail, or nothing is known.
bool CachedResolver::StandIn(const std::string& key, Answer& answer) {
  if (!IsFailure(answer.kind)) return false;
  const auto known = known_.find(key);
  const base::Instant now = clock_.Now();
  if (known == known_.end()) return false;
  Entry& entry = *known->second;
  if (now < entry.expires) {
    entry.renew_at = std::min(entry.expires, now + options_.failure_ttl);
    answer = entry.answer;
    answer.ttl = entry.expires - now;
    return true;
  }
  if (now >= entry.stale_until) return false;
  entry.expires = std::max(entry.expires, now + options_.stale_ttl);
  entry.renew_at = entry.expires;
  answer = entry.answer;
  answer.ttl = entry.expires - now;
  ++counters_.stale;
  return true;
}

base::Duration CachedResolver::TtlOf(const Answer& answer) const {
  if (IsFailure(answer.kind)) return options_.failure_ttl;
  const base::Duration most = answer.kind == AnswerKind::kFound ? options_.ttl_max : options_.negative_ttl_max;
  return std::min(std::max(answer.ttl, options_.ttl_min), most);
}

void CachedResolver::Keep(const std::string& key, const Answer& answer) {
  const base::Duration ttl = TtlOf(answer);
  if (const auto old = known_.find(key); old != known_.end()) Remove(*old->second);
  if (ttl <= base::Duration()) return;
  const base::Instant now = clock_.Now();
  auto entry = std::make_unique<Entry>();
  entry->key = key;
  entry->answer = answer;
  entry->expires = now + ttl;
  entry->renew_at = entry->expires - ttl / kLastPart;
  // That a domain is gone is never taken from yesterday. What DNSSEC vouches for is not known any more once it is over,
  // and without that it would do for less than before.
  const bool may_be_stale = (answer.kind == AnswerKind::kFound || answer.kind == AnswerKind::kNoData) &&
                            !answer.authenticated && options_.stale_max > base::Duration() && MayBeStale(key);
  entry->stale_until = may_be_stale ? entry->expires + options_.stale_max : now;
  entry->bytes = SizeOf(sizeof(Entry), key, answer);
  if (options_.entries_max == 0 || entry->bytes > options_.bytes_max) return;
  while (!lru_.empty() && (lru_.size() >= options_.entries_max || bytes_ + entry->bytes > options_.bytes_max)) {
    ++counters_.evicted;
    Remove(lru_.front());
  }
  bytes_ += entry->bytes;
  lru_.PushBack(*entry);
  known_.emplace(key, std::move(entry));
}

void CachedResolver::Remove(Entry& entry) {
  lru_.Remove(entry);
  bytes_ -= entry.bytes;
  known_.erase(known_.find(entry.key));
}

void CachedResolver::DeliverHits() {
  const std::shared_ptr<bool> alive = alive_;
  // What the callbacks ask for anew is answered in a later turn.
  for (std::size_t n = hits_.size(); n > 0; --n) {
    Hit hit = std::move(hits_.front());
    hits_.pop_front();
    hit.callback(hit.answer);
    if (!*alive) return;
  }
}

}  // namespace dns
