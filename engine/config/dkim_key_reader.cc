#include "engine/config/dkim_key_reader.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/duration_text.h"
#include "engine/base/text.h"

namespace config {
namespace {

constexpr base::Duration kShortestExpiry = base::Duration::Hours(24);  // Retries of receivers must still verify.
constexpr base::Duration kLongestExpiry = base::Duration::Hours(24 * 365);

// Labels of letters, digits, inner hyphens and, as many use in selectors, underscores.
bool IsLabels(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::string_view label;
  for (std::size_t from = 0; from <= name.size(); from += label.size() + 1) {
    label = name.substr(from, name.find('.', from) - from);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }))
      return false;
  }
  return true;
}

// "[LOCAL-PART]@DOMAIN", where the local part needs no encoding (RFC 6376 section 3.5) and the domain is d= or under
// it.
bool IsIdentity(std::string_view text, std::string_view domain) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at <= 64 && IsAtOrUnder(text.substr(at + 1), domain) &&
         IsLabels(text.substr(at + 1)) &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_' || c == '+';
         });
}

class DkimReader {
 public:
  DkimReader(std::string_view folder, Problems& problems) : folder_(folder), problems_(problems) {}

  void ReadDomain(std::string_view name, const toml::node& node) {
    const std::string label = absl::StrCat("dkim.\"", base::AbslView(name), "\"");
    const std::string domain = base::LowerAscii(name);
    if (!IsLabels(domain) || domain.find('.') == std::string::npos) {
      problems_.Add(node, absl::StrCat(label, " is not a domain; write [[dkim.\"example.com\"]], in A-labels"));
      return;
    }
    const toml::array* array = node.as_array();
    if (const toml::table* table = node.as_table()) {
      ReadKey(domain, label, *table);
    } else if (array != nullptr && array->is_homogeneous<toml::table>()) {
      for (const toml::node& entry : *array) ReadKey(domain, label, *entry.as_table());
    } else {
      problems_.Add(node, absl::StrCat(label, " is not a key; write [[", label, "]] with selector and key_file"));
    }
  }

  std::vector<DkimKey> Take() { return std::move(keys_); }

 private:
  void ReadKey(const std::string& domain, const std::string& label, const toml::table& table) {
    Section section(table, label, problems_);
    DkimKey key;
    key.domain = domain;
    key.place = problems_.Place(table);
    key.selector = base::LowerAscii(section.Text("selector").value_or(""));
    if (table.get("selector") == nullptr) {
      problems_.Add(table,
                    absl::StrCat(label, " has no selector; name the one under which the DNS has its public key"));
    } else if (!IsLabels(key.selector)) {
      section.Wrong(*table.get("selector"), "selector", "is not one; write letters and digits, as \"s1\"");
    }
    if (const auto file = section.Text("key_file")) key.key_file = (std::filesystem::path(folder_) / *file).string();
    if (table.get("key_file") == nullptr) {
      problems_.Add(table, absl::StrCat(label, " has no key_file; sluice keygen makes one"));
    }
    for (const std::string& name : section.Texts("sign_for").value_or(std::vector<std::string>())) {
      key.sign_for.push_back(base::LowerAscii(name));
      if (name == "*" || IsLabels(key.sign_for.back())) continue;
      section.Wrong(*table.get("sign_for"), "sign_for",
                    absl::StrCat("has \"", name, "\"; write domains, or \"*\" for all"));
    }
    if (const auto text = section.Text("canonicalization"))
      ReadCanonicalization(section, *table.get("canonicalization"), *text, key);
    if (const auto text = section.Text("expire")) ReadExpiry(section, *table.get("expire"), *text, key);
    if (const auto text = section.Text("identity")) {
      key.identity = *text;
      if (!IsIdentity(key.identity, domain)) {
        section.Wrong(*table.get("identity"), "identity",
                      absl::StrCat("is \"", *text, "\"; it must be [LOCAL-PART]@", domain, " or a subdomain of it"));
      }
    }
    key.allow_weak = section.Bool("allow_weak").value_or(false);
    section.Finish();
    for (const DkimKey& other : keys_) {
      if (other.domain != key.domain || other.selector != key.selector || table.get("selector") == nullptr) continue;
      section.Wrong(*table.get("selector"), "selector", "is used by another key of this domain; each has its own");
    }
    keys_.push_back(std::move(key));
  }

  void ReadCanonicalization(Section& section, const toml::node& where, std::string_view text, DkimKey& key) {
    const std::size_t slash = text.find('/');
    const std::string_view header = text.substr(0, slash);
    // Without a slash the body is simple (RFC 6376 section 3.5).
    const std::string_view body = slash == std::string_view::npos ? "simple" : text.substr(slash + 1);
    for (std::string_view part : {header, body}) {
      if (part == "simple" || part == "relaxed") continue;
      section.Wrong(
          where, "canonicalization",
          absl::StrCat(
              "is \"", base::AbslView(text),
              "\"; it must be \"relaxed/relaxed\", \"relaxed/simple\", \"simple/relaxed\" or \"simple/simple\""));
      return;
    }
    key.simple_header = header == "simple";
    key.simple_body = body == "simple";
  }

  void ReadExpiry(Section& section, const toml::node& where, std::string_view text, DkimKey& key) {
    const absl::StatusOr<base::Duration> time = base::ParseDuration(text);
    if (!time.ok() || *time < kShortestExpiry || *time > kLongestExpiry) {
      section.Wrong(where, "expire",
                    absl::StrCat("is \"", base::AbslView(text), "\"; it must be a duration from 1 day to 365 days"));
      return;
    }
    key.expire = *time;
  }

  const std::string folder_;
  Problems& problems_;
  std::vector<DkimKey> keys_;
};

}  // namespace

std::vector<DkimKey> ReadDkimKeys(const toml::table& table, std::string_view folder, Problems& problems) {
  DkimReader reader(folder, problems);
  for (auto&& [key, node] : table) reader.ReadDomain(key.str(), node);
  return reader.Take();
}

}  // namespace config
