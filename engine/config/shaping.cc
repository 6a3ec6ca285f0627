#include "engine/config/shaping.h"

#include <algorithm>

#include "engine/config/fold_name.h"

namespace config {
namespace {

// Over all sources: a provider's own holds beside that of each site, which has the same name.
bool IsTotal(std::string_view key) { return key.starts_with("total_"); }
// Of all sites of a provider.
bool IsOfProvider(std::string_view key) { return key.starts_with("provider_") || IsTotal(key); }

std::string KeyOf(const std::string& key, const std::string& provider) { return key + " (provider " + provider + ")"; }

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

template <typename Predicate>
bool AnyOf(const std::vector<std::string>& list, Predicate predicate) {
  return std::any_of(list.begin(), list.end(), predicate);
}

// Each name once, folded.
std::vector<MailHost> SortedHosts(absl::Span<const MailHost> hosts) {
  std::vector<MailHost> sorted;
  sorted.reserve(hosts.size());
  for (const MailHost& host : hosts) sorted.emplace_back(FoldName(host.name), host.addresses);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  sorted.erase(std::unique(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.name == b.name; }),
               sorted.end());
  return sorted;
}

// Its addresses lie in the ranges: all that are of a family with ranges, and there is one.
bool IsWithin(const AddressSet& ranges, const MailHost& host) {
  bool any = false;
  for (const base::IpAddress& address : host.addresses) {
    if (!ranges.HasRangesOf(address.IsV6())) continue;
    if (!ranges.Contains(address)) return false;
    any = true;
  }
  return any;
}

}  // namespace

