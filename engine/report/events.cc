#include "engine/report/events.h"

#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/base/stable_hash.h"
#include "nlohmann/json.hpp"

namespace report {
namespace {

using Json = nlohmann::ordered_json;

std::string Line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string_view TypeOfOutcome(ledger::OutcomeKind kind) {
  switch (kind) {
    case ledger::OutcomeKind::kDelivered:
      return "Delivery";
    case ledger::OutcomeKind::kDeferred:
    case ledger::OutcomeKind::kHeld:
      return "TransientFailure";
    case ledger::OutcomeKind::kBounced:
      return "Bounce";
    case ledger::OutcomeKind::kInDoubt:
      return "InDoubt";
    case ledger::OutcomeKind::kExpired:
      return "Expiration";
    case ledger::OutcomeKind::kWithdrawn:
      return "Withdrawn";
    case ledger::OutcomeKind::kCancelled:
      return "AdminBounce";
    case ledger::OutcomeKind::kResend:
      return "";
  }
  return "";
}

std::string_view NameOf(ledger::CampaignStateKind kind) {
  switch (kind) {
    case ledger::CampaignStateKind::kPrepared:
      return "prepared";
    case ledger::CampaignStateKind::kScheduled:
      return "scheduled";
    case ledger::CampaignStateKind::kRunning:
      return "running";
    case ledger::CampaignStateKind::kPaused:
      return "paused";
    case ledger::CampaignStateKind::kCancelled:
      return "cancelled";
    case ledger::CampaignStateKind::kInterrupted:
      return "interrupted";
    case ledger::CampaignStateKind::kFinished:
      return "finished";
    case ledger::CampaignStateKind::kResumed:
      return "resumed";
  }
  return "";
}

void AddTime(Json& json, base::WallTime time) {
  json["timestamp"] = time.seconds();
  json["event_time"] = base::FormatRfc3339Microseconds(time);
}

void AddText(Json& json, const char* name, std::string_view text) {
  if (!text.empty()) json[name] = std::string(text);
}

void AddResponse(Json& json, const ledger::Outcome& outcome) {
  Json response;
  response["code"] = outcome.reply_code;
  if (outcome.enhanced[0] != 0) {
    response["enhanced_code"] = {
        {"class", outcome.enhanced[0]}, {"subject", outcome.enhanced[1]}, {"detail", outcome.enhanced[2]}};
  } else {
    response["enhanced_code"] = nullptr;
  }
  response["content"] = std::string(outcome.reply_text);
  response["command"] = std::string(outcome.command);
  json["response"] = std::move(response);
}

void AddConnection(Json& json, const ledger::Outcome& outcome) {
  if (!outcome.site.empty()) {
    json["site"] = absl::StrFormat("%s->%s", outcome.source, outcome.site);
    json["site_name"] = std::string(outcome.site);
  }
  AddText(json, "provider_name", outcome.provider);
  if (!outcome.peer_address.empty()) {
    json["peer_address"] = {{"name", std::string(outcome.peer_name)}, {"addr", std::string(outcome.peer_address)}};
  }
  if (!outcome.source_address.empty()) json["source_address"] = {{"address", std::string(outcome.source_address)}};
  AddText(json, "egress_source", outcome.source);
  AddText(json, "egress_pool", outcome.pool);
}

void AddTimings(Json& json, const ledger::Timings& t) {
  Json timings = Json::object();
  const std::pair<const char*, std::uint32_t> parts[] = {{"queue", t.queue},   {"dns", t.dns},   {"connect", t.connect},
                                                         {"banner", t.banner}, {"tls", t.tls},   {"mail", t.mail},
                                                         {"rcpt", t.rcpt},     {"data", t.data}, {"dot", t.dot}};
  for (const auto& [name, value] : parts) {
    if (value != 0) timings[name] = value;
  }
  if (!timings.empty()) json["timing_us"] = std::move(timings);
}

Json CampaignStateEvent(const ledger::CampaignState& record) {
  Json json;
  json["type"] = "CampaignState";
  json["state"] = std::string(NameOf(record.kind));
  AddText(json, "scope", record.scope);
  AddText(json, "by", record.by);
  AddText(json, "reason", record.reason);
  AddText(json, "sample", record.sample);
  AddTime(json, record.time);
  return json;
}

Json SiteStateEvent(const ledger::SiteState& record) {
  Json json;
  json["type"] = "SiteState";
  const bool suspended = record.until > record.time;
  json["state"] = suspended ? "suspended" : "open";
  json["site"] = absl::StrFormat("%s->%s", record.source, record.site);
  json["site_name"] = std::string(record.site);
  AddText(json, "egress_source", record.source);
  if (suspended) json["until"] = base::FormatRfc3339(record.until);
  AddText(json, "scope", record.scope);
  AddText(json, "reason", record.reason);
  AddText(json, "sample", record.sample);
  AddTime(json, record.time);
  return json;
}

}  // namespace

EventRenderer::EventRenderer(const roster::Roster& roster, EventContext context)
    : roster_(roster), context_(std::move(context)), row_(roster.manifest().columns, roster.manifest().defaults) {}

std::string EventRenderer::EventId(std::string_view campaign, std::uint64_t row, std::uint64_t attempt,
                                   std::string_view type) {
  const std::uint64_t low = base::StableHash(
      type, base::StableHashCombine(base::StableHash(campaign), base::StableHashCombine(row, attempt)));
  return absl::StrFormat("%016x%016x", low, base::StableHashCombine(low, row));
}

std::string_view EventRenderer::TypeOf(const ledger::Record& record) {
  if (const auto* outcome = std::get_if<ledger::Outcome>(&record)) return TypeOfOutcome(outcome->kind);
  if (std::holds_alternative<ledger::CampaignState>(record)) return "CampaignState";
  if (std::holds_alternative<ledger::SiteState>(record)) return "SiteState";
  return "";
}

std::string_view EventRenderer::TypeOf(const roster::Reject& reject) {
  switch (reject.type) {
    case roster::Reject::Type::kInvalid:
      return "Invalid";
    case roster::Reject::Type::kDuplicate:
      return "Duplicate";
    case roster::Reject::Type::kSuppressed:
      return "Suppressed";
  }
  return "";
}

std::string EventRenderer::RenderOutcome(const ledger::Outcome& outcome, std::uint64_t seq) {
  const roster::Manifest& manifest = roster_.manifest();
  const roster::RecipientView recipient = roster_.Recipient(outcome.recipient);
  const std::string_view type = TypeOfOutcome(outcome.kind);
  Json json;
  // What is held is tried again as the same attempt.
  const bool held = outcome.kind == ledger::OutcomeKind::kHeld;
  json["event_id"] = EventId(manifest.campaign, recipient.row, held ? seq : outcome.number, held ? "Held" : type);
  json["seq"] = seq;
  json["type"] = std::string(type);
  const std::string token = context_.token ? context_.token(recipient.row) : "";
  AddText(json, "id", token);
  json["campaign"] = manifest.campaign;
  json["row"] = recipient.row;
  json["key"] = std::string(recipient.key);
  json["revision"] = outcome.revision;
  const bool has_row = row_.SetPayload(recipient.is_json, recipient.payload).ok();
  message::RenderInput input;
  input.row = &row_.value();
  input.row_number = recipient.row;
  input.address = recipient.shown;
  input.token = token;
  input.needs_smtputf8 = recipient.needs_smtputf8;
  if (has_row && context_.message != nullptr && context_.message->RenderEnvelope(input, envelope_).ok())
    json["sender"] = std::string(envelope_.envelope_sender());
  json["recipient"] = std::string(recipient.address);
  const auto tenant = manifest.campaign_meta.find("tenant");
  const std::string owner =
      tenant == manifest.campaign_meta.end() ? manifest.campaign : manifest.campaign + ":" + tenant->second;
  json["queue"] = absl::StrFormat("%s@%s", owner, roster_.DomainOf(outcome.recipient));
  AddConnection(json, outcome);
  AddResponse(json, outcome);
  AddTime(json, outcome.time);
  json["created"] = manifest.prepared_at.seconds();
  json["created_time"] = base::FormatRfc3339Microseconds(manifest.prepared_at);
  json["num_attempts"] = outcome.number;
  json["bounce_classification"] =
      outcome.classification.empty() ? "Uncategorized" : std::string(outcome.classification);
  json["delivery_protocol"] = "ESMTP";
  json["nodeid"] = context_.node_id;
  json["size"] = outcome.size;
  AddText(json, "tls_protocol_version", outcome.tls_protocol);
  AddText(json, "tls_cipher", outcome.tls_cipher);
  if (!outcome.tls_protocol.empty()) json["tls_resumed"] = outcome.tls_resumed;
  if (outcome.session != 0) {
    json["session_id"] = absl::StrFormat("%x", outcome.session);
    json["conn_use"] = outcome.connection_use;
  }
  AddTimings(json, outcome.timings);
  AddText(json, "throttled_by", outcome.throttled_by);
  if (outcome.kind == ledger::OutcomeKind::kHeld) json["held"] = true;
  Json meta = Json::object();
  for (const auto& [name, value] : manifest.campaign_meta) meta[name] = value;
  if (has_row) {
    for (const std::string& name : manifest.meta) meta[name] = std::string(row_.Text(name));
  }
  json["meta"] = std::move(meta);
  return Line(json);
}

std::string EventRenderer::Render(const ledger::Record& record, std::uint64_t seq) {
  if (const auto* outcome = std::get_if<ledger::Outcome>(&record)) return RenderOutcome(*outcome, seq);
  const auto* campaign = std::get_if<ledger::CampaignState>(&record);
  const Json fields =
      campaign != nullptr ? CampaignStateEvent(*campaign) : SiteStateEvent(std::get<ledger::SiteState>(record));
  Json json;
  json["event_id"] = EventId(roster_.manifest().campaign, 0, seq, TypeOf(record));
  json["seq"] = seq;
  json["campaign"] = roster_.manifest().campaign;
  json["nodeid"] = context_.node_id;
  json.update(fields);
  return Line(json);
}

std::string EventRenderer::Render(const roster::Reject& reject) {
  const roster::Manifest& manifest = roster_.manifest();
  const std::string_view type = TypeOf(reject);
  Json json;
  json["event_id"] = EventId(manifest.campaign, reject.row, 0, type);
  json["seq"] = 0;
  json["type"] = std::string(type);
  json["campaign"] = manifest.campaign;
  json["row"] = reject.row;
  json["line"] = reject.line;
  json["recipient"] = reject.address;
  AddText(json, "reason", reject.reason);
  if (reject.type == roster::Reject::Type::kDuplicate) json["first_row"] = reject.first_row;
  AddTime(json, manifest.prepared_at);
  json["nodeid"] = context_.node_id;
  return Line(json);
}

}  // namespace report
