#include "engine/test_send.h"

#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "engine/campaign/address.h"
#include "engine/ledger/reader.h"

namespace engine {
namespace {

std::string_view Described(ledger::OutcomeKind kind) {
  switch (kind) {
    case ledger::OutcomeKind::kDelivered:
      return "delivered";
    case ledger::OutcomeKind::kDeferred:
    case ledger::OutcomeKind::kResend:
      return "deferred";
    case ledger::OutcomeKind::kBounced:
      return "bounced";
    case ledger::OutcomeKind::kHeld:
      return "not accepted yet";
    case ledger::OutcomeKind::kInDoubt:
      return "in doubt";
    case ledger::OutcomeKind::kExpired:
      return "expired";
    case ledger::OutcomeKind::kWithdrawn:
      return "withdrawn";
    case ledger::OutcomeKind::kCancelled:
      return "cancelled";
  }
  return "";
}

// "delivered: 250 2.0.0 Ok", from the last outcome in the ledger.
absl::StatusOr<std::string> WhatBecame(io::Disk& disk, const StartedCampaign& started) {
  ledger::Reader reader(disk, {.directory = started.paths.ledger(),
                               .campaign_hash = started.hash(),
                               .recipients = started.roster->recipients(),
                               .live = false});
  std::string text = "not attempted";
  while (true) {
    absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) return text;
    const auto* site = std::get_if<ledger::SiteState>(&(*next)->record);
    if (site != nullptr && site->until > site->time) {  // A greeting that says no is no attempt.
      text = absl::StrFormat("%s: %s is suspended (%s): %s", Described(ledger::OutcomeKind::kHeld), site->site,
                             site->reason, site->sample);
    }
    const auto* outcome = std::get_if<ledger::Outcome>(&(*next)->record);
    if (outcome == nullptr) continue;
    text = std::string(Described(outcome->kind));
    if (outcome->reply_code != 0) absl::StrAppendFormat(&text, ": %d", outcome->reply_code);
    if (outcome->enhanced[0] != 0)
      absl::StrAppendFormat(&text, " %d.%d.%d", outcome->enhanced[0], outcome->enhanced[1], outcome->enhanced[2]);
    if (!outcome->reply_text.empty())
      absl::StrAppendFormat(&text, "%s%s", outcome->reply_code != 0 ? " " : ": ", outcome->reply_text);
  }
}

}  // namespace

absl::Status MakeTestSend(io::Disk& disk, std::uint64_t row, const std::string& recipient, RunRequest& request) {
  campaign::Address address;
  std::string_view reason;
  if (!campaign::ParseAddress(recipient, address, reason))
    return absl::OutOfRangeError(absl::StrFormat("--only-to %s: %s", recipient, reason));
  absl::StatusOr<campaign::TokenKey> key = LoadTokenKey(disk, request.token_key_file);
  if (!key.ok()) return key.status();
  const std::string& id = request.campaign->id;
  absl::StatusOr<std::string> token = key->MakeForTest(id, row);
  if (!token.ok()) return token.status();
  request.paths = TestPathsOf(request.paths.root, id, *token);
  request.test = {.row = row, .token = *std::move(token), .recipient = address.wire, .shown = ""};
  return absl::OkStatus();
}

RunOutcome ConcludeTest(io::Disk& disk, const StartedCampaign& started, const RunResult& result) {
  const absl::StatusOr<std::string> became = WhatBecame(disk, started);
  if (!became.ok()) return {kExitFailure, became.status(), ""};
  const roster::TestSend& test = *started.roster->manifest().test;
  std::string line = absl::StrFormat("%s: test of row %d to %s: %s (token %s)", started.roster->manifest().campaign,
                                     test.row, test.recipient, *became, test.token);
  switch (result.end) {
    case RunEnd::kFinished:
      return {kExitOk, absl::OkStatus(), std::move(line)};
    case RunEnd::kInterrupted:
      return {kExitInterrupted, absl::OkStatus(), line + "; interrupted: another test is another message"};
    case RunEnd::kPaused:
    case RunEnd::kFailed:
      break;
  }
  return {kExitPaused, absl::OkStatus(),
          absl::StrFormat("%s; %s%s; when that is mended, send another test", line, result.pause.reason,
                          result.pause.sample.empty() ? "" : " (" + result.pause.sample + ")")};
}

}  // namespace engine
