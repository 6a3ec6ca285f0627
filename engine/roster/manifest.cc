#include "engine/roster/manifest.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/roster/layout.h"
#include "nlohmann/json.hpp"

namespace roster {
namespace {

constexpr std::uint64_t kManifestMax = 16u << 20;
using Json = nlohmann::ordered_json;

}  // namespace

std::string Manifest::ToJson() const {
  Json json;
  json["format"] = kFormat;
  json["campaign"] = campaign;
  if (!campaign_name.empty()) json["name"] = campaign_name;
  json["campaign_hash"] = campaign_hash;
  json["frozen_digest"] = frozen_digest;
  json["message_files"] = message_files;
  json["dkim_keys"] = dkim_keys;
  json["token_key"] = token_key;
  json["prepared_at_us"] = prepared_at.microseconds();
  json["rows"] = rows;
  json["invalid"] = invalid;
  json["duplicate"] = duplicate;
  json["suppressed"] = suppressed;
  json["recipients"] = recipients;
  json["domains"] = domains;
  json["columns"] = columns;
  json["meta"] = meta;
  json["campaign_meta"] = campaign_meta;
  json["defaults"] = Json::array();
  for (const auto& [name, value] : defaults) json["defaults"].push_back({name, value});
  json["key"] = key;
  json["files"] = Json::object();
  for (const auto& [name, entry] : files) json["files"][name] = {{"size", entry.size}, {"crc32c", entry.crc32c}};
  if (rehearsal.has_value()) json["rehearsal"] = *rehearsal;
  if (test.has_value()) {
    json["test"] = {{"row", test->row}, {"token", test->token}, {"recipient", test->recipient}, {"shown", test->shown}};
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Manifest> Manifest::FromJson(std::string_view text, std::string_view path) {
  const auto bad = [path](std::string_view why) {
    return absl::DataLossError(absl::StrFormat("%s: not a manifest: %s", path, why));
  };
  try {
    const Json json = Json::parse(text);
    if (json.at("format").get<std::uint32_t>() != kFormat) return bad("its format is not known to this program");
    Manifest m;
    m.campaign = json.at("campaign").get<std::string>();
    m.campaign_name = json.value("name", "");
    m.campaign_hash = json.at("campaign_hash").get<std::uint64_t>();
    m.frozen_digest = json.at("frozen_digest").get<std::string>();
    m.message_files = json.at("message_files").get<std::map<std::string, std::string>>();
    m.dkim_keys = json.value("dkim_keys", std::vector<std::string>());  // Older ones lack it.
    m.token_key = json.value("token_key", "");
    m.prepared_at = base::WallTime::FromMicroseconds(json.at("prepared_at_us").get<std::int64_t>());
    m.rows = json.at("rows").get<std::uint64_t>();
    m.invalid = json.at("invalid").get<std::uint64_t>();
    m.duplicate = json.at("duplicate").get<std::uint64_t>();
    m.suppressed = json.at("suppressed").get<std::uint64_t>();
    m.recipients = json.at("recipients").get<std::uint64_t>();
    m.domains = json.at("domains").get<std::uint64_t>();
    m.columns = json.at("columns").get<std::vector<std::string>>();
    m.meta = json.at("meta").get<std::vector<std::string>>();
    m.campaign_meta = json.at("campaign_meta").get<std::map<std::string, std::string>>();
    for (const Json& pair : json.at("defaults"))
      m.defaults.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
    m.key = json.at("key").get<std::string>();
    for (const auto& [name, entry] : json.at("files").items()) {
      m.files[name] = {entry.at("size").get<std::uint64_t>(), entry.at("crc32c").get<std::uint32_t>()};
    }
    if (json.contains("rehearsal")) m.rehearsal = json.at("rehearsal").get<bool>();
    if (json.contains("test")) {
      const Json& test = json.at("test");
      m.test = {.row = test.at("row").get<std::uint64_t>(),
                .token = test.at("token").get<std::string>(),
                .recipient = test.at("recipient").get<std::string>(),
                .shown = test.at("shown").get<std::string>()};
    }
    return m;
  } catch (const Json::exception& error) {
    return bad(error.what());
  }
}

absl::StatusOr<Manifest> ReadManifest(io::Disk& disk, const std::string& directory) {
  const std::string path = directory + "/" + std::string(kManifestName);
  if (!disk.Exists(path)) return absl::NotFoundError(path + ": nothing is prepared there");
  absl::StatusOr<std::string> text = io::ReadFile(disk, path, kManifestMax);
  if (!text.ok()) return text.status();
  return Manifest::FromJson(*text, path);
}

}  // namespace roster
