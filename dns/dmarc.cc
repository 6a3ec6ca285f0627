#include "dns/dmarc.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace dns {
namespace {

using Psd = DmarcRecord::Psd;

constexpr std::string_view kLabel = "_dmarc.";

std::size_t Labels(std::string_view domain) {
  return domain.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(domain.begin(), domain.end(), '.'));
}

std::string_view Parent(std::string_view domain) {
  const std::size_t dot = domain.find('.');
  return dot == std::string_view::npos ? std::string_view() : domain.substr(dot + 1);
}

// Where the walk goes next (section 4.10): up by one label; from a long name, to its last seven at once.
std::string_view Next(std::string_view domain) {
  domain = Parent(domain);
  while (Labels(domain) >= kDmarcQueriesMax) domain = Parent(domain);
  return domain;
}

// The name one label below `suffix` on the way to `domain`.
std::string_view OneBelow(std::string_view domain, std::string_view suffix) {
  while (Labels(domain) > Labels(suffix) + 1) domain = Parent(domain);
  return domain;
}

std::string OrganizationOf(const std::vector<DmarcWalk::Step>& records, std::string_view domain) {
  for (const DmarcWalk::Step& step : records) {
    if (step.record.psd == Psd::kNo) return step.domain;
    if (step.record.psd == Psd::kYes && step.domain != domain) return std::string(OneBelow(domain, step.domain));
  }
  return records.empty() ? std::string(domain) : records.back().domain;  // The one with the fewest labels.
}

}  // namespace

std::vector<std::string> DmarcNames(std::string_view domain) {
  std::vector<std::string> names;
  for (; !domain.empty(); domain = Next(domain)) names.push_back(std::string(kLabel) + std::string(domain));
  return names;
}

DmarcWalk WalkDmarc(Lookup& lookup, std::string_view domain) {
  DmarcWalk walk;
  for (const std::string& name : DmarcNames(domain)) {
    const std::string_view at = std::string_view(name).substr(kLabel.size());
    const Answer answer = lookup.Ask(name, RecordType::kTxt);
    if (IsTemporary(answer)) {
      walk.temporary = true;
      walk.detail = absl::StrCat("no answer about ", name, ": ", answer.detail);
      return walk;
    }
    std::vector<DmarcWalk::Step> found;
    for (const Record& text : answer.records) {
      if (std::optional<DmarcRecord> record = ParseDmarc(text.text))
        found.push_back({std::string(at), text.text, *std::move(record)});
    }
    if (found.size() > 1) {
      DmarcWalk::Several& several = walk.several.emplace_back();
      several.domain = std::string(at);
      for (DmarcWalk::Step& step : found) several.texts.push_back(std::move(step.text));
    }
    if (found.size() != 1) continue;
    const bool ends = found.front().record.psd != Psd::kUnknown;
    walk.records.push_back(std::move(found.front()));
    if (ends) break;
  }
  walk.organization = OrganizationOf(walk.records, domain);
  return walk;
}

const DmarcWalk::Step* PolicyFor(const DmarcWalk& walk, std::string_view domain) {
  const auto of = [&walk](const auto& holds) -> const DmarcWalk::Step* {
    const auto found = std::find_if(walk.records.begin(), walk.records.end(), holds);
    return found == walk.records.end() ? nullptr : &*found;
  };
  if (const auto* own = of([domain](const DmarcWalk::Step& step) { return step.domain == domain; })) return own;
  if (const auto* org = of([&walk](const DmarcWalk::Step& step) { return step.domain == walk.organization; }))
    return org;
  return of([](const DmarcWalk::Step& step) { return step.record.psd == Psd::kYes; });
}

std::optional<bool> IsAligned(Lookup& lookup, std::string_view from_domain, std::string_view domain, bool strict) {
  if (from_domain == domain) return true;
  if (strict) return false;
  const DmarcWalk from = WalkDmarc(lookup, from_domain);
  const DmarcWalk other = WalkDmarc(lookup, domain);
  if (from.temporary || other.temporary) return std::nullopt;
  return from.organization == other.organization;
}

}  // namespace dns
