// The look at the sender that `check` makes, and `send` before it prepares anything and each time it goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"
#include "engine/preflight/finding.h"
#include "engine/preflight/sender.h"
#include "engine/run_options.h"

namespace engine {

// What `send` does with checks that fail.
enum class Preflight : std::uint8_t {
  kNone,     // They are not made.
  kWarn,     // It tells of them, and sends all the same.
  kRequire,  // It sends nothing.
};

struct SenderCheck {
  const campaign::Campaign& campaign;
  const config::Config& config;
  const config::Shaping& shaping;
  const SendingMeans& means;
  std::optional<bool> shows_unsubscribe = std::nullopt;  // As CheckResult says. None: no message was looked at.
  bool is_rehearsal = false;  // The mail goes to a sandbox: how this machine is seen from outside is of no account.
  // Done about ten times a second while the DNS is asked; false: it is asked no longer.
  std::function<bool()> while_waiting = [] { return true; };
};
// The domain of the envelope sender; empty: it differs from row to row.
std::string EnvelopeDomain(const campaign::Campaign& campaign);
// Errors: a key cannot be read; it was, by LoadMeans.
absl::StatusOr<preflight::Sender> SenderOf(const SenderCheck& check);
// Asks the DNS: each question three times for a second and a half, all at once that need no other answer first, and for
// half a minute at most, or longer where there are many sources. What is not known by then is a warning that says so.
absl::StatusOr<preflight::Report> CheckSender(const SenderCheck& check);

// The sender, and the message as message::LintMessage looks at it. Errors: Aborted, a check fails and `preflight`
// requires that none does; one line for each, with what to publish.
absl::Status RequireReady(const SenderCheck& check, Preflight preflight, base::Log& log);

}  // namespace engine
