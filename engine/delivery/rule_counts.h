// How often replies of one receiver fitted its automation rules, for all shards and campaigns of the program: a count
// for each rule and for whom it acts. Pure.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/time.h"
#include "engine/config/automation.h"
#include "engine/delivery/suspensions.h"

namespace delivery {

class RuleCounts {
 public:
  // A reply fitted the rule. True: it acts now for `scope` (suspensions.h), for whom it is counted apart. Where it
  // suspends them it is quiet until that is over: replies that were under way when it was decided say nothing new.
  bool OnFit(const config::AutomationRule& rule, std::string_view scope, base::Instant now);
  void Forget(Suspensions::Scopes scopes);             // The counts for these.
  bool IsUnused(base::Instant now) const;              // Nothing that is counted matters any more.
  std::size_t size() const { return counts_.size(); }  // Rules and scopes that are remembered.

 private:
  struct Count {
    std::deque<base::Instant> seen;  // Replies that fitted, within the rule's period; at most its number.
    base::Instant quiet_until = base::Instant::FromNanoseconds(INT64_MIN);
    base::Instant matters_until = base::Instant::FromNanoseconds(INT64_MIN);
  };
  static bool IsReached(const config::AutomationRule& rule, Count& count, base::Instant now);

  std::map<std::pair<std::string, std::string>, Count> counts_;  // By identity of the rule, and scope.
};

}  // namespace delivery
