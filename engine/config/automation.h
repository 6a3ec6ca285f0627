// Traffic shaping automation, as KumoMTA's shaping files have it: what a receiver's reply changes for a while. A rule
// belongs to a block: [["domain".automation]], [[provider."name".automation]] or [["default".automation]].
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/pattern.h"
#include "engine/base/time.h"
#include "engine/config/shaping.h"
#include "engine/config/toml_section.h"

namespace config {

struct AutomationAction {
  // Bounce, BounceTenant and BounceCampaign are read as the suspension of the same mail: nobody's mail is final for
  // what another recipient was told.
  enum class Kind : std::uint8_t {
    kSuspend,          // The (source, site).
    kSuspendTenant,    // The same, of a campaign that has a tenant (meta.tenant).
    kSuspendCampaign,  // The same.
    kSetConfig,        // Sets a key, as if it stood in the block of the site for this source.
    kSetDomainConfig,  // The same for the recipient's domain alone.
  };
  Kind kind = Kind::kSuspend;
  Shaping::Change change;  // kSetConfig, kSetDomainConfig.
  std::string text;        // "Suspend", "max_message_rate = \"1/min\"".
};

struct AutomationRule {
  struct Threshold {
    std::uint64_t count = 1;  // So many replies that fit…
    base::Duration period;    // …within the last so long.
  };
  static constexpr std::uint64_t kCountMax = 10'000;

  // Searched in a negative reply as one line, "550 5.7.1 text".
  bool Fits(std::string_view line) const;

  std::vector<base::Pattern> patterns;  // One of them is enough.
  std::vector<AutomationAction> actions;
  std::optional<Threshold> threshold;  // None: at once ("Immediate").
  base::Duration duration;             // Of what the actions do.
  std::string regex, trigger, span;    // As the file has them, for people.
  std::string place;                   // "PATH:LINE"
  std::string ActionText() const;      // "Suspend", "max_message_rate = \"1/min\", connection_limit = 1"
  // Two rules that say the same are the same one, wherever they stand.
  std::string Identity() const { return regex + '\n' + trigger + '\n' + span + '\n' + ActionText(); }
};

using AutomationRules = std::vector<std::shared_ptr<const AutomationRule>>;

// The rules of one block, from its key "automation".
class AutomationReader {
 public:
  struct Help {
    // Reads a key of a block. Nullopt: it has no effect, or is a problem, and that was said.
    std::function<std::optional<Shaping::Change>(const std::string& key, const toml::node& value)> read_key;
    std::function<void(const toml::node& where, const std::string& key, std::string_view what)> warn_once;
  };
  AutomationReader(std::string label, Problems& problems, Help help)
      : label_(std::move(label)), problems_(problems), help_(std::move(help)) {}
  AutomationRules Read(const toml::node& node);

 private:
  std::shared_ptr<const AutomationRule> ReadRule(const toml::table& table);
  void ReadPatterns(const toml::node& node, Section& section, AutomationRule& rule);
  void ReadPattern(const toml::node& node, Section& section, AutomationRule& rule);
  void ReadTrigger(const toml::node& node, Section& section, AutomationRule& rule);
  void ReadDuration(const toml::node& node, Section& section, AutomationRule& rule);
  void ReadActions(const toml::node& node, Section& section, AutomationRule& rule);
  void ReadAction(const toml::node& node, Section& section, AutomationRule& rule);
  bool ReadSetting(const toml::table& action, AutomationRule& rule);

  const std::string label_;  // Of the block, as it is written in the file.
  Problems& problems_;
  const Help help_;
};

}  // namespace config
