// One campaign as the shards see it: constant while it runs, shared by all of them, read-only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/campaign/suppression.h"
#include "engine/delivery/pause.h"
#include "engine/delivery/retry_plan.h"
#include "engine/delivery/sample.h"
#include "engine/delivery/smarthost.h"
#include "engine/delivery/source.h"
#include "engine/dkim/signing_key.h"
#include "engine/ledger/record.h"
#include "engine/smtp/rule_set.h"
#include "tls/policy.h"

namespace config {
class Shaping;
}
namespace ledger {
class StateTable;
}
namespace message {
class MessageTemplate;
}
namespace roster {
class Roster;
}

namespace delivery {

class KeptSources;
class SignatureFile;

// A (source, site) rests for a while. `scope`: for whom (suspensions.h).
struct SuspensionNews {
  std::string site, provider, source, scope;
  base::WallTime until;
  std::string reason, sample;
};

struct Job {
  std::string campaign;     // Its id.
  std::string tenant = {};  // Whose it is (meta.tenant); empty: nobody's.
  std::string pool;         // Name of the pool of sources.
  const roster::Roster* roster = nullptr;
  const message::MessageTemplate* message = nullptr;
  std::vector<dkim::SigningKey> keys;                   // Each message is signed with all of them.
  const SignatureFile* signatures = nullptr;            // Made before, with these keys; null: none.
  std::string fixed_header = {};                        // Header fields in front of each message, as they are.
  std::function<std::string(std::uint64_t row)> token;  // The token of a row; any thread.
  const config::Shaping* shaping = nullptr;
  const smtp::RuleSet* reply_rules = &smtp::RuleSet::None();  // The operator's.
  ledger::StateTable* states = nullptr;       // The run's own; each entry is touched by one shard at a time.
  std::vector<Source> sources;                // At least one.
  const KeptSources* kept_sources = nullptr;  // Null: the ledger says of each recipient what `states` does.
  RetryPlan retry_plan;
  std::optional<base::WallTime> date;                         // What the Date header says; none: the moment of sending.
  std::optional<base::Rate> max_message_rate = std::nullopt;  // Over all sites.
  base::Duration max_age;                                     // From a recipient's first attempt.
  std::optional<base::WallTime> finish_by;                    // Whoever is pending then becomes expired.
  std::uint64_t sample_below = kWholeSample;                  // Who is not in the sample stays as they are.
  bool resend_in_doubt = false;
  bool resolver_trusted = false;  // However many domains do not exist.
  campaign::Budget budget = {};
  // Who is on these lists gets nothing, other than those who were left out when the campaign was prepared. Null:
  // nobody.
  std::shared_ptr<const campaign::SuppressionLists> suppression = nullptr;
  // Classes of bounces (smtp/classification.h) whose recipients `on_learned` hears of, once the bounce is durable; from
  // any thread.
  std::vector<std::string> learned_classes = {};
  std::function<void(ledger::RecipientId)> on_learned = nullptr;
  // What the operator wants to be told at once; from any thread. Null: nothing.
  std::function<void(const SuspensionNews&)> on_suspended = nullptr;
  std::function<void(const PauseReason&)> on_part_paused = nullptr;  // Of a part of the campaign.
  bool Learns(std::string_view classification) const {
    return std::find(learned_classes.begin(), learned_classes.end(), classification) != learned_classes.end();
  }
  tls::Policy tls_least{tls::Policy::Use::kNever, tls::Policy::Verification::kNone};  // Shaping may ask for more.
  std::optional<Smarthost> smarthost = std::nullopt;  // None: to each domain's own exchangers.
  std::uint16_t port = 25;
  bool allow_private_destinations = false;
  std::uint32_t campaign_number = 0;  // Of those that this program runs at the same time.
  std::uint32_t weight = 1;           // Of what campaigns share. At least 1.
  std::uint64_t run = 0;              // Number of this run of the campaign, from 1; part of session ids.
};

}  // namespace delivery
