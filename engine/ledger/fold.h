// What the records of a ledger say, one after the other.
#pragma once

#include "absl/status/status.h"
#include "engine/ledger/reader.h"
#include "engine/ledger/state.h"

namespace ledger {

// All that the reader has now, on top of what `table` and `facts` say. Errors: as Reader::Next.
absl::Status Fold(Reader& reader, StateTable& table, CampaignFacts& facts);

}  // namespace ledger
