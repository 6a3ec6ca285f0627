#include "engine/campaign/listmonk_rows.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "nlohmann/json.hpp"

namespace campaign {
namespace {

constexpr std::string_view kEmail = "email", kName = "name", kAttributes = "attributes";
constexpr int kDepthMax = 32;

class ListmonkReader final : public RowReader {
 public:
  explicit ListmonkReader(std::unique_ptr<RowReader> csv) : csv_(std::move(csv)) {
    const auto find = [this](std::string_view name) {
      return static_cast<std::size_t>(std::find(csv_->columns().begin(), csv_->columns().end(), name) -
                                      csv_->columns().begin());
    };
    email_ = find(kEmail);
    name_ = find(kName);
    attributes_ = find(kAttributes);
  }

  absl::StatusOr<bool> Next(Row& row) override {
    absl::StatusOr<bool> any = csv_->Next(row);
    if (!any.ok() || !*any || !row.error.empty()) return any;
    const std::string_view text = base::TrimAscii(row.fields[attributes_]);
    bool too_deep = false;  // Found while reading: what nlohmann does with a whole document recurses.
    const auto look = [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
      too_deep = too_deep || depth > kDepthMax;
      return depth <= kDepthMax;
    };
    nlohmann::json attributes =
        text.empty() ? nlohmann::json::object() : nlohmann::json::parse(text, look, /*allow_exceptions=*/false);
    nlohmann::json object = attributes.is_object() ? attributes : nlohmann::json::object();
    object[kEmail] = row.fields[email_];
    object[kName] = row.fields[name_];
    if (attributes.is_object()) {
      object[kAttributes] = std::move(attributes);
    } else {
      row.error = "the column attributes is no JSON object";
    }
    if (too_deep) row.error = absl::StrFormat("the column attributes is nested deeper than %d", kDepthMax);
    json_ = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    row.json = json_;
    row.fields = {};
    return true;
  }
  const std::vector<std::string>& columns() const override { return no_columns_; }
  RowFormat format() const override { return RowFormat::kNdjson; }
  std::uint64_t bytes_consumed() const override { return csv_->bytes_consumed(); }

 private:
  const std::unique_ptr<RowReader> csv_;
  const std::vector<std::string> no_columns_;
  std::size_t email_ = 0, name_ = 0, attributes_ = 0;
  std::string json_;
};

}  // namespace

bool IsListmonk(const std::vector<std::string>& columns) {
  std::vector<std::string> sorted = columns;
  std::sort(sorted.begin(), sorted.end());
  return sorted == std::vector<std::string>{std::string(kAttributes), std::string(kEmail), std::string(kName)};
}

std::unique_ptr<RowReader> MakeListmonkReader(std::unique_ptr<RowReader> csv) {
  return std::make_unique<ListmonkReader>(std::move(csv));
}

}  // namespace campaign
