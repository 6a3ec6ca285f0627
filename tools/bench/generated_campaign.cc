#include "tools/bench/generated_campaign.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/io/clock.h"
#include "engine/message/renderer.h"
#include "tools/bench/shared_signature.h"

namespace bench {
namespace {

constexpr std::uint64_t kRecipientsMax = 30'000'000;
constexpr std::size_t kWriteBytes = 1 << 20;
constexpr char kDomain[] = "example.com", kSelector[] = "bench";

absl::Status WriteText(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file ? absl::OkStatus() : absl::InternalError(path + ": cannot be written");
}

absl::Status WriteTargetRows(const std::string& path, std::uint64_t rows, const std::string& to) {
  std::string text = "number,email,first_name\n";
  for (std::uint64_t i = 0; i < rows; ++i) absl::StrAppend(&text, i, ",", to, ",Person ", i, "\n");
  return WriteText(path, text);
}

absl::Status WriteRows(const std::string& path, const Settings& settings, std::uint64_t rows,
                       const std::function<bool()>& stops) {
  const std::uint64_t domains = settings.DomainsInUse(), others = std::max<std::uint64_t>(1, domains - 1);
  const auto domain_of = [&, skew = settings.scenario.skew](std::uint64_t row) {
    if (skew == 0) return row % domains;
    const std::uint64_t of_hundred = row % 100;
    return of_hundred < skew ? 0 : 1 + (row / 100 * (100 - skew) + of_hundred - skew) % others;
  };
  std::ofstream file(path, std::ios::binary);
  std::string text = "email,first_name\n";
  for (std::uint64_t i = 0; i < rows; ++i) {
    absl::StrAppend(&text, "user", i, "@d", domain_of(i), ".bench.example,Person ", i, "\n");
    if (text.size() < kWriteBytes) continue;
    if (stops()) return absl::CancelledError("stopped");
    file << text;
    text.clear();
  }
  file << text;
  file.close();
  return file ? absl::OkStatus() : absl::InternalError(path + ": cannot be written");
}

// A letter of so many bytes; personalised, it names its reader at the top and once in each kilobyte.
std::string Body(std::uint64_t bytes, bool personalised) {
  std::string text;
  for (int line = 0; text.size() < bytes; ++line) {
    if (personalised && line % 15 == 0) {
      text += "Dear {{first_name}}, this is for you, and some more of it follows here.\n";
    } else {
      text += "These are the news of today, in a line as long as lines in letters are.\n";
    }
  }
  text.resize(bytes);
  // No tag may be cut.
  if (const std::size_t open = text.rfind("{{"); open != std::string::npos && text.find("}}", open) == text.npos) {
    text.replace(open, text.npos, text.size() - open, '.');
  }
  text.back() = '\n';
  return text;
}

std::string CampaignFile(const Settings& settings, std::string_view subject) {
  const std::optional<Target>& target = settings.target;
  const std::string from = target ? target->from : absl::StrCat("news@", kDomain);
  const std::string sender = target ? target->from : "bounce+{{token}}@bounces.example.com";
  const std::string rows = target ? "key = \"number\"\nduplicates = \"allow\"\n" : "";
  const std::string rate = target ? absl::StrCat("max_message_rate = \"", target->rate, "\"\n") : "";
  return absl::StrCat("format = 1\nid = \"bench\"\nkind = \"transactional\"\n[from]\naddress = \"", from,
                      "\"\n[envelope]\nsender = \"", sender, "\"\n[message]\nsubject = \"", base::AbslView(subject),
                      "\"\ntext_file = \"body.txt\"\n[recipients]\nfile = \"rows.csv\"\n", rows, "[delivery]\n", rate,
                      "dkim = \"", settings.scenario.has_key() ? "required" : "optional", "\"\ntls = \"",
                      settings.scenario.tls ? "required" : "opportunistic", "\"\n");
}

absl::StatusOr<config::Shaping> MakeShaping(const Settings& settings) {
  const config::Shaping::File file{"shaping.toml",
                                   absl::StrCat("[\"default\"]\nconnection_limit = ", settings.ConnectionsPerSite(),
                                                "\nmax_deliveries_per_connection = 1000000\n[\"d0.bench.example\"]\n",
                                                "connection_limit = ", settings.ConnectionsOfFirstSite(), "\n")};
  std::vector<std::string> warnings;
  return config::Shaping::Parse({file}, warnings);
}

config::Config MakeConfig(const Settings& settings) {
  config::Config config;
  config.engine.io = settings.io;
  config.engine.shards = settings.scenario.shards;
  config.dns.max_queries_per_second = 20'000;  // It is our own.
  config.smtp.ehlo_domain = "mta.example.com";
  config.allow_private_destinations = true;
  return config;
}

std::string DomainOf(const Settings& settings) {
  return settings.target ? settings.target->from.substr(settings.target->from.rfind('@') + 1) : kDomain;
}

// Makes the key that the scenario signs with, and, where it is shared, the signature.
absl::Status AddSigning(const Settings& settings, const std::string& folder, GeneratedCampaign& generated) {
  const Signing signing = settings.scenario.signing;
  if (signing == Signing::kNone) return absl::OkStatus();
  const dkim::Crypto crypto;
  const auto key = dkim::PrivateKey::Generate(
      signing == Signing::kEd25519 ? dkim::Algorithm::kEd25519Sha256 : dkim::Algorithm::kRsaSha256, crypto);
  if (!key.ok()) return key.status();
  const absl::StatusOr<std::string> pem = (*key)->ToPem();
  if (!pem.ok()) return pem.status();
  generated.key_file = folder + "/key.pem";
  const std::string domain = DomainOf(settings);
  generated.dkim_name = absl::StrCat(kSelector, "._domainkey.", domain);
  if (absl::Status status = WriteText(generated.key_file, *pem); !status.ok()) return status;
  std::error_code error;  // Else the engine warns, and that is all.
  std::filesystem::permissions(generated.key_file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
  if (signing == Signing::kShared) {
    absl::StatusOr<std::string> signature =
        SharedSignature(generated.campaign, domain, kSelector, **key, io::SystemClock().WallNow());
    if (!signature.ok()) return signature.status();
    generated.fixed_header = *std::move(signature);
    return absl::OkStatus();
  }
  config::DkimKey entry;
  entry.domain = domain;
  entry.selector = kSelector;
  entry.key_file = generated.key_file;
  entry.place = "bench";
  generated.config.dkim.push_back(std::move(entry));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GeneratedCampaign> GenerateCampaign(const Settings& settings, const std::string& folder,
                                                   const std::function<bool()>& stops) {
  const bool personalised = settings.scenario.signing != Signing::kShared;
  GeneratedCampaign generated;
  generated.recipients = settings.RecipientsToPrepare();
  if (generated.recipients > kRecipientsMax) {
    return absl::InvalidArgumentError(absl::StrCat(generated.recipients, " recipients would be needed, and at most ",
                                                   kRecipientsMax, " are possible; measure for fewer seconds"));
  }
  const std::string file = folder + "/campaign.toml";
  absl::Status status = settings.target
                            ? WriteTargetRows(folder + "/rows.csv", generated.recipients, settings.target->to)
                            : WriteRows(folder + "/rows.csv", settings, generated.recipients, stops);
  if (status.ok()) status = WriteText(folder + "/body.txt", Body(settings.body_bytes, personalised));
  if (status.ok()) status = WriteText(file, CampaignFile(settings, personalised ? "Hello {{first_name}}" : "Hello"));
  if (!status.ok()) return status;
  absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(file);
  if (!campaign.ok()) return campaign.status();
  generated.campaign = *std::move(campaign);
  absl::StatusOr<config::Shaping> shaping = MakeShaping(settings);
  if (!shaping.ok()) return shaping.status();
  generated.shaping = *std::move(shaping);
  generated.config = MakeConfig(settings);
  if (status = AddSigning(settings, folder, generated); !status.ok()) return status;
  return generated;
}

}  // namespace bench
