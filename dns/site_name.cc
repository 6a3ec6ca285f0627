#include "dns/site_name.h"

#include <algorithm>
#include <string_view>

#include "engine/base/check.h"

namespace dns {

std::string SiteName(const std::vector<MxHost>& hosts) {
  CHECK(!hosts.empty());
  std::vector<std::string_view> names;
  for (const MxHost& host : hosts) names.push_back(host.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.size() == 1) return std::string(names[0]);

  // The common end of all names that begins at a dot.
  std::string_view suffix = names[0];
  for (const std::string_view name : names) {
    std::size_t size = 0;
    while (size < suffix.size() && size < name.size() &&
           suffix[suffix.size() - 1 - size] == name[name.size() - 1 - size])
      ++size;
    suffix.remove_prefix(suffix.size() - size);
  }
  const std::size_t dot = suffix.find('.');
  suffix = dot == std::string_view::npos ? std::string_view() : suffix.substr(dot);

  std::string site = "(";
  for (const std::string_view name : names) {
    if (site.size() > 1) site.push_back('|');
    site.append(name.substr(0, name.size() - suffix.size()));
  }
  site.push_back(')');
  site.append(suffix);
  return site;
}

}  // namespace dns
