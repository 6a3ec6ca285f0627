// Reads the table [message] of a campaign file, and the files that it names.
#pragma once

#include <string>
#include <string_view>

#include "engine/campaign/campaign.h"
#include "engine/campaign/document.h"

namespace campaign {

// The text of a key, with its place in `file`; empty where it is absent.
SourceText ReadText(Section& section, std::string_view key, const std::string& file);

// A file named in a campaign file of this folder ("" or with a "/" at the end), as it can be opened.
std::string ResolvePath(const std::string& folder, const std::string& file);

// Fills campaign.message and campaign.missing_files; mistakes go to where the section gathers them.
void LoadMessage(Section message, const std::string& folder, Campaign& campaign);

}  // namespace campaign
