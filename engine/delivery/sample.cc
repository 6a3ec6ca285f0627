#include "engine/delivery/sample.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"

namespace delivery {

absl::StatusOr<SampleSize> ParseSampleSize(std::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" is no sample; write a number of recipients, as 1000, or a share, as 5%%", text));
  };
  SampleSize size;
  const bool is_share = !text.empty() && text.back() == '%';
  const std::string_view digits = is_share ? text.substr(0, text.size() - 1) : text;
  if (digits.empty() || digits.find_first_not_of("0123456789.") != std::string_view::npos) return wrong();
  const char* const end = digits.data() + digits.size();
  if (is_share) {
    double percent = 0;
    const auto parsed = std::from_chars(digits.data(), end, percent);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(percent > 0) || percent > 100) return wrong();
    size.share = percent / 100;
    return size;
  }
  std::uint64_t count = 0;
  const auto parsed = std::from_chars(digits.data(), end, count);
  if (parsed.ec != std::errc() || parsed.ptr != end || count == 0) return wrong();
  size.count = count;
  return size;
}

std::uint64_t SampleHash(ledger::RecipientId id) { return base::StableHashCombine(id, 0x5A); }

std::uint64_t SampleBound(const SampleSize& size, std::uint64_t recipients) {
  const std::uint64_t count = size.count.value_or(
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(size.share * static_cast<double>(recipients) + 0.5)));
  if (count >= recipients) return kWholeSample;
  constexpr int kShift = 48;
  std::vector<std::uint32_t> counts(std::size_t{1} << (64 - kShift));
  for (ledger::RecipientId id = 0; id < recipients; ++id) ++counts[SampleHash(id) >> kShift];
  std::uint64_t bin = 0, below = 0;  // Recipients whose hash begins with less than `bin`.
  while (below + counts[bin] <= count) below += counts[bin++];
  std::vector<std::uint64_t> hashes;  // Of those that begin with `bin`.
  for (ledger::RecipientId id = 0; id < recipients; ++id) {
    if (SampleHash(id) >> kShift == bin) hashes.push_back(SampleHash(id));
  }
  std::sort(hashes.begin(), hashes.end());
  return hashes[count - below];
}

}  // namespace delivery
