#include "engine/roster/remainder.h"

#include "engine/roster/layout.h"

namespace roster {
namespace {

void AppendField(std::string_view field, std::string& line) {
  if (field.find_first_of(",\"\r\n;\t") == std::string_view::npos) {
    line += field;
    return;
  }
  line.push_back('"');
  for (const char c : field) {
    if (c == '"') line.push_back('"');
    line.push_back(c);
  }
  line.push_back('"');
}

}  // namespace

absl::Status WriteRows(const Roster& roster, absl::FunctionRef<bool(std::uint64_t id)> chosen,
                       absl::FunctionRef<void(std::string_view text)> write) {
  std::string line;
  const std::vector<std::string>& columns = roster.manifest().columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) line.push_back(',');
    AppendField(columns[i], line);
  }
  if (!columns.empty()) write(line + "\r\n");
  for (std::uint64_t id = 0; id < roster.recipients(); ++id) {
    if (!chosen(id)) continue;
    const RecipientView recipient = roster.Recipient(id);
    line.clear();
    if (recipient.is_json) {
      line = std::string(recipient.payload) + "\n";
    } else {
      FieldReader in(recipient.payload);
      for (bool first = true; !in.AtEnd(); first = false) {
        if (!first) line.push_back(',');
        AppendField(in.Text(), line);
        if (!in.ok()) return absl::DataLossError("a row of the prepared campaign is damaged");
      }
      line += "\r\n";
    }
    write(line);
  }
  return absl::OkStatus();
}

}  // namespace roster
