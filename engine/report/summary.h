// What happened to a campaign, in numbers: folded from its ledger and its manifest. Memory is bounded, whatever the
// campaign's size.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ledger/record.h"
#include "engine/ledger/state.h"
#include "engine/report/histogram.h"
#include "engine/roster/manifest.h"

namespace report {

class Summary {
 public:
  Summary(const roster::Manifest& manifest, ledger::StateTable table) : manifest_(manifest), table_(table) {}

  // Takes the next record, in order.
  void Add(const ledger::Record& record);
  // `running`: a program is at work on the campaign now. `now`: for the elapsed time of a running one.
  std::string ToJson(bool running, base::WallTime now) const;
  // `option` follows the campaign's id in the commands that people are told: " --state DIR".
  std::string ToText(bool running, base::WallTime now, std::string_view option = "") const;

 private:
  static constexpr std::size_t kGroupsMax = 10'000;    // Sites, sources, providers; the rest is "other".
  static constexpr std::size_t kTemplatesMax = 1'000;  // Reply texts.
  struct Group {
    std::uint64_t delivered = 0, bounced = 0, deferred_attempts = 0, tls = 0;
    std::map<std::string, std::uint64_t, std::less<>> limits;  // Of a provider: attempts that each held last.
  };
  struct Response {
    std::uint64_t count = 0;
    std::uint16_t code = 0;
    std::string enhanced, provider, example;
  };
  struct Totals {
    std::uint64_t by_state[8] = {};
    std::uint64_t held = 0;
    std::uint64_t pending() const { return by_state[0] + by_state[1]; }
  };

  void Take(const ledger::Outcome& outcome);
  static void CountLimit(const ledger::Outcome& outcome, Group& provider);
  void CountRate(base::WallTime time);
  Totals Count() const;
  base::WallTime End(const Totals& totals, bool running, base::WallTime now) const;
  static Group& GroupOf(std::map<std::string, Group, std::less<>>& groups, std::string_view name);

  const roster::Manifest& manifest_;
  ledger::StateTable table_;
  ledger::CampaignFacts facts_;
  std::uint64_t attempts_ = 0, deferred_attempts_ = 0, bytes_ = 0;
  base::WallTime last_;
  std::int64_t rate_second_ = 0;
  std::uint64_t rate_count_ = 0, rate_peak_ = 0;
  std::map<std::string, Group, std::less<>> providers_, sites_, sources_;
  std::map<std::string, std::uint64_t, std::less<>> bounces_;
  std::map<std::string, Response, std::less<>> responses_;  // By normalised text.
  Histogram connect_, tls_, dot_;
};

// What reports call the state of a campaign.
std::string_view StateName(const ledger::CampaignFacts& facts, std::uint64_t pending, bool running);

// The reply text without what differs from message to message.
std::string ResponseTemplate(std::string_view text);

}  // namespace report
