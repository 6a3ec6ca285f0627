#include "engine/state_folder.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/io/new_file.h"
#include "engine/message/spec.h"

namespace engine {
namespace {

constexpr std::uint64_t kKeyFileMax = 4096;

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

StatePaths PathsOf(const std::string& root, const std::string& id, const std::string& state_override) {
  if (!state_override.empty()) return {state_override, state_override, id, " --state " + state_override};
  return {root, root + "/campaigns/" + id, id, ""};
}

StatePaths TestPathsOf(const std::string& root, const std::string& id, const std::string& token) {
  const std::string folder = absl::StrFormat("%s/tests/%s/%s", root, id, token);
  return {root, folder, id, " --state " + folder};
}

std::string StartedCampaign::Token(std::uint64_t row) const {
  const roster::Manifest& manifest = roster->manifest();
  return manifest.test.has_value() ? manifest.test->token : token_key->Make(manifest.campaign, row);
}

absl::StatusOr<campaign::TokenKey> ReadTokenKey(io::Disk& disk, const std::string& key_file) {
  if (!disk.Exists(key_file)) return absl::NotFoundError(key_file + ": there is no token key");
  absl::StatusOr<std::string> text = io::ReadFile(disk, key_file, kKeyFileMax);
  if (!text.ok()) return text.status();
  absl::StatusOr<campaign::TokenKey> key = campaign::TokenKey::Parse(*text);
  if (!key.ok())
    return absl::InvalidArgumentError(absl::StrFormat("%s: %s", key_file, std::string(key.status().message())));
  return key;
}

absl::StatusOr<campaign::TokenKey> LoadTokenKey(io::Disk& disk, const std::string& key_file) {
  if (!disk.Exists(key_file)) {
    absl::StatusOr<std::string> made = campaign::TokenKey::Generate();
    if (!made.ok()) return made.status();
    if (absl::Status status = disk.MakeDirectories(FolderOf(key_file)); !status.ok()) return status;
    if (absl::Status status = io::MakeFileOnce(disk, key_file, *made); !status.ok()) return status;
  }
  return ReadTokenKey(disk, key_file);
}

absl::StatusOr<std::string> LoadNodeId(io::Disk& disk, const std::string& root) {
  const std::string path = root + "/node-id";
  if (!disk.Exists(path)) {
    absl::StatusOr<std::string> secret = campaign::TokenKey::Generate();
    if (!secret.ok()) return secret.status();
    const std::string id = secret->substr(secret->size() - 33, 32) + "\n";
    if (absl::Status status = io::MakeFileOnce(disk, path, id); !status.ok()) return status;
  }
  absl::StatusOr<std::string> text = io::ReadFile(disk, path, kKeyFileMax);
  if (!text.ok()) return text.status();
  return std::string(base::TrimAscii(*text));
}

absl::StatusOr<StartedCampaign> OpenStarted(io::Disk& disk, const StatePaths& paths, const std::string& key_file) {
  StartedCampaign started;
  started.paths = paths;
  absl::StatusOr<std::unique_ptr<const roster::Roster>> roster = roster::Roster::Open(disk, paths.campaign);
  if (!roster.ok()) return roster.status();
  started.roster = *std::move(roster);
  absl::StatusOr<message::MessageSpec> spec = message::Deserialize(started.roster->template_snapshot());
  if (!spec.ok()) return spec.status();
  absl::StatusOr<std::unique_ptr<const message::MessageTemplate>> message =
      message::MessageTemplate::Compile(*std::move(spec));
  if (!message.ok()) return absl::DataLossError(message.status().message());
  started.message = *std::move(message);
  // Another key would give every message another Message-ID than it had.
  absl::StatusOr<campaign::TokenKey> key = ReadTokenKey(disk, key_file);
  const std::string& started_with = started.roster->manifest().token_key;
  const bool is_another = key.ok() && !started_with.empty() && key->Fingerprint() != started_with;
  if (is_another || absl::IsNotFound(key.status())) {
    return absl::DataLossError(
        absl::StrFormat("%s is %s: the tokens and Message-IDs of %s were made with the key that was there when it "
                        "started; restore that",
                        key_file, is_another ? "another key now" : "missing", paths.campaign));
  }
  if (!key.ok()) return key.status();
  started.token_key = std::make_shared<const campaign::TokenKey>(*std::move(key));
  return started;
}

}  // namespace engine
