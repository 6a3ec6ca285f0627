#include "engine/delivery/pause.h"

#include <algorithm>

namespace delivery {
namespace {

constexpr std::string_view kProvider = "provider:";
constexpr std::string_view kSource = "source:";

}  // namespace

std::string PauseScope::ToString() const {
  if (IsCampaign()) return "campaign";
  const std::string of_provider = provider.empty() ? "" : std::string(kProvider) + provider;
  const std::string of_source = source.empty() ? "" : std::string(kSource) + source;
  return of_source + (of_source.empty() || of_provider.empty() ? "" : " ") + of_provider;
}

PauseScope PauseScope::Parse(std::string_view text) {
  PauseScope scope;
  if (text.starts_with(kSource)) {  // A source's name has no space.
    text.remove_prefix(kSource.size());
    const std::string_view source = text.substr(0, text.find(' '));
    scope.source = std::string(source);
    text.remove_prefix(source.size() + (source.size() < text.size() ? 1 : 0));
  }
  if (text.starts_with(kProvider)) scope.provider = std::string(text.substr(kProvider.size()));
  return scope;
}

void LimitedSites::Add(const LimitedSites& other) {
  since = sites == 0 ? other.since : std::min(since, other.since);
  sites += other.sites;
  if (other.until.has_value()) until = std::max(until.value_or(*other.until), *other.until);
  if (sample.empty()) sample = other.sample;
}

}  // namespace delivery
