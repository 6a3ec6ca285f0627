// What a site shares with others: with shards and campaigns, and with the sites of its provider.
#pragma once

#include <memory>
#include <vector>

#include "engine/delivery/limit_group.h"
#include "engine/delivery/site_standing.h"
#include "engine/delivery/warmup.h"

namespace delivery {

struct SharedLimits {
  struct Group {
    std::shared_ptr<LimitGroup> group;
    LimitOptions options;  // What the site allows there.
  };
  std::shared_ptr<SiteStanding> standing;  // Of the (source, site).
  std::shared_ptr<SiteStanding> own;       // Of a domain with limits of its own there: these, and nothing is learned.
  std::vector<Group> groups;               // Where the provider has limits, or all sources together; the widest first.
  std::shared_ptr<Warmup> warmup;          // Of the source at the provider; null: none.
};

}  // namespace delivery
