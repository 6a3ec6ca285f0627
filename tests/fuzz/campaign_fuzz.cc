// Module: campaign
// Any text as a campaign file, TOML or JSON: a campaign, or mistakes that are a line each with the file's name.
#include <stdlib.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/campaign/campaign.h"

namespace {

// The loader reads files; these are in memory.
std::string Folder() {
  char path[] = "/dev/shm/campaign_fuzz.XXXXXX";
  CHECK(mkdtemp(path) != nullptr);
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  static const std::string folder = Folder();
  const std::string path = folder + (data[0] % 2 == 0 ? "/c.toml" : "/c.json");
  std::FILE* file = std::fopen(path.c_str(), "wb");
  CHECK(file != nullptr && std::fwrite(data + 1, 1, size - 1, file) == size - 1 && std::fclose(file) == 0);
  const absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(path);
  if (!campaign.ok()) {
    const std::string message(campaign.status().message());
    CHECK(message.rfind(folder, 0) == 0);
    return 0;
  }
  CHECK(campaign::IsCampaignId(campaign->id) && !campaign->from_address.empty());
  CHECK(campaign::FrozenDigest(*campaign) == campaign::FrozenDigest(*campaign::LoadCampaign(path)));
  return 0;
}
