// Shaping files: what a receiving site may be asked to take, per (source, site). The format is KumoMTA's (traffic
// shaping); the blocks ["default"], [provider."name"] and ["domain"], each with .sources."name", are merged by
// its rules. Pure, but for Load.
//
// Settings of KumoMTA's that have no effect here are known by name; reading them gives a warning.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/rate.h"
#include "engine/config/address_set.h"
#include "engine/config/limits.h"
#include "engine/config/mail_host.h"

namespace config {

struct AutomationRule;  // automation.h

class Shaping {
  struct Merged;

 public:
  // A key of a block.
  struct Setting {
    std::string key;
    std::string value;  // As it is written there.
    std::string place;  // "PATH:LINE"; "built-in:LINE": of BuiltinShaping.
  };
  // What a setting does to the limits that are merged.
  struct Change {
    Setting setting;
    std::function<void(Merged&)> apply;
  };
  struct File {
    std::string path;
    std::string text;
  };

  // What is built in, and nothing else.
  Shaping();
  // Reads what is built in, then the files in order; later ones win. `warnings` gets one line for each key that has no
  // effect ("PATH:LINE: …", the first place where it is used). Errors (kInvalidArgument): all that were found, one per
  // line, "PATH:LINE: what is wrong; what would be right".
  static absl::StatusOr<Shaping> Parse(absl::Span<const File> files, std::vector<std::string>& warnings);
  static absl::StatusOr<Shaping> Load(absl::Span<const std::string> paths, std::vector<std::string>& warnings);

  // What holds for mail to `domain`, whose mail exchangers are `hosts`, from `source`: the built-in defaults, then
  // default, matching providers, the same for the source, blocks of the site, blocks of the domain (mx_rollup = false),
  // the same for the source; in each step in the order of the files. `overrides` go last. To be asked once per site,
  // not per message.
  Limits For(std::string_view domain, absl::Span<const MailHost> hosts, std::string_view source,
             absl::Span<const Change> overrides = {}) const;

  // The automation rules that hold there: those of default, of matching providers, of the site's blocks, and of the
  // domain's own; in each step in the order of the files.
  std::vector<std::shared_ptr<const AutomationRule>> AutomationFor(std::string_view domain,
                                                                   absl::Span<const MailHost> hosts) const;

  // Where each comes from: what is in effect, by key. "KEY (provider NAME)": of all that provider's sites, beside KEY.
  std::vector<Setting> Explain(std::string_view domain, absl::Span<const MailHost> hosts,
                               std::string_view source) const;

  // An automation rule may set a limit that sites share (provider_*, total_*): it then holds for all of them.
  bool RulesSetSharedLimits() const { return rules_set_shared_limits_; }
  // Some limit holds over all sources (total_*), or an automation rule may set one.
  bool HasTotals() const { return has_totals_; }

  // The provider that the hosts, all of them, or the domain belong to; where several match, the last one. "": none.
  std::string ProviderFor(std::string_view domain, absl::Span<const MailHost> hosts) const;

  // Some provider is known by addresses of this family: those of the hosts are to be looked up.
  bool MatchesAddresses(bool v6) const;

  // The others that match, and what their own blocks say.
  struct OtherProvider {
    std::string name;
    Limits limits;
  };
  std::vector<OtherProvider> OtherProvidersFor(std::string_view domain, absl::Span<const MailHost> hosts,
                                               std::string_view source) const;

  // All that ProviderFor may say, each once or more.
  std::vector<std::string> ProviderNames() const;

  // A block ["domain"] holds for every domain with the same mail exchangers. Which these are, somebody has to look up:
  // RollupDomains() are the names, SetRollupHosts() takes the answer. Until then, and where the look-up fails, the
  // block holds for its name alone.
  std::vector<std::string> RollupDomains() const;  // In the order of their names.
  void SetRollupHosts(std::string_view domain, absl::Span<const MailHost> hosts);
  void TakeRollupHosts(const Shaping& from);         // What is known there of the blocks that are here, too.
  bool HasRollupHostsOf(const Shaping& from) const;  // The same files with the same answers.
  bool NamesDomain(std::string_view domain) const;   // The domain has a block.
  // Something is said of the domain by its name, or by the end of its name; else what holds for it depends on its mail
  // exchangers alone.
  bool SpeaksOf(std::string_view domain) const;
  // The domain has a block with mx_rollup = false: its limits are not those of the others at the same hosts.
  bool HasOwnLimits(std::string_view domain) const;

 private:
  friend class ShapingReader;  // shaping_reader.cc

  struct Merged {
    Limits limits;
    std::map<std::string, Setting>* told = nullptr;  // Null: nobody asks.
  };
  struct Block {
    std::vector<Change> changes;  // One for each key.
    std::vector<std::shared_ptr<const AutomationRule>> automation;
    bool replaces_all = false;  // Of what was merged before, only the built-in defaults stay.
  };
  struct Blocks {  // One name's, in the order of the files.
    std::vector<Block> blocks;
    std::map<std::string, std::vector<Block>, std::less<>> by_source;
  };
  struct Provider {
    std::string name;
    Blocks blocks;
    std::vector<std::string> mx_suffixes, host_names, domain_suffixes;  // Lower case, without a final dot.
    AddressSet mx_addresses;
  };
  struct Domain {
    std::string name;  // Lower case, without a final dot.
    Blocks blocks;
    bool mx_rollup = true;
    std::vector<std::string> rollup_hosts;  // Sorted; empty: not looked up.
  };

  struct Empty {};
  explicit Shaping(Empty) {}
  Merged MergeFor(std::string_view domain, absl::Span<const MailHost> hosts, std::string_view source,
                  std::map<std::string, Setting>* told) const;
  void Apply(const std::vector<Block>& blocks, Merged& merged) const;
  void ApplySource(const Blocks& blocks, std::string_view source, Merged& merged) const;
  static bool Matches(const Provider& provider, std::string_view domain, absl::Span<const MailHost> hosts);
  // The blocks of domains that hold at a site: of the site, then of the domain alone.
  std::vector<const Blocks*> BlocksOfSite(std::string_view domain, absl::Span<const MailHost> sorted_hosts) const;

  Blocks base_;  // The built-in defaults; the values are those of Limits.
  Blocks defaults_;
  std::vector<Provider> providers_;  // In the order of their first appearance.
  std::vector<Domain> domains_;      // In the order of their first appearance.
  bool rules_set_shared_limits_ = false, has_totals_ = false;
};

}  // namespace config
