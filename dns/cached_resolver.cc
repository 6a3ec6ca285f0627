#include "dns/cached_resolver.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dns {
namespace {

std::string KeyOf(std::string_view name, RecordType type) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  std::string key = base::LowerAscii(name);
  key.push_back('\0');
  key += std::to_string(static_cast<unsigned>(type));
  return key;
}

bool IsFailure(AnswerKind kind) { return kind == AnswerKind::kServerFail || kind == AnswerKind::kTimeout; }

std::size_t SizeOf(std::size_t entry, const std::string& key, const Answer& answer) {
  std::size_t bytes = entry + 2 * key.size() + answer.detail.size() + answer.records.size() * sizeof(Record);
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
    const base::Instant now = clock_.Now();
    if (now < entry.expires) {
      ++counters_.hits;
      lru_.Remove(entry);
      lru_.PushBack(entry);
      Hit& hit = hits_.emplace_back(Hit{std::move(callback), entry.answer});
      hit.answer.ttl = entry.expires - now;
      if (!deliver_.IsSet()) timers_.Set(deliver_, now);
      return;
    }
    Remove(entry);
  }
  const auto [asking, is_new] = asking_.try_emplace(key);
  asking->second.push_back(std::move(callback));
  if (!is_new) {
    ++counters_.coalesced;
    return;
  }
  ++counters_.misses;
  upstream_.Resolve(name, type, [this, alive = alive_, key = std::move(key)](const Answer& answer) {
    if (*alive) OnAnswer(key, answer);
  });
}

void CachedResolver::OnAnswer(const std::string& key, const Answer& answer) {
  const auto asking = asking_.find(key);
  CHECK(asking != asking_.end());
  std::vector<Callback> waiting = std::move(asking->second);
  asking_.erase(asking);
  Keep(key, answer);
  // Whoever called may destroy this resolver, and with it what the upstream's callback holds.
  const Answer copy = answer;
  const std::shared_ptr<bool> alive = alive_;
  for (Callback& callback : waiting) {
    if (!*alive) return;
    callback(copy);
  }
}

void CachedResolver::Keep(const std::string& key, const Answer& answer) {
  const base::Duration ttl = IsFailure(answer.kind) ? options_.failure_ttl : std::min(answer.ttl, options_.ttl_max);
  if (ttl <= base::Duration()) return;
  auto entry = std::make_unique<Entry>();
  entry->key = key;
  entry->answer = answer;
  entry->expires = clock_.Now() + ttl;
  entry->bytes = SizeOf(sizeof(Entry), key, answer);
  if (options_.entries_max == 0 || entry->bytes > options_.bytes_max) return;
  if (const auto old = known_.find(key); old != known_.end()) Remove(*old->second);
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
