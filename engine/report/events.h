// The ledger's records as events: one JSON object per line, with KumoMTA's names and units, so that tools for its logs
// read them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/ledger/record.h"
#include "engine/message/renderer.h"
#include "engine/roster/roster.h"
#include "engine/roster/row_value.h"

namespace report {

// What an event says beside its record.
struct EventContext {
  std::string node_id;  // Stable for this host.
  // The token of a row: Message-ID without the domain. Empty function: no ids.
  std::function<std::string(std::uint64_t row)> token;
  // What the messages were rendered with: it says the envelope sender. Outlives the renderer; null: no senders.
  const message::MessageTemplate* message = nullptr;
};

class EventRenderer {
 public:
  // The roster outlives the renderer.
  EventRenderer(const roster::Roster& roster, EventContext context);

  // "Delivery", "TransientFailure", "Bounce", "Expiration", "AdminBounce", "Withdrawn", "InDoubt", "CampaignState",
  // "SiteState"; empty: the record is no event (an attempt that begins, a recipient that is due again).
  static std::string_view TypeOf(const ledger::Record& record);
  // One line without its end. Requires: TypeOf is not empty.
  std::string Render(const ledger::Record& record, std::uint64_t seq);
  std::string Render(const roster::Reject& reject);

  // The campaign's id, the row, the attempt and the type make the event's id: the same event has the same id each time.
  static std::string EventId(std::string_view campaign, std::uint64_t row, std::uint64_t attempt,
                             std::string_view type);
  static std::string_view TypeOf(const roster::Reject& reject);  // "Invalid", "Duplicate", "Suppressed"

 private:
  std::string RenderOutcome(const ledger::Outcome& outcome, std::uint64_t seq);

  const roster::Roster& roster_;
  const EventContext context_;
  roster::RowValue row_;
  message::Rendered envelope_;
};

}  // namespace report
