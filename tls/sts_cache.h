// The MTA-STS policies that are known on this host, by domain: for all shards, and over restarts. Bounded. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "tls/mta_sts.h"

namespace tls {

class StsCache {
 public:
  struct Known {
    std::shared_ptr<const StsPolicy> policy;  // Null: none, or its time is over.
    base::WallTime fetched;
  };

  explicit StsCache(std::size_t bytes_max = 64 * 1024 * 1024) : bytes_max_(bytes_max) {}
  StsCache(const StsCache&) = delete;
  StsCache& operator=(const StsCache&) = delete;

  Known Find(std::string_view domain, base::WallTime now) const;
  // The domain has this policy since `fetched`. One of mode none, whose time is at once over, is a word to forget.
  void Put(std::string_view domain, StsPolicy policy, base::WallTime fetched);

  // A file's content: what is still valid. Reading it adds what is newer than what is known; lines that are damaged, or
  // of a time to come, are skipped.
  std::string Write(base::WallTime now) const;
  void Read(std::string_view content, base::WallTime now);
  // Something was put since the last call, or since what was taken was given back: it could not be written.
  bool TakeChanged();
  void GiveBackChanged();
  std::size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const StsPolicy> policy;
    base::WallTime fetched;
  };
  void PutLocked(std::string_view domain, StsPolicy policy, base::WallTime fetched);
  void DropOldest();

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::map<std::string, Entry, std::less<>> entries_;
  std::size_t bytes_ = 0;
  bool changed_ = false;
};

}  // namespace tls
