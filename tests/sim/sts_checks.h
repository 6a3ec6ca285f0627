// MTA-STS policies of simulated domains, which come, change and go, and cannot be had now and then; and what the
// program may make of them: nobody of a domain whose policy enforces is named in clear or to a host that the policy
// does not name, and nothing is delivered there without a certificate that holds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"
#include "tests/sim/resolver.h"
#include "tests/sim/seams.h"
#include "tests/sim/world.h"
#include "tls/policy.h"

namespace sim {

class StsChecks {
 public:
  // What the program may hold to be a domain's policy.
  struct Possible {
    tls::Policy least{tls::Policy::Use::kNever, tls::Policy::Verification::kNone};
    std::optional<std::set<std::size_t>> providers;  // Whose hosts it names. Nullopt: all.
  };

  explicit StsChecks(World& world) : world_(world), fetcher_(world) {}
  // Draws the policies of domains "d0.example" and so on.
  void Draw(base::Prng& prng, std::uint64_t domains, std::size_t providers);
  // The names as they are, and those that lead to policies.
  Names Over(Names names) const;
  tls::PolicyFetcher& fetcher() { return fetcher_; }

  // The program was told so.
  void OnAnswer(const std::string& name, dns::RecordType type, const dns::Answer& answer);
  void OnPolicy(const std::string& domain, const absl::StatusOr<std::string>& file);
  void OnCacheLost();

  bool Has(std::string_view domain) const { return plans_.contains(domain); }
  // At `at`, where a look-up counts for `patience`. Empty: it ought to have looked again.
  std::vector<Possible> PossibleAt(std::string_view domain, base::Instant at, base::Duration patience) const;

 private:
  enum class Mode : std::uint8_t { kNone, kTesting, kEnforce };
  struct Policy {
    base::Instant from;
    std::string id;     // Of the record; empty: there is none.
    std::string file;   // What is served; empty: nothing.
    bool valid = true;  // The file is a policy.
    Mode mode = Mode::kNone;
    std::set<std::size_t> providers;
    base::Duration max_age;
  };
  struct Known {
    base::Instant from, until;
    const Policy* policy;  // Null: a look-up ended without one; then it is of one moment.
  };
  Policy DrawPolicy(base::Prng& prng, std::size_t providers, int number) const;
  const Policy& Current(const std::vector<Policy>& plan) const;
  void NoteNone(const std::string& domain);

  World& world_;
  SimPolicyFetcher fetcher_;
  std::map<std::string, std::vector<Policy>, std::less<>> plans_;  // By domain; the first is from the start.
  std::map<std::string, std::vector<Known>, std::less<>> known_;
  std::map<std::string, base::Instant> failed_at_;  // The last fetch that did not give a policy.
};

}  // namespace sim
