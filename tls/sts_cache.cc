#include "tls/sts_cache.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace tls {
namespace {

constexpr std::string_view kHead = "sluice mta-sts 1\n";

bool IsOver(const StsPolicy& policy, base::WallTime fetched, base::WallTime now) {
  return now >= fetched + policy.max_age;
}

std::size_t SizeOf(std::string_view domain, const StsPolicy& policy) {
  std::size_t bytes = 200 + domain.size() + policy.id.size();
  for (const std::string& mx : policy.mx) bytes += sizeof(std::string) + mx.size();
  return bytes;
}

}  // namespace

StsCache::Known StsCache::Find(std::string_view domain, base::WallTime now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(domain);
  if (found == entries_.end() || IsOver(*found->second.policy, found->second.fetched, now)) return {};
  return {found->second.policy, found->second.fetched};
}

void StsCache::Put(std::string_view domain, StsPolicy policy, base::WallTime fetched) {
  const std::lock_guard lock(mutex_);
  PutLocked(domain, std::move(policy), fetched);
  changed_ = true;
}

void StsCache::PutLocked(std::string_view domain, StsPolicy policy, base::WallTime fetched) {
  if (const auto old = entries_.find(domain); old != entries_.end()) {
    bytes_ -= SizeOf(domain, *old->second.policy);
    entries_.erase(old);
  }
  const std::size_t bytes = SizeOf(domain, policy);
  if (bytes > bytes_max_) return;
  while (bytes_ + bytes > bytes_max_) DropOldest();
  bytes_ += bytes;
  entries_.emplace(std::string(domain), Entry{std::make_shared<const StsPolicy>(std::move(policy)), fetched});
}

// Those that were fetched first: a tenth at a time, so that it is rare.
void StsCache::DropOldest() {
  std::vector<base::WallTime> times;
  for (const auto& [domain, entry] : entries_) times.push_back(entry.fetched);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10);
  std::nth_element(times.begin(), middle, times.end());
  const base::WallTime limit = *middle;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->second.fetched > limit) {
      ++entry;
      continue;
    }
    bytes_ -= SizeOf(entry->first, *entry->second.policy);
    entry = entries_.erase(entry);
  }
}

std::string StsCache::Write(base::WallTime now) const {
  const std::lock_guard lock(mutex_);
  std::string content(kHead);
  for (const auto& [domain, entry] : entries_) {
    if (IsOver(*entry.policy, entry.fetched, now)) continue;
    absl::StrAppend(&content, domain, " ", entry.fetched.seconds(), " ", FormatStsPolicy(*entry.policy), "\n");
  }
  return content;
}

void StsCache::Read(std::string_view content, base::WallTime now) {
  if (!content.starts_with(kHead)) return;
  content.remove_prefix(kHead.size());
  const std::lock_guard lock(mutex_);
  for (std::size_t end = content.find('\n'); end != std::string_view::npos; end = content.find('\n')) {
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(end + 1);
    const std::size_t first = line.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos || first == 0) continue;
    const std::string_view domain = line.substr(0, first);
    const auto seconds = base::ParseInteger<std::int64_t>(line.substr(first + 1, second - first - 1));
    std::optional<StsPolicy> policy = ReadStsPolicy(line.substr(second + 1));
    if (!seconds.has_value() || *seconds < 0 || *seconds > now.seconds() || !policy.has_value()) continue;
    const base::WallTime fetched = base::WallTime::FromSeconds(*seconds);
    const auto known = entries_.find(domain);
    if (IsOver(*policy, fetched, now) || (known != entries_.end() && known->second.fetched >= fetched)) continue;
    PutLocked(domain, *std::move(policy), fetched);
  }
}

bool StsCache::TakeChanged() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changed_, false);
}

void StsCache::GiveBackChanged() {
  const std::lock_guard lock(mutex_);
  changed_ = true;
}

std::size_t StsCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace tls
