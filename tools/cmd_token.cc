// sluice token: which campaign, row and address a token stands for.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

struct Arguments {
  std::string token;
  bool json = false;
};

// The campaign's roster; null: it is not on this host. `state` is what --state says.
std::unique_ptr<const roster::Roster> FindRoster(io::Disk& disk, const std::string& root, const std::string& state,
                                                 std::uint32_t hash) {
  std::vector<std::string> folders;
  if (!state.empty()) {
    folders.push_back(state);
  } else if (const absl::StatusOr<std::vector<std::string>> names = disk.List(root + "/campaigns"); names.ok()) {
    for (const std::string& name : *names) folders.push_back(engine::PathsOf(root, name, "").campaign);
  }
  for (const std::string& folder : folders) {
    absl::StatusOr<std::unique_ptr<const roster::Roster>> roster = roster::Roster::Open(disk, folder);
    if (roster.ok() && ((*roster)->manifest().campaign_hash & 0xFFFFFFFF) == hash) return *std::move(roster);
  }
  return nullptr;
}

// The roster of a test send; null: it is not on this host.
std::unique_ptr<const roster::Roster> FindTest(io::Disk& disk, const std::string& root, std::string token) {
  for (char& c : token) c = base::ToLowerAscii(c);
  const absl::StatusOr<std::vector<std::string>> campaigns = disk.List(root + "/tests");
  if (!campaigns.ok()) return nullptr;
  for (const std::string& id : *campaigns) {
    const std::string folder = engine::TestPathsOf(root, id, token).campaign;
    absl::StatusOr<std::unique_ptr<const roster::Roster>> roster = roster::Roster::Open(disk, folder);
    if (roster.ok() && (*roster)->manifest().test.has_value()) return *std::move(roster);
  }
  return nullptr;
}

int Decode(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Fail(context.log, config.status(), ExitCodeOf(config.status()));
  absl::StatusOr<campaign::TokenKey> key = engine::ReadTokenKey(*disk, TokenKeyFile(*config));
  if (absl::IsNotFound(key.status())) return Fail(context.log, key.status(), kExitInvalid);
  if (!key.ok()) return Fail(context.log, key.status(), ExitCodeOf(key.status()));
  // As it stands in a Message-ID or an address, too.
  std::string text = arguments.token.substr(0, arguments.token.find('@'));
  text = text.substr(text.find_first_not_of('<') == std::string::npos ? 0 : text.find_first_not_of('<'));
  text = text.substr(text.rfind('+') + 1);
  absl::StatusOr<campaign::Token> token = key->Decode(text);
  if (!token.ok()) return Fail(context.log, token.status(), kExitInvalid);
  nlohmann::ordered_json json;
  json["row"] = token->row;
  const std::string& root = *config->engine.state_dir;
  const std::unique_ptr<const roster::Roster> roster =
      token->is_test ? FindTest(*disk, context.state.empty() ? root : context.state, text)
                     : FindRoster(*disk, root, context.state, token->campaign_hash);
  if (roster != nullptr) {
    json["campaign"] = roster->manifest().campaign;
    if (const auto recipient = roster->FindRow(token->row)) {
      json["key"] = std::string(roster->Recipient(*recipient).key);
      json["address"] = std::string(roster->Recipient(*recipient).shown);
    }
    if (token->is_test) json["sent_to"] = roster->manifest().test->recipient;
  }
  if (token->is_test) json["test"] = true;
  if (arguments.json) {
    std::printf("%s\n", json.dump().c_str());
    return kExitOk;
  }
  for (const char* name : {"campaign", "row", "key", "address", "sent_to"}) {
    if (!json.contains(name)) continue;
    std::printf("%-9s %s\n", name,
                json[name].is_string() ? json[name].get<std::string>().c_str() : json[name].dump().c_str());
  }
  if (token->is_test) std::printf("test      of that row; it never counts for it\n");
  if (roster == nullptr) std::printf("campaign  not one of this host\n");
  return kExitOk;
}

}  // namespace

void RegisterToken(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("token", "Which campaign, row and address a token stands for");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("TOKEN", arguments->token, "A token, or a Message-ID or return path with one")->required();
  command.add_flag("--json", arguments->json, "One JSON object");
  AddEngineOptions(command, context);
  SetExample(command, "sluice token v1aebagbaf5g4j5qaaaaaaab…");
  command.callback([arguments, &context] { context.exit_code = Decode(*arguments, context); });
}

}  // namespace tools
