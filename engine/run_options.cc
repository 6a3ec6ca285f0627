#include "engine/run_options.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/authorities.h"
#include "engine/signing_keys.h"
#include "engine/smtp/classification.h"

namespace engine {
namespace {

io::Backend BackendOf(config::IoChoice choice) {
  if (choice == config::IoChoice::kAuto) return io::Backend::kAuto;
  return choice == config::IoChoice::kIoUring ? io::Backend::kIoUring : io::Backend::kEpoll;
}

// The sources of a pool; an empty name: all there are.
absl::StatusOr<std::vector<delivery::Source>> SourcesOf(const config::Config& config, std::string_view pool,
                                                        std::string_view host_name) {
  absl::StatusOr<std::vector<config::PoolMember>> members = config::PoolMembers(config, pool);
  if (!members.ok()) return members.status();
  std::vector<delivery::Source> sources;
  for (const config::PoolMember& member : *members) {
    absl::StatusOr<std::string> ehlo = config::EhloDomain(config, member.source, host_name);
    if (!ehlo.ok()) return ehlo.status();
    sources.push_back({member.source.name, member.source.source_address, *ehlo, member.weight, member.source.limits});
  }
  return sources;
}

absl::Status CheckLearnedClasses(const config::Config& config) {
  for (const std::string& name : config.learned_classes) {
    if (smtp::ParseClassification(name).has_value()) continue;
    return absl::InvalidArgumentError(absl::StrFormat(
        "[suppression] learn: \"%s\" is no class of bounces; write \"InvalidRecipient\", \"BadDomain\" or the like",
        name));
  }
  return absl::OkStatus();
}

absl::Status CheckRetryClasses(const base::RetryIntervals& retry, std::string_view where) {
  for (const auto& [name, waits] : retry.by_class) {
    if (smtp::ParseClassification(name).has_value()) continue;
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s.class.%s: \"%s\" is no class of failures; write QuotaIssues, RateLimited, TransientFailure or the like",
        where, name, name));
  }
  return absl::OkStatus();
}

base::RetryIntervals RetryOf(const config::Config& config) {
  return {.all = config.retry_intervals, .by_class = config.retry_by_class};
}

}  // namespace

absl::StatusOr<SendingMeans> LoadMeans(io::Disk& disk, const config::Config& config, const campaign::Campaign& campaign,
                                       std::string_view host_name, base::Log& log) {
  if (absl::Status status = CheckLearnedClasses(config); !status.ok()) return status;
  if (absl::Status status = CheckRetryClasses(RetryOf(config), "retry"); !status.ok()) return status;
  if (absl::Status status = CheckRetryClasses(campaign.delivery.retry, "delivery.retry"); !status.ok()) return status;
  SendingMeans means;
  absl::StatusOr<std::string> authorities = LoadAuthorities(disk, config);
  if (!authorities.ok()) return authorities.status();
  means.authorities = *std::move(authorities);
  if (absl::Status status = CheckSigningKeys(config, log); !status.ok()) return status;
  absl::StatusOr<std::vector<dkim::SigningKey>> keys =
      SigningKeysFor(config, campaign, campaign.delivery.dkim_required);
  if (!keys.ok()) return keys.status();
  means.keys = *std::move(keys);
  absl::StatusOr<std::vector<delivery::Source>> sources = SourcesOf(config, campaign.delivery.pool, host_name);
  if (!sources.ok()) return sources.status();
  means.sources = *std::move(sources);
  return means;
}

delivery::RetryPlan RetryPlanOf(const config::Config& config, const campaign::Campaign& campaign) {
  base::RetryIntervals retry = RetryOf(config).With(campaign.delivery.retry);
  return delivery::RetryPlan(std::move(retry.all), std::move(retry.by_class));
}

std::vector<delivery::PauseReason> PausesOf(const ledger::CampaignFacts& facts) {
  std::vector<delivery::PauseReason> pauses;
  for (const auto& [scope, pause] : facts.pauses)
    pauses.push_back({pause.by, pause.reason, pause.sample, delivery::PauseScope::Parse(scope), pause.since});
  return pauses;
}

EngineOptions EngineOptionsOf(const config::Config& config, const ledger::CampaignFacts& facts) {
  EngineOptions options;
  options.backend = BackendOf(config.engine.io);
  options.dns_servers = config.dns.servers;
  options.dns_queries_per_second = config.dns.max_queries_per_second;
  options.dns_trust_ad = config.dns.trust_ad;
  options.batch_signatures = config.engine.signer == config::SignerChoice::kAuto;
  for (const auto& [key, suspension] : facts.suspensions) {
    options.suspensions.push_back(
        {key.site, key.source, key.scope, suspension.reason, suspension.sample, suspension.until});
  }
  options.pauses = PausesOf(facts);
  return options;
}

}  // namespace engine
