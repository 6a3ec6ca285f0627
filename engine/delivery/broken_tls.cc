#include "engine/delivery/broken_tls.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace delivery {
namespace {

constexpr std::string_view kVerifies = " verified";

}  // namespace

std::string TlsPeer::ToString() const {
  return absl::StrCat(host, " ", address.ToString(), base::AbslView(verifies ? kVerifies : ""));
}

std::optional<TlsPeer> TlsPeer::Parse(std::string_view text) {
  TlsPeer peer;
  peer.verifies = text.ends_with(kVerifies);
  if (peer.verifies) text.remove_suffix(kVerifies.size());
  const std::size_t space = text.rfind(' ');
  if (space == std::string_view::npos || space == 0) return std::nullopt;
  const std::optional<base::IpAddress> address = base::IpAddress::Parse(text.substr(space + 1));
  if (!address.has_value()) return std::nullopt;
  peer.host = text.substr(0, space);
  peer.address = *address;
  return peer;
}

void TlsMemory::Remember(const TlsPeer& peer, base::Instant until) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kPeersMax && entries_.find(peer) == entries_.end()) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
  }
  Entry& entry = entries_[peer];
  entry.until = std::max(entry.until, until);
}

bool TlsMemory::Contains(const TlsPeer& peer, base::Instant now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(peer);
  return found != entries_.end() && found->second.until > now;
}

void TlsMemory::OnWorks(const TlsPeer& peer) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(peer); found != entries_.end()) found->second.confirmed = true;
}

void TlsMemory::OnFailed(const TlsPeer& peer) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(peer);
  if (found != entries_.end() && (peer.verifies || !found->second.confirmed)) entries_.erase(found);
}

void TlsMemory::Forget(const TlsPeer& peer) {
  const std::lock_guard lock(mutex_);
  entries_.erase(peer);
}

std::vector<std::pair<TlsPeer, base::Instant>> TlsMemory::List(base::Instant now) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<TlsPeer, base::Instant>> list;
  for (const auto& [peer, entry] : entries_) {
    if (entry.until > now) list.emplace_back(peer, entry.until);
  }
  return list;
}

std::size_t TlsMemory::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace delivery
