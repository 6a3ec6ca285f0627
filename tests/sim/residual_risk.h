// What verdicts of section 3 cannot tell apart: the connection ended in place of the reply to MAIL, before the server
// had read the message or after it had accepted it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/io/disk.h"
#include "engine/ledger/record.h"

namespace sim {

// By recipient, how many of its attempts ended so, as the ledger says.
std::map<ledger::RecipientId, std::uint64_t> ResidualRisks(io::Disk& disk, const std::string& ledger_folder);

}  // namespace sim