void Shaping::Apply(const std::vector<Block>& blocks, Merged& merged) const {
  for (const Block& block : blocks) {
    if (block.replaces_all) {
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

// The domain's suffix, or every host by a rule: a domain that mixes providers belongs to none of them. A host without
// an address says nothing where others are known by theirs.
bool Shaping::Matches(const Provider& provider, std::string_view domain, absl::Span<const MailHost> hosts) {
  if (AnyOf(provider.domain_suffixes, [domain](const std::string& suffix) { return EndsWith(domain, suffix); })) {
    return true;
  }
  bool any_by_address = false, any_without = false;
  for (const MailHost& host : hosts) {
    const std::string& name = host.name;
    if (AnyOf(provider.mx_suffixes, [&name](const std::string& suffix) { return EndsWith(name, suffix); }) ||
        AnyOf(provider.host_names, [&name](const std::string& one) { return name == one; })) {
      continue;
    }
    if (IsWithin(provider.mx_addresses, host)) {
      any_by_address = true;
    } else if (host.addresses.empty()) {
      any_without = true;
    } else {
      return false;
    }
  }
  return !hosts.empty() && (!any_without || any_by_address);
}

std::vector<const Shaping::Blocks*> Shaping::BlocksOfSite(std::string_view domain,
                                                          absl::Span<const MailHost> sorted_hosts) const {
  const auto is_named = [](const MailHost& host, const std::string& name) { return host.name == name; };
  std::vector<const Blocks*> found, own;
  for (const Domain& block : domains_) {
    if (!block.mx_rollup && block.name == domain) own.push_back(&block.blocks);
  }
  for (const Domain& block : domains_) {
    if (!block.mx_rollup) continue;
    const bool is_shared =
        !block.rollup_hosts.empty() && std::equal(sorted_hosts.begin(), sorted_hosts.end(), block.rollup_hosts.begin(),
                                                  block.rollup_hosts.end(), is_named);
    if (block.name == domain || is_shared) found.push_back(&block.blocks);
  }
  found.insert(found.end(), own.begin(), own.end());
  return found;
}

Shaping::Merged Shaping::MergeFor(std::string_view domain, absl::Span<const MailHost> hosts, std::string_view source,
                                  std::map<std::string, Setting>* told) const {
  const std::string name = FoldName(domain);
  const std::vector<MailHost> sorted = SortedHosts(hosts);
  Merged merged;
  merged.told = told;
  Apply(base_.blocks, merged);
  Apply(defaults_.blocks, merged);
  ApplySource(defaults_, source, merged);
  std::map<std::string, Setting> of_provider;
  if (told != nullptr) merged.told = &of_provider;
  for (const Provider& provider : providers_) {
    if (Matches(provider, name, sorted)) Apply(provider.blocks.blocks, merged);
  }
  for (const Provider& provider : providers_) {
    if (Matches(provider, name, sorted)) ApplySource(provider.blocks, source, merged);
  }
  merged.told = told;
  for (const auto& [key, setting] : of_provider)
    (*told)[IsTotal(key) ? KeyOf(key, ProviderFor(domain, hosts)) : key] = setting;
  const std::vector<const Blocks*> of_site = BlocksOfSite(name, sorted);
  for (const Blocks* blocks : of_site) Apply(blocks->blocks, merged);
  for (const Blocks* blocks : of_site) ApplySource(*blocks, source, merged);
  return merged;
}

Limits Shaping::For(std::string_view domain, absl::Span<const MailHost> hosts, std::string_view source,
                    absl::Span<const Change> overrides) const {
  Merged merged = MergeFor(domain, hosts, source, nullptr);
  for (const Change& change : overrides) change.apply(merged);
  return merged.limits;
}

std::vector<std::shared_ptr<const AutomationRule>> Shaping::AutomationFor(std::string_view domain,
                                                                          absl::Span<const MailHost> hosts) const {
  const std::string name = FoldName(domain);
  const std::vector<MailHost> sorted = SortedHosts(hosts);
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

std::vector<Shaping::Setting> Shaping::Explain(std::string_view domain, absl::Span<const MailHost> hosts,
                                               std::string_view source) const {
  std::map<std::string, Setting> told;
  MergeFor(domain, hosts, source, &told);
  const std::string name = FoldName(domain), own = ProviderFor(domain, hosts);
  const std::vector<MailHost> sorted = SortedHosts(hosts);
  for (const Provider& provider : providers_) {
    if (provider.name == own || !Matches(provider, name, sorted)) continue;
    std::map<std::string, Setting> of_provider;
    Merged merged;
    merged.told = &of_provider;
    Apply(provider.blocks.blocks, merged);
    ApplySource(provider.blocks, source, merged);
    for (const auto& [key, setting] : of_provider) {
      if (IsOfProvider(key)) told[KeyOf(key, provider.name)] = setting;
    }
  }
  std::vector<Setting> settings;
  for (const auto& [key, setting] : told) settings.push_back({key, setting.value, setting.place});
  return settings;
}

std::string Shaping::ProviderFor(std::string_view domain, absl::Span<const MailHost> hosts) const {
  const std::string name = FoldName(domain);
  const std::vector<MailHost> sorted = SortedHosts(hosts);
  std::string found;
  for (const Provider& provider : providers_) {
    if (Matches(provider, name, sorted)) found = provider.name;
  }
  return found;
}

std::vector<Shaping::OtherProvider> Shaping::OtherProvidersFor(std::string_view domain,
                                                               absl::Span<const MailHost> hosts,
                                                               std::string_view source) const {
  const std::string name = FoldName(domain);
  const std::vector<MailHost> sorted = SortedHosts(hosts);
  std::vector<OtherProvider> others;
  for (const Provider& provider : providers_) {
    if (!Matches(provider, name, sorted)) continue;
    Merged merged;
    Apply(provider.blocks.blocks, merged);
    ApplySource(provider.blocks, source, merged);
    others.push_back({provider.name, std::move(merged.limits)});
  }
  if (!others.empty()) others.pop_back();  // That is ProviderFor.
  return others;
}

bool Shaping::MatchesAddresses(bool v6) const {
  return std::any_of(providers_.begin(), providers_.end(),
                     [v6](const Provider& provider) { return provider.mx_addresses.HasRangesOf(v6); });
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

void Shaping::SetRollupHosts(std::string_view domain, absl::Span<const MailHost> hosts) {
  const std::string name = FoldName(domain);
  for (Domain& block : domains_) {
    if (block.name != name) continue;
    block.rollup_hosts.clear();
    for (const MailHost& host : SortedHosts(hosts)) block.rollup_hosts.push_back(host.name);
  }
}

void Shaping::TakeRollupHosts(const Shaping& from) {
  for (Domain& block : domains_) {
    const auto known = std::find_if(from.domains_.begin(), from.domains_.end(),
                                    [&block](const Domain& other) { return other.name == block.name; });
    if (block.mx_rollup && known != from.domains_.end()) block.rollup_hosts = known->rollup_hosts;
  }
}

bool Shaping::HasRollupHostsOf(const Shaping& from) const {
  return std::equal(
      domains_.begin(), domains_.end(), from.domains_.begin(), from.domains_.end(),
      [](const Domain& a, const Domain& b) { return a.name == b.name && a.rollup_hosts == b.rollup_hosts; });
}

bool Shaping::NamesDomain(std::string_view domain) const {
  const std::string name = FoldName(domain);
  return std::any_of(domains_.begin(), domains_.end(), [&name](const Domain& block) { return block.name == name; });
}

bool Shaping::SpeaksOf(std::string_view domain) const {
  const std::string name = FoldName(domain);
  const auto is_end_of_it = [&name](const std::string& suffix) { return EndsWith(name, suffix); };
  return NamesDomain(name) || std::any_of(providers_.begin(), providers_.end(), [&](const Provider& provider) {
           return AnyOf(provider.domain_suffixes, is_end_of_it);
         });
}

bool Shaping::HasOwnLimits(std::string_view domain) const {
  const std::string name = FoldName(domain);
  return std::any_of(domains_.begin(), domains_.end(),
                     [&name](const Domain& block) { return !block.mx_rollup && block.name == name; });
}

}  // namespace config
