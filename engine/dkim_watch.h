// The records of the keys that sign, looked up again every hour while a campaign runs, and when the operator resumes
// it: without them every message fails.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "dns/resolver.h"
#include "engine/base/time.h"
#include "engine/delivery/pause.h"
#include "engine/dkim/key_record.h"

namespace engine {

class DkimWatch {
 public:
  struct Times {
    base::Duration every = base::Duration::Hours(1);
    base::Duration again = base::Duration::Minutes(1);  // At first; after an answer that the record is gone or wrong…
    // …or when its time to live is over (else the resolver says the same again), but not later than this.
    base::Duration again_max = base::Duration::Hours(1);
  };
  static Times Every(base::Duration time) { return {time, std::min(time, Times().again), Times().again_max}; }
  // The resolver outlives the watch, or calls nobody back after its end.
  DkimWatch(std::vector<dkim::PublishedKey> keys, dns::Resolver& resolver, const Times& times, base::Instant now);
  DkimWatch(const DkimWatch&) = delete;
  DkimWatch& operator=(const DkimWatch&) = delete;

  // The operator resumes: every record is looked up at once, and as at the start of a campaign one answer will do.
  void LookNow();
  // To be called all the time. Why the campaign has to pause: two answers in a row say that a key's record is gone, or
  // is not that of the key; told once, until it is good again. No answer says nothing.
  std::optional<delivery::PauseReason> Poll(base::Instant now);

 private:
  struct Watched {
    dkim::PublishedKey key;
    base::Instant next;
    bool asks = false;
    std::optional<dns::Answer> answer;
    bool is_known = false;  // There was an answer, of whatever kind.
    int faults = 0;         // In a row.
    bool is_told = false;
  };
  std::optional<delivery::PauseReason> Judge(Watched& watched, base::Instant now);

  dns::Resolver& resolver_;
  const Times times_;
  std::vector<Watched> keys_;
};

}  // namespace engine
