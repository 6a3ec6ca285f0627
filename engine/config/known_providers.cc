#include "engine/config/known_providers.h"

#include <algorithm>

namespace config {
namespace {

struct Known {
  std::string_view suffix;  // Of a host's name.
  std::string_view provider;
};

constexpr Known kKnown[] = {
    {".google.com", "google"},
    {".googlemail.com", "google"},
    {".yahoodns.net", "yahoo"},
    {".olc.protection.outlook.com", "outlook"},
    {".mail.protection.outlook.com", "office365"},
    {".mx.microsoft", "office365"},
    {".icloud.com", "apple"},
    {".comcast.net", "comcast"},
    {".mimecast.com", "mimecast"},
    {".pphosted.com", "proofpoint"},
    {".barracudanetworks.com", "barracuda"},
    {".orange.fr", "orange"},
    {".gmx.net", "gmx"},
    {".web.de", "gmx"},
    {".t-online.de", "t-online"},
    {".qq.com", "qq"},
    {".netease.com", "netease"},
    {".mail.ru", "mail.ru"},
};

std::string_view ProviderOf(std::string_view host) {
  for (const Known& known : kKnown) {
    if (host.ends_with(known.suffix)) return known.provider;
  }
  return "";
}

}  // namespace

std::string_view KnownProvider(absl::Span<const std::string> hosts) {
  if (hosts.empty()) return "";
  const std::string_view first = ProviderOf(hosts.front());
  const bool all =
      std::all_of(hosts.begin(), hosts.end(), [first](const std::string& host) { return ProviderOf(host) == first; });
  return all ? first : "";
}

std::vector<std::string_view> KnownProviders() {
  std::vector<std::string_view> names;
  for (const Known& known : kKnown) names.push_back(known.provider);
  return names;
}

}  // namespace config
