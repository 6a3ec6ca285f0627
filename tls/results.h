// What became of TLS, counted by UTC day and policy domain, as RFC 8460 sections 4.2 and 4.3 name it. Any thread;
// bounded. "dane-required" (section 4.3.2.1) is not among the results: nobody can ask for mandatory DANE here.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace tls {

enum class Result : std::uint8_t {
  kSuccess,
  kCompatibleSuccess,  // With the compatible profile: a session before it has failed.
  kStartTlsNotSupported,
  kCertificateHostMismatch,
  kCertificateExpired,
  kCertificateNotTrusted,
  kValidationFailure,  // Any other trouble with TLS.
  kTlsaInvalid,        // There are TLSA records, and none of them is usable.
  kDnssecInvalid,      // TLSA records cannot be had.
  kStsPolicyFetchError,
  kStsPolicyInvalid,
  kStsWebpkiInvalid,
};
std::string_view ToString(Result result);  // "starttls-not-supported"; "success", "success-compatible".

enum class PolicyType : std::uint8_t { kNone, kSts, kTlsa };
std::string_view ToString(PolicyType type);  // "no-policy-found", "sts", "tlsa".

class ResultCounts {
 public:
  struct Key {
    std::int64_t day = 0;  // Since 1970-01-01.
    std::string domain;
    PolicyType type = PolicyType::kNone;
    Result result = Result::kSuccess;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // Of one day; what is beyond that is counted under the domain "other".
  static constexpr std::size_t kKeysOfDayMax = 100'000;
  // Of all days. Where there are more, the oldest day is counted under "other" as a whole, if it is not the one that is
  // counted for; else what comes is.
  static constexpr std::size_t kKeysMax = 3 * kKeysOfDayMax;

  ResultCounts() = default;
  ResultCounts(const ResultCounts&) = delete;
  ResultCounts& operator=(const ResultCounts&) = delete;

  static std::int64_t DayOf(base::WallTime time);
  static std::string DateOf(std::int64_t day);  // "2026-11-24"
  void Add(const Key& key, std::uint64_t count = 1);
  std::map<Key, std::uint64_t> counts() const;
  bool TakeChanged();  // Something was counted since the last call, or since what was taken was given back.
  void GiveBackChanged();

  // A file's content, and adding one to what is counted; damaged lines are skipped.
  std::string Write() const;
  void Read(std::string_view content);

 private:
  void FoldOldestDayBefore(std::int64_t day);

  mutable std::mutex mutex_;  // Guards what follows.
  std::map<Key, std::uint64_t> counts_;
  std::map<std::int64_t, std::size_t> keys_of_day_;
  bool changed_ = false;
};

}  // namespace tls
