// Shaping::Parse and Shaping::Load: from the text of shaping files to blocks of changes.
#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/config/automation.h"
#include "engine/config/builtin_shaping.h"
#include "engine/config/fold_name.h"
#include "engine/config/shaping.h"
#include "engine/config/shaping_keys.h"
#include "engine/config/shaping_values.h"
#include "engine/config/toml_section.h"

namespace config {
namespace {

constexpr std::uint64_t kInFlightMax = 100;                        // Messages on a connection; each is held in memory.
constexpr base::Duration kMemoryMin = base::Duration::Minutes(1);  // Less: every connection is a broken one first.
constexpr base::Duration kMemoryMax = base::Duration::Hours(24 * 30);
// How mail is encrypted, a reply that may come from anybody on the way does not change; the last one is about files.
constexpr std::string_view kNotByRules[] = {"enable_tls", "enable_mta_sts", "enable_dane", "remember_broken_tls",
                                            "replace_base"};

using Entries = std::vector<std::pair<std::string, const toml::node*>>;

// The entries of a table in the order of the file; toml++ keeps them by name.
Entries InOrder(const toml::table& table) {
  Entries entries;
  for (auto&& [key, node] : table) entries.emplace_back(std::string(key.str()), &node);
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.second->source().begin.line < b.second->source().begin.line;
  });
  return entries;
}

}  // namespace

class ShapingReader {
 public:
  explicit ShapingReader(std::vector<std::string>& warnings) : warnings_(warnings), shaping_(Shaping::Empty()) {
    ReadFile({"built-in", std::string(BuiltinShaping())});
    CHECK(errors_.empty());
    std::swap(shaping_.base_, shaping_.defaults_);
  }

  void ReadFile(const Shaping::File& file) {
    Problems problems(file.path);
    problems_ = &problems;
    if (const std::optional<toml::table> root = ParseToml(file.text, file.path, problems)) {
      for (const auto& [key, node] : InOrder(*root)) ReadTop(key, *node);
    }
    problems_ = nullptr;
    const std::string text = problems.ToString();
    if (!text.empty()) absl::StrAppend(&errors_, errors_.empty() ? "" : "\n", text);
  }

  absl::StatusOr<Shaping> Finish() {
    for (const Shaping::Provider& provider : shaping_.providers_) {
      const bool matches = !provider.mx_suffixes.empty() || !provider.host_names.empty() ||
                           !provider.domain_suffixes.empty() || !provider.mx_addresses.empty();
      if (matches) continue;
      warnings_.push_back(absl::StrCat(first_place_[provider.name], ": provider \"", provider.name,
                                       "\" has no match, so that nothing belongs to it"));
    }
    if (!errors_.empty()) return absl::InvalidArgumentError(errors_);
    return std::move(shaping_);
  }

 private:
  enum class Kind { kDefault, kProvider, kDomain, kSource, kRule, kProviderRule };  // The last two: of automation.

