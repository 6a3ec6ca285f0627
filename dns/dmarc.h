// DMARC as a receiver finds it: the policy of a From domain, and which other domains belong to the same organization,
// by walking up the tree of names (RFC 9989 section 4.10). Pure over a Lookup.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/dmarc_record.h"
#include "dns/lookup.h"

namespace dns {

struct DmarcWalk {
  struct Step {
    std::string domain;  // Whose record it is, without "_dmarc".
    std::string text;
    DmarcRecord record;
  };
  struct Several {
    std::string domain;
    std::vector<std::string> texts;
  };
  std::vector<Step> records;     // From the domain upwards; at most one for each name.
  std::string organization;      // The organizational domain; the domain itself, where no record says more.
  std::vector<Several> several;  // Names with several records, of which none counts.
  bool temporary = false;        // Some question was not answered: the rest is not known.
  std::string detail;            // Then: which, and why.
};

inline constexpr std::size_t kDmarcQueriesMax = 8;

// The names that the walk asks for, in their order, as far as no record ends it: "_dmarc.news.example.com" and so on.
std::vector<std::string> DmarcNames(std::string_view domain);

// At most kDmarcQueriesMax questions. `domain` as NormalizeName has it.
DmarcWalk WalkDmarc(Lookup& lookup, std::string_view domain);

// The record whose policy holds for the domain that was walked from: its own, else that of its organization, else that
// of a public suffix (psd=y) above. Null: there is none.
const DmarcWalk::Step* PolicyFor(const DmarcWalk& walk, std::string_view domain);

// Whether a domain that passed SPF or DKIM counts for a From domain (section 4.4). Strict: the same. Relaxed: of the
// same organization. Nullopt: the DNS gave no answer.
std::optional<bool> IsAligned(Lookup& lookup, std::string_view from_domain, std::string_view domain, bool strict);

}  // namespace dns
