#include "engine/dkim/key_record.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/dkim/private_key.h"

namespace dkim {
namespace {

using Tags = std::map<std::string, std::string, std::less<>>;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string WithoutSpace(std::string_view text) {
  std::string plain(text);
  plain.erase(std::remove_if(plain.begin(), plain.end(), IsSpace), plain.end());
  return plain;
}

// A tag-list (RFC 6376 section 3.2); `first` is the name of its first tag. Nullopt: it is none, or a tag is there
// twice.
std::optional<Tags> ParseTags(std::string_view text, std::string& first) {
  Tags tags;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view tag = base::TrimAscii(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (tag.empty() && base::TrimAscii(text).empty()) break;
    const std::size_t equals = tag.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string name(base::TrimAscii(tag.substr(0, equals)));
    if (tags.empty()) first = name;
    if (!tags.emplace(name, base::TrimAscii(tag.substr(equals + 1))).second) return std::nullopt;
  }
  return tags;
}

std::string_view ValueOf(const Tags& tags, std::string_view name, std::string_view otherwise) {
  const auto found = tags.find(name);
  return found == tags.end() ? otherwise : std::string_view(found->second);
}

// Whether one of the colon-separated words is it.
bool Lists(std::string_view words, std::string_view word) {
  while (true) {
    const std::size_t end = std::min(words.find(':'), words.size());
    if (base::TrimAscii(words.substr(0, end)) == word) return true;
    if (end == words.size()) return false;
    words.remove_prefix(end + 1);
  }
}

std::string FaultOf(const Tags& tags, const PublishedKey& key) {
  std::string first;
  const std::optional<Tags> own = ParseTags(key.record, first);
  const std::string_view type = ValueOf(tags, "k", "rsa"), own_type = ValueOf(*own, "k", "rsa");
  if (tags.find("p") == tags.end()) return "it has no p=";
  const std::string published = WithoutSpace(ValueOf(tags, "p", ""));
  if (published.empty()) return "the key is revoked: p= is empty";
  if (type != own_type) return absl::StrCat("it is not of the type ", base::AbslView(own_type));
  if (published != ValueOf(*own, "p", "")) return "it is another key than the one that signs";
  if (!Lists(ValueOf(tags, "h", "sha256"), "sha256")) return "its h= does not allow sha256";
  const std::string_view services = ValueOf(tags, "s", "*");
  if (!Lists(services, "*") && !Lists(services, "email")) return "its s= does not allow email";
  const std::size_t at = key.identity.rfind('@');
  const bool is_below = at != std::string::npos && !base::EqualsIgnoreCase(key.identity.substr(at + 1), key.domain);
  if (is_below && Lists(ValueOf(tags, "t", ""), "s")) return "its t=s allows no i= below the domain";
  return "";
}

}  // namespace

absl::StatusOr<PublishedKey> PublishedKeyOf(const SigningKey& key) {
  const Crypto crypto;
  const absl::StatusOr<std::unique_ptr<PrivateKey>> parsed = PrivateKey::Parse(key.pem, /*allow_weak=*/true, crypto);
  if (!parsed.ok()) return parsed.status();
  PublishedKey published;
  published.name = key.Name();
  published.domain = key.spec.domain;
  published.identity = key.spec.identity;
  published.record = (*parsed)->PublicRecord();
  return published;
}

bool IsEd25519(const PublishedKey& key) {
  std::string first;
  const std::optional<Tags> tags = ParseTags(key.record, first);
  return tags.has_value() && ValueOf(*tags, "k", "rsa") == "ed25519";
}

KeyRecordCheck CheckKeyRecord(std::string_view published, const PublishedKey& key) {
  std::string first;
  const std::optional<Tags> tags = ParseTags(published, first);
  if (!tags.has_value() || tags->empty()) return {"it is no list of tags", ""};
  if (const auto version = tags->find("v"); version != tags->end() && (version->second != "DKIM1" || first != "v")) {
    return {"it does not begin with v=DKIM1", ""};
  }
  KeyRecordCheck check;
  check.fault = FaultOf(*tags, key);
  if (check.fault.empty() && Lists(ValueOf(*tags, "t", ""), "y")) {
    check.note = "t=y says that the domain is only testing; receivers may ignore the signatures";
  }
  return check;
}

}  // namespace dkim
