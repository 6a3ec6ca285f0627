// A campaign to prepare in a folder of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/campaign/campaign.h"
#include "engine/campaign/suppression.h"
#include "engine/message/renderer.h"
#include "engine/roster/prepare.h"
#include "engine/roster/roster.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/scratch_folder.h"
#include "tests/unit/roster/spy_disk.h"

namespace roster::testing {

class Preparing {
 public:
  Preparing() {
    campaign.id = "weekly-48";
    campaign.from_address = "news@example.com";
    Rows("email,name\n");
    Text("Hello {{name}}");
  }

  // What the recipients file has.
  void Rows(std::string_view content, std::string_view name = "rows.csv") {
    campaign.recipients.file = folder.Write(name, content);
  }
  // What the message says.
  void Text(std::string text, message::OnMissing on_missing = message::OnMissing::kInvalid) {
    message::MessageSpec spec = Spec();
    spec.on_missing = on_missing;
    spec.text = message::TemplateText{std::move(text), "body.txt", 1};
    Message(std::move(spec));
  }
  message::MessageSpec Spec() const {
    message::MessageSpec spec;
    spec.campaign_id = campaign.id;
    spec.kind = message::MailKind::kTransactional;
    spec.from_address = campaign.from_address;
    spec.subject = {"Hello", "c.toml", 7};
    spec.text = message::TemplateText{"Hello", "body.txt", 1};
    return spec;
  }
  void Message(message::MessageSpec spec) {
    absl::StatusOr<std::unique_ptr<const message::MessageTemplate>> compiled =
        message::MessageTemplate::Compile(std::move(spec));
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    if (compiled.ok()) message_ = *std::move(compiled);
  }
  void Suppress(std::string_view lines) {
    auto list = std::make_shared<campaign::Suppression>();
    const absl::Status status = list->Add(lines, "stop.txt");
    EXPECT_TRUE(status.ok()) << status;
    list->Seal();
    suppression_.Add(std::move(list));
  }

  absl::Status Run() {
    const auto progress = [this](std::uint64_t rows, std::uint64_t bytes) {
      progress_rows.push_back(rows);
      progress_bytes = bytes;
      return rows < stop_at_rows;
    };
    return Prepare(disk, {.directory = folder.path(),
                          .campaign = &campaign,
                          .suppression = &suppression_,
                          .message = message_.get(),
                          .template_snapshot = "snapshot",
                          .dkim_keys = {},
                          .campaign_hash = 48,
                          .test = test,
                          .now = base::WallTime::FromSeconds(1'795'507'200),
                          .arena_bytes = arena_bytes,
                          .progress = progress});
  }
  // The roster of a preparation that works out.
  std::unique_ptr<const Roster> Good() {
    const absl::Status status = Run();
    EXPECT_TRUE(status.ok()) << status;
    return status.ok() ? Opened() : nullptr;
  }
  std::unique_ptr<const Roster> Opened() {
    absl::StatusOr<std::unique_ptr<const Roster>> roster = Roster::Open(disk, folder.path());
    EXPECT_TRUE(roster.ok()) << roster.status();
    return roster.ok() ? *std::move(roster) : nullptr;
  }
  // The message of one that does not, with file names as if the folder were the current one.
  std::string Problem() {
    const absl::Status status = Run();
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(IsPrepared());
    std::string text(status.message());
    const std::string prefix = folder.path() + "/";
    for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
      text.erase(at, prefix.size());
    return text;
  }
  bool IsPrepared() { return disk.Exists(folder.Path(std::string(kManifestName))); }

  campaign::testing::ScratchFolder folder;
  SpyDisk disk;
  campaign::Campaign campaign;
  std::optional<TestSend> test;
  std::size_t arena_bytes = 1u << 20;
  std::uint64_t stop_at_rows = UINT64_MAX;
  std::vector<std::uint64_t> progress_rows;
  std::uint64_t progress_bytes = 0;

 private:
  campaign::SuppressionLists suppression_;
  std::unique_ptr<const message::MessageTemplate> message_;
};

}  // namespace roster::testing
