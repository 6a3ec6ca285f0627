#include "engine/plan_send.h"

#include "engine/delivery/mail_hosts.h"

namespace engine {
namespace {

// Then there is one message in flight on a connection.
bool HasRate(const config::Limits& limits) {
  return limits.max_message_rate.has_value() || limits.provider_max_message_rate.has_value() ||
         limits.total_message_rate.has_value() || limits.provider_total_message_rate.has_value();
}

}  // namespace

// Without PIPELINING each command has its own reply; without CHUNKING, DATA too.
PlanAssumptions AssumptionsFor(const std::optional<ReceiverProbe::Distance>& distance, const config::Limits& limits,
                               bool campaign_has_rate, const PlanAssumptions& otherwise) {
  const std::uint32_t in_flight = campaign_has_rate || HasRate(limits) ? 1 : limits.max_in_flight;
  if (!distance.has_value()) return otherwise.WithInFlight(in_flight);
  const bool pipelines = limits.enable_pipelining && distance->offers.pipelining;
  const bool encrypts = limits.enable_tls != config::TlsMode::kDisabled && distance->offers.starttls;
  PlanAssumptions assumptions;
  assumptions.message = distance->round_trip * (pipelines ? 1 : distance->offers.chunking ? 3 : 4);
  assumptions.open = distance->connect + distance->greeting + distance->round_trip * (encrypts ? 4 : 1);
  assumptions.close = distance->round_trip;
  assumptions.commit = otherwise.commit;
  return pipelines && distance->offers.chunking ? assumptions.WithInFlight(in_flight) : assumptions;
}

// As Shard::WantsSts: a provider's block may say otherwise than the domain's own.
bool AsksForPolicy(const config::Shaping& shaping, std::string_view domain, const dns::Route& route,
                   std::string_view source) {
  if (shaping.For(domain, {}, source).enable_mta_sts) return true;
  return route.kind == dns::RouteKind::kHosts &&
         shaping.For(domain, delivery::MailHostsOf(route), source).enable_mta_sts;
}

}  // namespace engine
