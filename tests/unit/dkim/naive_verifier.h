// DKIM from the verifier's side, as plainly as the RFC says it and without a line of what it judges: whole texts, one
// step after another. For tests of the real thing.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "engine/base/text.h"
#include "engine/dkim/crypto.h"

namespace dkim::testing {

inline std::string CollapseSpace(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\t') {
      out.push_back(c);
    } else if (out.empty() || out.back() != ' ') {
      out.push_back(' ');
    }
  }
  return out;
}

inline std::string NaiveBody(bool relaxed, std::string_view body) {
  std::vector<std::string> lines;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find("\r\n"), body.size());
    lines.emplace_back(body.substr(0, end));
    body.remove_prefix(std::min(end + 2, body.size()));
  }
  for (std::string& line : lines) {
    if (!relaxed) continue;
    line = CollapseSpace(line);
    if (line.ends_with(' ')) line.pop_back();
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::string out;
  for (const std::string& line : lines) out += line + "\r\n";
  return out.empty() && !relaxed ? "\r\n" : out;
}

inline std::string NaiveField(bool relaxed, std::string_view field) {
  if (!relaxed) return std::string(field);
  std::string text(field);
  for (std::size_t at; (at = text.find("\r\n")) != std::string::npos;) text.erase(at, 2);
  const std::size_t colon = text.find(':');
  std::string name = base::LowerAscii(std::string_view(text).substr(0, colon));
  std::string value = CollapseSpace(std::string_view(text).substr(colon + 1));
  while (name.ends_with(' ') || name.ends_with('\t')) name.pop_back();
  while (value.ends_with(' ')) value.pop_back();
  while (value.starts_with(' ')) value.erase(0, 1);
  return name + ":" + value + (field.ends_with("\r\n") ? "\r\n" : "");
}

// The tags of a signature, without white space in their values.
inline std::map<std::string, std::string> Tags(std::string_view list) {
  std::map<std::string, std::string> tags;
  while (!list.empty()) {
    const std::string_view tag = list.substr(0, list.find(';'));
    list.remove_prefix(std::min(tag.size() + 1, list.size()));
    std::string text;
    for (const char c : tag) {
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') text.push_back(c);
    }
    tags[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  return tags;
}

inline std::string Bytes(const Digest& digest) { return {digest.begin(), digest.end()}; }

struct CheckedSignature {
  std::string field;  // Whole, with CRLF.
  std::map<std::string, std::string> tags;
  bool body_hash_fits = false;
  Digest digest;          // What the key must have signed.
  std::string signature;  // Raw.
};

inline std::string NaiveHeaderText(const std::vector<std::string>& fields, const std::string& signature_field,
                                   const std::map<std::string, std::string>& tags) {
  const bool relaxed = tags.at("c").starts_with("relaxed");
  std::vector<bool> taken(fields.size(), false);
  std::string text, names = tags.at("h") + ":";
  while (!names.empty()) {
    const std::string name = names.substr(0, names.find(':'));
    names.erase(0, name.size() + 1);
    for (std::size_t i = fields.size(); i > 0; --i) {
      if (taken[i - 1] ||
          !base::EqualsIgnoreCase(std::string_view(base::TrimAscii(fields[i - 1].substr(0, fields[i - 1].find(':')))),
                                  name))
        continue;
      taken[i - 1] = true;
      text += NaiveField(relaxed, fields[i - 1]);
      break;
    }
  }
  std::string own = signature_field.substr(0, signature_field.size() - 2);
  const std::size_t b = own.rfind("b=");  // The last tag in all that is checked here.
  own.erase(b + 2);
  return text + NaiveField(relaxed, own);
}

// All signatures of a message, in the order of their fields.
inline std::vector<CheckedSignature> CheckSignatures(const std::string& message) {
  const std::size_t empty_line = message.find("\r\n\r\n");
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < empty_line + 2;) {
    std::size_t end = message.find("\r\n", at) + 2;
    while (end < empty_line && (message[end] == ' ' || message[end] == '\t')) end = message.find("\r\n", end) + 2;
    fields.push_back(message.substr(at, end - at));
    at = end;
  }
  Sha256 hash;
  std::vector<CheckedSignature> found;
  for (const std::string& field : fields) {
    if (!base::StartsWithIgnoreCase(field, "DKIM-Signature:")) continue;
    CheckedSignature checked;
    checked.field = field;
    checked.tags = Tags(std::string_view(field).substr(field.find(':') + 1));
    hash.Add(NaiveBody(checked.tags["c"].ends_with("/relaxed"), std::string_view(message).substr(empty_line + 4)));
    std::string body_hash, signature;
    absl::Base64Unescape(checked.tags["bh"], &body_hash);
    absl::Base64Unescape(checked.tags["b"], &checked.signature);
    checked.body_hash_fits = body_hash == Bytes(hash.Finish());
    hash.Add(NaiveHeaderText(fields, field, checked.tags));
    checked.digest = hash.Finish();
    found.push_back(checked);
  }
  return found;
}

}  // namespace dkim::testing
