// Where the state of a campaign lies, and opening what was started: manifest, template, token key, ledger.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/campaign/token.h"
#include "engine/io/disk.h"
#include "engine/message/renderer.h"
#include "engine/roster/roster.h"

namespace engine {

// The state of one campaign, below the state folder of the host.
struct StatePaths {
  std::string root;      // engine.state_dir
  std::string campaign;  // <root>/campaigns/<id>, or what --state says
  std::string id;
  std::string option;                                // " --state DIR" where the id alone does not lead there.
  std::string Named() const { return id + option; }  // As commands find it; for what people are told.
  std::string ledger() const { return campaign + "/ledger"; }
  std::string campaign_file() const {
    return campaign + "/campaign-file";
  }  // Its id and, in a second line, the path of its file.
  std::string lock() const { return campaign + "/lock"; }
  std::string control() const { return campaign + "/control"; }  // Socket of the program that is at work on it.
};
StatePaths PathsOf(const std::string& root, const std::string& id, const std::string& state_override);
// Of a test send, which has a folder for itself: <root>/tests/<id>/<token>.
StatePaths TestPathsOf(const std::string& root, const std::string& id, const std::string& token);

// A campaign that was prepared, as it was started.
struct StartedCampaign {
  StatePaths paths;
  std::unique_ptr<const roster::Roster> roster;
  std::unique_ptr<const message::MessageTemplate> message;
  std::shared_ptr<const campaign::TokenKey> token_key;

  std::string Token(std::uint64_t row) const;
  std::uint64_t hash() const { return roster->manifest().campaign_hash; }
};
// Errors: NotFound, it was never started; DataLoss, also where the token key is missing, or is not the one that the
// campaign was started with; the token key is none.
absl::StatusOr<StartedCampaign> OpenStarted(io::Disk& disk, const StatePaths& paths, const std::string& key_file);

// Errors: NotFound, there is none; InvalidArgument, it is none.
absl::StatusOr<campaign::TokenKey> ReadTokenKey(io::Disk& disk, const std::string& key_file);
// Reads the key, or makes one where there is none: before a campaign starts, never after.
absl::StatusOr<campaign::TokenKey> LoadTokenKey(io::Disk& disk, const std::string& key_file);
// A name for this host that does not change: made on first use.
absl::StatusOr<std::string> LoadNodeId(io::Disk& disk, const std::string& root);

}  // namespace engine
