#include "engine/config/shaping.h"

#include <algorithm>

#include "engine/config/fold_name.h"

namespace config {
namespace {

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

template <typename Predicate>
bool AnyOf(const std::vector<std::string>& list, Predicate predicate) {
  return std::any_of(list.begin(), list.end(), predicate);
}

std::vector<std::string> SortedHosts(absl::Span<const std::string> hosts) {
  std::vector<std::string> sorted;
  sorted.reserve(hosts.size());
  for (const std::string& host : hosts) sorted.push_back(FoldName(host));
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

}  // namespace

void Shaping::Apply(const std::vector<Block>& blocks, Merged& merged) const {
  for (const Block& block : blocks) {
    if (block.replace_base) {
      std::map<std::string, Setting>* const told = merged.told;
      if (told != nullptr) told->clear();
      merged = Merged();
      merged.told = told;
      Apply(base_.blocks, merged);
    }
    for (const Change& change : block.changes) {
      change.apply(merged);
      if (merged.told != nullptr) (*merged.told)[change.setting.key] = change.setting;
    }
  }
}

void Shaping::ApplySource(const Blocks& blocks, std::string_view source, Merged& merged) const {
  const auto found = blocks.by_source.find(source);
  if (found != blocks.by_source.end()) Apply(found->second, merged);
}

// The domain's suffix, or every host by a rule: a domain that mixes providers belongs to none of them.
bool Shaping::Matches(const Provider& provider, std::string_view domain, absl::Span<const std::string> hosts) {
  if (AnyOf(provider.domain_suffixes, [domain](const std::string& suffix) { return EndsWith(domain, suffix); })) {
    return true;
  }
  return !hosts.empty() && std::all_of(hosts.begin(), hosts.end(), [&provider](const std::string& host) {
    return AnyOf(provider.mx_suffixes, [&host](const std::string& suffix) { return EndsWith(host, suffix); }) ||
           AnyOf(provider.host_names, [&host](const std::string& name) { return host == name; });
  });
}

std::vector<const Shaping::Blocks*> Shaping::BlocksOfSite(std::string_view domain,
                                                          absl::Span<const std::string> sorted_hosts) const {
  std::vector<const Blocks*> found, own;
  for (const Domain& block : domains_) {
    if (!block.mx_rollup && block.name == domain) own.push_back(&block.blocks);
  }
  for (const Domain& block : domains_) {
    if (!block.mx_rollup) continue;
    const bool is_shared = !block.rollup_hosts.empty() && block.rollup_hosts == sorted_hosts;
    if (block.name == domain || is_shared) found.push_back(&block.blocks);
  }
  found.insert(found.end(), own.begin(), own.end());
  return found;
}

Shaping::Merged Shaping::MergeFor(std::string_view domain, absl::Span<const std::string> hosts, std::string_view source,
                                  std::map<std::string, Setting>* told) const {
  const std::string name = FoldName(domain);
  const std::vector<std::string> sorted = SortedHosts(hosts);
  Merged merged;
  merged.told = told;
  Apply(base_.blocks, merged);
  Apply(defaults_.blocks, merged);
  ApplySource(defaults_, source, merged);
  for (const Provider& provider : providers_) {
    if (Matches(provider, name, sorted)) Apply(provider.blocks.blocks, merged);
  }
  for (const Provider& provider : providers_) {
    if (Matches(provider, name, sorted)) ApplySource(provider.blocks, source, merged);
  }
  const std::vector<const Blocks*> of_site = BlocksOfSite(name, sorted);
  for (const Blocks* blocks : of_site) Apply(blocks->blocks, merged);
  for (const Blocks* blocks : of_site) ApplySource(*blocks, source, merged);
  return merged;
}

Limits Shaping::For(std::string_view domain, absl::Span<const std::string> hosts, std::string_view source,
                    absl::Span<const Change> overrides) const {
  Merged merged = MergeFor(domain, hosts, source, nullptr);
  for (const Change& change : overrides) change.apply(merged);
  return merged.limits;
}

std::vector<std::shared_ptr<const AutomationRule>> Shaping::AutomationFor(std::string_view domain,
                                                                          absl::Span<const std::string> hosts) const {
  const std::string name = FoldName(domain);
  const std::vector<std::string> sorted = SortedHosts(hosts);
  std::vector<std::shared_ptr<const AutomationRule>> rules;
  const auto take = [&rules](const Blocks& of) {
    for (const Block& block : of.blocks) rules.insert(rules.end(), block.automation.begin(), block.automation.end());
  };
  take(defaults_);
  for (const Provider& provider : providers_) {
    if (Matches(provider, name, sorted)) take(provider.blocks);
  }
  for (const Blocks* blocks : BlocksOfSite(name, sorted)) take(*blocks);
  return rules;
}

std::vector<Shaping::Setting> Shaping::Explain(std::string_view domain, absl::Span<const std::string> hosts,
                                               std::string_view source) const {
  std::map<std::string, Setting> told;
  MergeFor(domain, hosts, source, &told);
  std::vector<Setting> settings;
  for (const auto& [key, setting] : told) settings.push_back(setting);
  return settings;
}

std::string Shaping::ProviderFor(std::string_view domain, absl::Span<const std::string> hosts) const {
  const std::string name = FoldName(domain);
  const std::vector<std::string> sorted = SortedHosts(hosts);
  std::string found;
  for (const Provider& provider : providers_) {
    if (Matches(provider, name, sorted)) found = provider.name;
  }
  return found;
}

std::vector<std::string> Shaping::ProviderNames() const {
  std::vector<std::string> names;
  for (const Provider& provider : providers_) names.push_back(provider.name);
  return names;
}

std::vector<std::string> Shaping::RollupDomains() const {
  std::vector<std::string> names;
  for (const Domain& block : domains_) {
    if (block.mx_rollup) names.push_back(block.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void Shaping::SetRollupHosts(std::string_view domain, absl::Span<const std::string> hosts) {
  const std::string name = FoldName(domain);
  for (Domain& block : domains_) {
    if (block.name == name) block.rollup_hosts = SortedHosts(hosts);
  }
}

bool Shaping::NamesDomain(std::string_view domain) const {
  const std::string name = FoldName(domain);
  return std::any_of(domains_.begin(), domains_.end(), [&name](const Domain& block) { return block.name == name; });
}

bool Shaping::HasOwnLimits(std::string_view domain) const {
  const std::string name = FoldName(domain);
  return std::any_of(domains_.begin(), domains_.end(),
                     [&name](const Domain& block) { return !block.mx_rollup && block.name == name; });
}

}  // namespace config
