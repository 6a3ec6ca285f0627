#include "engine/delivery/kept_sources.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/delivery/recipient_queue.h"

namespace delivery {
namespace {

constexpr std::string_view kFirstLine = "sluice-sources 1";

}  // namespace

// A line for each source: WEIGHT NAME.
std::string KeptSources::Text() const {
  std::string text = absl::StrCat(base::AbslView(kFirstLine), "\n");
  for (const Member& member : members_) absl::StrAppend(&text, member.weight, "\t", absl::CEscape(member.name), "\n");
  return text;
}

absl::StatusOr<KeptSources> KeptSources::Parse(std::string_view text) {
  KeptSources kept;
  if (text.empty()) return kept;
  const std::vector<std::string> lines = absl::StrSplit(base::AbslView(text), '\n');
  if (lines.size() < 3 || lines.front() != kFirstLine || !lines.back().empty())
    return absl::DataLossError("it does not begin or end as it should");
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::vector<std::string> words = absl::StrSplit(lines[i], '\t');
    Member member;
    if (words.size() != 2 || !absl::SimpleAtoi(words[0], &member.weight) || !absl::CUnescape(words[1], &member.name))
      return absl::DataLossError(absl::StrCat("it has the line \"", lines[i], "\""));
    const bool is_of_first = member.weight > 0 && kept.first_.size() + 1 == i;
    if (member.weight > 0 && !is_of_first) return absl::DataLossError("the sources of its first pool are not together");
    if (is_of_first) kept.first_.push_back(member.weight);
    kept.members_.push_back(std::move(member));
  }
  if (kept.first_.empty()) return absl::DataLossError("it has no first pool");
  return kept;
}

void KeptSources::Use(const std::vector<Source>& pool) {
  CHECK(!pool.empty());
  const bool is_first = first_.empty();
  pool_.clear();
  numbers_.clear();
  for (Member& member : members_) member.place.reset();
  for (const Source& source : pool) {
    auto known = std::find_if(members_.begin(), members_.end(),
                              [&source](const Member& member) { return member.name == source.name; });
    if (known == members_.end()) {
      members_.push_back({source.name, is_first ? source.weight : 0});
      known = members_.end() - 1;
      if (is_first) first_.push_back(source.weight);
    }
    const auto place = static_cast<std::uint16_t>(std::min<std::size_t>(pool_.size(), UINT16_MAX));
    if (!known->place.has_value()) known->place = place;
    numbers_.push_back(static_cast<std::uint16_t>(std::min<std::ptrdiff_t>(known - members_.begin() + 1, UINT16_MAX)));
    pool_.push_back(source.weight);
  }
}

bool KeptSources::IsSame() const {
  if (pool_ != first_ || members_.size() != pool_.size()) return false;
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    if (numbers_[i] != i + 1) return false;
  }
  return true;
}

std::uint16_t KeptSources::InRun(ledger::RecipientId id, const ledger::RecipientEntry& entry) const {
  if (entry.first_attempt_s == 0) return 0;
  const std::size_t number = entry.via != 0 ? entry.via : OwnSource(id, first_) + 1;
  if (number > members_.size()) return 0;
  const std::optional<std::uint16_t> place = members_[number - 1].place;
  if (!place.has_value() || *place == OwnSource(id, pool_)) return 0;
  return static_cast<std::uint16_t>(*place + 1);
}

std::uint16_t KeptSources::InLedger(ledger::RecipientId id, std::uint16_t via) const {
  const std::uint16_t number = numbers_.at(via != 0 ? via - 1u : OwnSource(id, pool_));
  return number == OwnSource(id, first_) + 1 ? std::uint16_t{0} : number;
}

}  // namespace delivery
