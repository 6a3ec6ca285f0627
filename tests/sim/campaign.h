// A prepared campaign on a simulated disk: what shards send from, and reports read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "engine/delivery/job.h"
#include "engine/delivery/signature_file.h"
#include "engine/ledger/record.h"
#include "engine/message/renderer.h"
#include "engine/roster/roster.h"

namespace sim {

class Campaign {
 public:
  struct Options {
    std::vector<std::string> addresses;  // Of rows 1, 2, …
    std::string body = "Hello {{name}}.\n";
    std::string sender = "bounce+{{token}}@example.com";  // A template, as `body` is.
    roster::Manifest manifest = {};                       // What it says beside counts and columns ("email", "name").
    std::vector<roster::Reject> rejects = {};
  };
  Campaign(io::Disk& disk, const std::string& folder, Options options);

  const roster::Roster& roster() const { return *roster_; }
  const message::MessageTemplate& message() const { return *message_; }
  ledger::RecipientId IdOf(std::string_view address) const;  // Requires: it is a recipient.
  // A job with one source and no limits; states and shaping are the caller's.
  delivery::Job MakeJob() const;

  // Gives the job signatures of its keys that were made before, at about `now`, by `sign`; some are missing, others too
  // old, of another message, or damaged.
  using Sign = std::string (*)(std::uint32_t key, const dkim::Digest& digest);
  void Seal(io::Disk& disk, delivery::Job& job, base::Prng& prng, base::WallTime now, Sign sign);

 private:
  std::unique_ptr<const roster::Roster> roster_;
  std::unique_ptr<const message::MessageTemplate> message_;
  std::unique_ptr<const delivery::SignatureFile> signatures_;
  const std::string folder_;
};

}  // namespace sim
