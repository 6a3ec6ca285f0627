#include "tls/results.h"

#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/date.h"
#include "engine/base/text.h"

namespace tls {
namespace {

constexpr std::string_view kHead = "sluice tls-results 2\n";
constexpr std::string_view kOther = "other";  // Domain.
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::size_t kDateSize = 10;  // "2026-11-24"
constexpr Result kResults[] = {Result::kSuccess,
                               Result::kCompatibleSuccess,
                               Result::kStartTlsNotSupported,
                               Result::kCertificateHostMismatch,
                               Result::kCertificateExpired,
                               Result::kCertificateNotTrusted,
                               Result::kValidationFailure,
                               Result::kTlsaInvalid,
                               Result::kDnssecInvalid,
                               Result::kStsPolicyFetchError,
                               Result::kStsPolicyInvalid,
                               Result::kStsWebpkiInvalid};
constexpr PolicyType kTypes[] = {PolicyType::kNone, PolicyType::kSts, PolicyType::kTlsa};

template <typename Values>
auto Named(const Values& values, std::string_view name) -> std::optional<std::decay_t<decltype(values[0])>> {
  for (const auto value : values) {
    if (ToString(value) == name) return value;
  }
  return std::nullopt;
}

std::string_view TakeWord(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

}  // namespace

std::string_view ToString(Result result) {
  switch (result) {
    case Result::kSuccess:
      return "success";
    case Result::kCompatibleSuccess:
      return "success-compatible";
    case Result::kStartTlsNotSupported:
      return "starttls-not-supported";
    case Result::kCertificateHostMismatch:
      return "certificate-host-mismatch";
    case Result::kCertificateExpired:
      return "certificate-expired";
    case Result::kCertificateNotTrusted:
      return "certificate-not-trusted";
    case Result::kValidationFailure:
      return "validation-failure";
    case Result::kTlsaInvalid:
      return "tlsa-invalid";
    case Result::kDnssecInvalid:
      return "dnssec-invalid";
    case Result::kStsPolicyFetchError:
      return "sts-policy-fetch-error";
    case Result::kStsPolicyInvalid:
      return "sts-policy-invalid";
    case Result::kStsWebpkiInvalid:
      return "sts-webpki-invalid";
  }
  return "validation-failure";
}

std::string_view ToString(PolicyType type) {
  switch (type) {
    case PolicyType::kNone:
      return "no-policy-found";
    case PolicyType::kSts:
      return "sts";
    case PolicyType::kTlsa:
      return "tlsa";
  }
  return "no-policy-found";
}

std::int64_t ResultCounts::DayOf(base::WallTime time) { return time.seconds() / kDaySeconds; }

std::string ResultCounts::DateOf(std::int64_t day) {
  return base::FormatRfc3339(base::WallTime::FromSeconds(day * kDaySeconds)).substr(0, kDateSize);
}

void ResultCounts::Add(const Key& key, std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  changed_ = true;
  if (const auto known = counts_.find(key); known != counts_.end()) {
    known->second += count;
    return;
  }
  if (counts_.size() >= kKeysMax) FoldOldestDayBefore(key.day);
  std::size_t& of_day = keys_of_day_[key.day];
  const bool is_one_too_many = of_day >= kKeysOfDayMax || counts_.size() >= kKeysMax;
  const auto [place, is_new] =
      counts_.try_emplace(is_one_too_many ? Key{key.day, std::string(kOther), key.type, key.result} : key);
  place->second += count;
  of_day += is_new ? 1 : 0;
}

// Of the days before `day` that name domains, the oldest names none any more.
void ResultCounts::FoldOldestDayBefore(std::int64_t day) {
  const auto named =
      std::find_if(counts_.begin(), counts_.end(), [](const auto& counted) { return counted.first.domain != kOther; });
  if (named == counts_.end() || named->first.day >= day) return;
  const std::int64_t oldest = named->first.day;
  std::map<Key, std::uint64_t> sums;
  auto at = counts_.lower_bound({oldest, "", PolicyType::kNone, Result::kSuccess});
  while (at != counts_.end() && at->first.day == oldest) {
    sums[{oldest, std::string(kOther), at->first.type, at->first.result}] += at->second;
    at = counts_.erase(at);
  }
  keys_of_day_[oldest] = sums.size();
  counts_.merge(sums);
}

std::map<ResultCounts::Key, std::uint64_t> ResultCounts::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void ResultCounts::GiveBackChanged() {
  const std::lock_guard lock(mutex_);
  changed_ = true;
}

bool ResultCounts::TakeChanged() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changed_, false);
}

std::string ResultCounts::Write() const {
  std::string content(kHead);
  for (const auto& [key, count] : counts()) {
    absl::StrAppend(&content, DateOf(key.day), " ", key.domain, " ", base::AbslView(ToString(key.type)), " ",
                    base::AbslView(ToString(key.result)), " ", count, "\n");
  }
  return content;
}

void ResultCounts::Read(std::string_view content) {
  if (!content.starts_with(kHead)) return;
  content.remove_prefix(kHead.size());
  for (std::size_t end = content.find('\n'); end != std::string_view::npos; end = content.find('\n')) {
    std::string_view line = content.substr(0, end);
    content.remove_prefix(end + 1);
    const std::optional<base::WallTime> date = base::ParseRfc3339(std::string(TakeWord(line)) + "T00:00:00Z");
    const std::string_view domain = TakeWord(line);
    const auto type = Named(kTypes, TakeWord(line));
    const auto result = Named(kResults, TakeWord(line));
    const auto count = base::ParseInteger<std::uint64_t>(line);
    const bool is_whole =
        date.has_value() && !domain.empty() && type.has_value() && result.has_value() && count.has_value();
    if (is_whole) Add({DayOf(*date), std::string(domain), *type, *result}, *count);
  }
}

}  // namespace tls
