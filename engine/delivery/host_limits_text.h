// The lines of the file that HostLimits writes for a source.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/time.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/site_standing.h"
#include "engine/delivery/suspensions.h"
#include "engine/delivery/warmup.h"

namespace delivery {

inline constexpr std::string_view kSiteWord = "site", kHeldWord = "held", kSetWord = "set",
                                  kSetDomainWord = "set-domain";

// `source` empty: all of them.
void AppendLine(std::string_view kind, std::string_view source, std::string_view name, const SiteStanding::Kept& kept,
                const Suspensions::Kept& held, std::string& text);
// All lines of a site, or of a group.
void AppendLimits(std::string_view kind, std::string_view source, std::string_view name, const SiteStanding::Kept& kept,
                  base::Instant now, std::string& text);
void AppendWarmup(const HostLimits::GroupName& name, const Warmup::Kept& kept, std::string& text);

struct LimitsLine {
  std::string kind, source, name;
  SiteStanding::Kept kept;
  Suspensions::Kept held;
};
bool ReadLine(std::string_view text, LimitsLine& line);  // False: it is damaged.
// False: the line is of another kind. Errors: kDataLoss, it is damaged.
absl::StatusOr<bool> ReadWarmup(std::string_view text, HostLimits::GroupName& name, Warmup::Kept& kept);

}  // namespace delivery
