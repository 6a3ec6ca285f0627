// Which addresses offer TLS that does not work: for a while it is tried there with the compatible profile, and where
// that fails as well, mail to them goes in clear, where its policy allows that (RFC 3207 section 4; KumoMTA's
// remember_broken_tls). The whole program's; any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/time.h"

namespace delivery {

class AddressMemory {
 public:
  static constexpr std::size_t kAddressesMax = 10'000;  // The one that would be forgotten first goes.

  void Remember(const base::IpAddress& address, base::Instant until) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= kAddressesMax && entries_.find(address) == entries_.end()) {
      entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                      [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
    }
    Entry& entry = entries_[address];
    entry.until = std::max(entry.until, until);
  }
  bool Contains(const base::IpAddress& address, base::Instant now) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(address);
    return found != entries_.end() && found->second.until > now;
  }
  // A session that is made the other way became ready: it was TLS.
  void OnWorks(const base::IpAddress& address) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(address); found != entries_.end()) found->second.confirmed = true;
  }
  // It failed the other way as well: it may not have been TLS, or that does not help.
  void OnFailed(const base::IpAddress& address) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(address); found != entries_.end() && !found->second.confirmed)
      entries_.erase(found);
  }
  // All that count at `now`, and until when.
  std::vector<std::pair<base::IpAddress, base::Instant>> List(base::Instant now) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<base::IpAddress, base::Instant>> list;
    for (const auto& [address, entry] : entries_) {
      if (entry.until > now) list.emplace_back(address, entry.until);
    }
    return list;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  struct Entry {
    base::Instant until;
    bool confirmed = false;
  };
  mutable std::mutex mutex_;
  std::map<base::IpAddress, Entry> entries_;
};

struct BrokenTls {
  AddressMemory compatible;  // The usual profile fails there.
  AddressMemory clear;       // And so does the compatible one.
};

}  // namespace delivery
