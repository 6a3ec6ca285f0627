#include "engine/config/dkim_keys.h"

#include <algorithm>

#include "engine/base/text.h"

namespace config {

bool IsAtOrUnder(std::string_view name, std::string_view domain) {
  return name == domain ||
         (name.size() > domain.size() && name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.');
}

DkimChoice DkimKeysFor(const std::vector<DkimKey>& keys, std::string_view from_domain) {
  const std::string from = base::LowerAscii(from_domain);
  std::string_view nearest;
  for (const DkimKey& key : keys) {
    if (IsAtOrUnder(from, key.domain) && key.domain.size() > nearest.size()) nearest = key.domain;
  }
  DkimChoice choice;
  for (const DkimKey& key : keys) {
    if (key.domain == nearest) choice.keys.push_back(&key);
  }
  choice.author = choice.keys.size();
  for (const DkimKey& key : keys) {
    const bool wanted = std::any_of(key.sign_for.begin(), key.sign_for.end(), [&from](const std::string& name) {
      return name == "*" || IsAtOrUnder(from, name);
    });
    if (wanted && key.domain != nearest) choice.keys.push_back(&key);
  }
  return choice;
}

}  // namespace config