  void ReadTop(const std::string& key, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      problems_->Add(node, absl::StrCat("\"", key,
                                        "\" is not a block; write [\"default\"], [provider.\"NAME\"] or "
                                        "[\"DOMAIN\"]"));
      return;
    }
    if (key == "default") {
      ReadBlocks(*table, Kind::kDefault, "default", shaping_.defaults_);
      return;
    }
    if (key != "provider") {
      Shaping::Domain& domain = FindOrAdd(shaping_.domains_, FoldName(key));
      ReadBlocks(*table, Kind::kDomain, key, domain.blocks);
      if (const auto* rollup = table->get("mx_rollup")) domain.mx_rollup = rollup->value_or(true);
      return;
    }
    for (const auto& [name, entry] : InOrder(*table)) {
      const toml::table* provider_table = entry->as_table();
      if (provider_table == nullptr) {
        problems_->Add(*entry, absl::StrCat("provider.", name, " is not a block; write [provider.\"NAME\"]"));
        continue;
      }
      Shaping::Provider& provider = FindOrAdd(shaping_.providers_, name);
      first_place_.emplace(name, problems_->Place(*entry));
      ReadBlocks(*provider_table, Kind::kProvider, absl::StrCat("provider.", name), provider.blocks);
      if (ReplacesBase(*provider_table)) ClearMatch(provider);
      if (const toml::node* match = provider_table->get("match")) ReadMatch(*match, name, provider);
    }
  }

  static bool ReplacesBase(const toml::table& table) {
    const toml::node* const node = table.get("replace_base");
    return node != nullptr && node->value_or(false);
  }

  template <typename Named>
  static Named& FindOrAdd(std::vector<Named>& list, const std::string& name) {
    for (Named& known : list) {
      if (known.name == name) return known;
    }
    list.emplace_back().name = name;
    return list.back();
  }

  void ReadBlocks(const toml::table& table, Kind kind, const std::string& label, Shaping::Blocks& blocks) {
    Shaping::Block block = ReadBlock(InOrder(table), kind, label);
    if (ReplacesBase(table)) {
      const bool is_first = blocks.blocks.empty() || blocks.blocks.front().replaces_all;
      block.replaces_all = kind == Kind::kDomain && is_first;
      blocks = Shaping::Blocks();
    }
    blocks.blocks.push_back(std::move(block));
    const toml::node* sources = table.get("sources");
    if (sources == nullptr) return;
    if (!sources->is_table()) {
      problems_->Add(*sources,
                     absl::StrCat(label, ".sources is not a table; write [\"", label, "\".sources.\"NAME\"]"));
      return;
    }
    for (const auto& [name, node] : InOrder(*sources->as_table())) {
      const std::string source_label = absl::StrCat(label, ".sources.", name);
      if (const toml::table* entry = node->as_table()) {
        blocks.by_source[name].push_back(ReadBlock(InOrder(*entry), Kind::kSource, source_label));
      } else {
        problems_->Add(*node, absl::StrCat(source_label, " is not a block"));
      }
    }
  }

  Shaping::Block ReadBlock(const Entries& entries, Kind kind, const std::string& label) {
    Shaping::Block block;
    const bool has_parts = kind == Kind::kDefault || kind == Kind::kProvider || kind == Kind::kDomain;
    for (const auto& [key, node] : entries) {
      if (const auto field = FindLimitField(key)) {
        std::visit([&, name = &key, value = node](auto member) { ReadField(*value, label, *name, member, block); },
                   *field);
        if (key == "ip_lookup_strategy" && TextOf(*node).find("Then") != std::string_view::npos)
          WarnOnce(*node, key,
                   "puts no family before the other in this version: addresses are tried as the DNS has them");
      } else if (key == "total_connection_limit" || key == "total_message_rate") {
        ReadTotal(*node, kind, label, key, block);
      } else if (key == "max_in_flight") {
        const auto count = Check(ReadCount(*node, kInFlightMax), *node, label, key);
        if (count.has_value())
          Add(block, key, *node, [count = *count](Shaping::Merged& merged) { merged.limits.max_in_flight = count; });
      } else if (key == "remember_broken_tls") {
        const auto time = Check(ReadTime(*node, kMemoryMin, kMemoryMax, "from 1 minute to 30 days"), *node, label, key);
        if (time.has_value()) {
          Add(block, key, *node, [time = *time](Shaping::Merged& merged) { merged.limits.remember_broken_tls = time; });
        }
      } else if (key == "replace_base" && (has_parts || kind == Kind::kRule || kind == Kind::kProviderRule)) {
        Check(ReadBool(*node), *node, label, key);  // Used by the caller.
      } else if (key == "mx_rollup" && kind == Kind::kDomain) {
        Check(ReadBool(*node), *node, label, key);
      } else if ((key == "match" && kind == Kind::kProvider) || (key == "sources" && has_parts)) {
        continue;  // Read by the caller.
      } else if (key == "automation" && has_parts) {
        block.automation = ReadAutomation(*node, kind, label);
      } else if (IsKumoKey(key)) {
        WarnOnce(*node, key, "is known to KumoMTA, and without effect in this version");
      } else {
        Unknown(*node, label, key);
      }
    }
    return block;
  }

  AutomationRules ReadAutomation(const toml::node& node, Kind of_block, const std::string& label) {
    const Kind kind = of_block == Kind::kProvider ? Kind::kProviderRule : Kind::kRule;
    AutomationReader::Help help;
    help.read_key = [this, kind, &label](const std::string& key,
                                         const toml::node& value) -> std::optional<Shaping::Change> {
      Shaping::Block block = ReadBlock({{key, &value}}, kind, label + ".automation");
      if (std::find(std::begin(kNotByRules), std::end(kNotByRules), key) != std::end(kNotByRules)) {
        WarnOnce(value, "a rule's " + key, "is without effect: nothing that a receiver says changes it");
        return std::nullopt;
      }
      if (block.changes.empty()) return std::nullopt;
      if (key.starts_with("provider_") || key.starts_with("total_")) shaping_.rules_set_shared_limits_ = true;
      return std::move(block.changes.front());
    };
    help.warn_once = [this](const toml::node& where, const std::string& key, std::string_view what) {
      WarnOnce(where, key, what);
    };
    return AutomationReader(label, *problems_, std::move(help)).Read(node);
  }

  void Add(Shaping::Block& block, const std::string& key, const toml::node& node,
           std::function<void(Shaping::Merged&)> apply) {
    std::ostringstream value;
    if (node.is_string()) {
      value << '"' << TextOf(node) << '"';
    } else {
      node.visit([&value](const auto& concrete) { value << concrete; });
    }
    block.changes.push_back({{key, value.str(), problems_->Place(node)}, std::move(apply)});
  }

  template <typename Value>
  void ReadField(const toml::node& node, const std::string& label, const std::string& key, Value Limits::*member,
                 Shaping::Block& block) {
    const auto value = Check(ReadValue(node, static_cast<Value*>(nullptr)), node, label, key);
    if (!value.has_value()) return;
    Add(block, key, node, [member, value = *value](Shaping::Merged& merged) { merged.limits.*member = value; });
  }

  // Over all sources: of the provider where it stands in the provider's block, else of each site.
  void ReadTotal(const toml::node& node, Kind kind, const std::string& label, const std::string& key,
                 Shaping::Block& block) {
    if (kind == Kind::kSource) {
      problems_->Add(node,
                     absl::StrCat("[", label, "] ", key, " holds over all sources; write it outside of .sources"));
      return;
    }
    shaping_.has_totals_ = true;
    const bool provider = kind == Kind::kProvider || kind == Kind::kProviderRule;
    if (key == "total_connection_limit") {
      ReadField(node, label, key, provider ? &Limits::provider_total_connection_limit : &Limits::total_connection_limit,
                block);
    } else {
      ReadField(node, label, key, provider ? &Limits::provider_total_message_rate : &Limits::total_message_rate, block);
    }
  }

  static void ClearMatch(Shaping::Provider& provider) {
    for (auto* const list : {&provider.mx_suffixes, &provider.host_names, &provider.domain_suffixes}) list->clear();
    provider.mx_addresses = AddressSet();
  }

  void ReadMatch(const toml::node& match, const std::string& name, Shaping::Provider& provider) {
    const auto wrong = [&](const toml::node& where) {
      problems_->Add(where, absl::StrCat("provider.", name,
                                         ".match is not understood; write a list of "
                                         "{MXSuffix=\"…\"}, {DomainSuffix=\"…\"}, {HostName=\"…\"} and "
                                         "{MXAddress=\"192.0.2.0/24\"}"));
    };
    const toml::array* list = match.as_array();
    if (list == nullptr) return wrong(match);
    for (const toml::node& element : *list) {
      const toml::table* rule = element.as_table();
      if (rule == nullptr || rule->size() != 1) {
        wrong(element);
        continue;
      }
      for (auto&& [kind, node] : *rule) {
        if (kind.str() == "MXAddress") {
          if (!provider.mx_addresses.Add(TextOf(node))) wrong(element);
          continue;
        }
        const std::string value = FoldName(TextOf(node));
        std::vector<std::string>* values = nullptr;
        if (kind.str() == "MXSuffix") values = &provider.mx_suffixes;
        if (kind.str() == "DomainSuffix") values = &provider.domain_suffixes;
        if (kind.str() == "HostName") values = &provider.host_names;
        if (values == nullptr || value.empty()) {
          wrong(element);
        } else {
          values->push_back(value);
        }
      }
    }
  }

  // The value, or nothing and a problem.
  template <typename Value>
  std::optional<Value> Check(absl::StatusOr<Value> value, const toml::node& node, const std::string& label,
                             const std::string& key) {
    if (value.ok()) return *std::move(value);
    problems_->Add(node, absl::StrCat("[", label, "] ", key, " ", std::string(value.status().message())));
    return std::nullopt;
  }

  void WarnOnce(const toml::node& node, const std::string& key, std::string_view what) {
    if (std::find(warned_.begin(), warned_.end(), key) != warned_.end()) return;
    warned_.push_back(key);
    warnings_.push_back(absl::StrCat(problems_->Place(node), ": ", key, " ", base::AbslView(what)));
  }

  void Unknown(const toml::node& node, const std::string& label, const std::string& key) {
    const std::string_view nearest = base::Nearest(key, AllShapingKeys());
    const std::string advice =
        nearest.empty() || nearest == key ? "remove it" : absl::StrCat("did you mean ", base::AbslView(nearest), "?");
    problems_->Add(node, absl::StrCat("[", label, "] unknown key ", key, "; ", advice));
  }

  std::vector<std::string>& warnings_;
  Shaping shaping_;
  Problems* problems_ = nullptr;  // Of the file that is read now.
  std::string errors_;
  std::vector<std::string> warned_;
  std::map<std::string, std::string> first_place_;  // Of each provider.
};

Shaping::Shaping() {
  std::vector<std::string> warnings;
  *this = *Parse({}, warnings);
}

absl::StatusOr<Shaping> Shaping::Parse(absl::Span<const File> files, std::vector<std::string>& warnings) {
  ShapingReader reader(warnings);
  for (const File& file : files) reader.ReadFile(file);
  return reader.Finish();
}

absl::StatusOr<Shaping> Shaping::Load(absl::Span<const std::string> paths, std::vector<std::string>& warnings) {
  std::vector<File> files;
  std::string errors;
  for (const std::string& path : paths) {
    File& file = files.emplace_back();
    file.path = path;
    const absl::Status read = ReadFile(path, file.text);
    if (!read.ok()) absl::StrAppend(&errors, errors.empty() ? "" : "\n", std::string(read.message()));
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return Parse(files, warnings);
}

}  // namespace config
