// [[dkim."DOMAIN"]] of sluice.toml: which keys sign which mail. Pure; the key files are not read here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"

namespace config {

struct DkimKey {
  std::string domain;    // d=, in lower case.
  std::string selector;  // s=
  std::string key_file;
  std::vector<std::string> sign_for;  // More From domains, which may have their own keys besides; "*": all.
  bool simple_header = false;
  bool simple_body = false;
  std::optional<base::Duration> expire;  // x= after so long; none: absent.
  std::string identity;                  // i=; empty: absent.
  bool allow_weak = false;               // RSA keys of 1024 to 2047 bits.
  std::string place;                     // "FILE:LINE", for what is wrong with the key file.
};

// Whether `name` is `domain` or a subdomain of it; both in lower case.
bool IsAtOrUnder(std::string_view name, std::string_view domain);

// The keys that sign mail from a domain, in the order of the file: first those of the domain itself or, where it has
// none, of its nearest parent that has some; then those whose sign_for names it, a parent, or "*".
// `author`: so many of them are of the first sort. `from_domain` is in A-labels.
struct DkimChoice {
  std::vector<const DkimKey*> keys;
  std::size_t author = 0;
};
DkimChoice DkimKeysFor(const std::vector<DkimKey>& keys, std::string_view from_domain);

}  // namespace config
