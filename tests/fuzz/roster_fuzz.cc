// Module: roster
// Any text as a manifest, a JSON row or a stored row.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/roster/manifest.h"
#include "engine/roster/row_value.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<roster::Manifest> manifest = roster::Manifest::FromJson(text, "f");
  if (manifest.ok()) {
    const std::string written = manifest->ToJson();
    const absl::StatusOr<roster::Manifest> again = roster::Manifest::FromJson(written, "f");
    CHECK(again.ok() && again->ToJson() == written);
  } else {
    CHECK(absl::IsDataLoss(manifest.status()));
  }
  const std::vector<std::string> columns = {"email", "name"};
  const roster::RowValue::Defaults defaults = {{"name", "friend"}};
  roster::RowValue row(columns, defaults);
  for (int i = 0; i < 2; ++i) {
    if (row.SetJson(text).ok()) CHECK(row.value().kind == message::Value::Kind::kObject);
    static_cast<void>(row.SetPayload(i == 0, text));
    static_cast<void>(row.Text("name"));
  }
  return 0;
}
