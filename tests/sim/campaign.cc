#include "tests/sim/campaign.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/roster/builder.h"
#include "engine/roster/layout.h"

namespace sim {

Campaign::Campaign(io::Disk& disk, const std::string& folder, Options options) : folder_(folder) {
  roster::Builder builder(disk, folder, 1u << 20);
  std::uint64_t row = 0;
  for (const std::string& address : options.addresses) {
    std::string payload;
    roster::PutText(address, payload);
    roster::PutText("Somebody", payload);
    const bool needs_smtputf8 =
        std::any_of(address.begin(), address.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    ++row;
    CHECK(builder
              .Add({.row = row,
                    .line = row + 1,
                    .address = address,
                    .domain = std::string_view(address).substr(address.find('@') + 1),
                    .identity = address,
                    .key = address,
                    .needs_smtputf8 = needs_smtputf8,
                    .payload = payload})
              .ok());
  }
  for (const roster::Reject& reject : options.rejects) CHECK(builder.AddReject(reject).ok());
  roster::Manifest manifest = std::move(options.manifest);
  if (manifest.campaign.empty()) manifest.campaign = "simulated";
  manifest.rows = options.addresses.size() + options.rejects.size();
  manifest.columns = {"email", "name"};
  CHECK(builder.Finish(manifest, "", [](const roster::Manifest&) { return absl::OkStatus(); }).ok());
  roster_ = *roster::Roster::Open(disk, folder);

  message::MessageSpec spec;
  spec.campaign_id = manifest.campaign;
  spec.kind = message::MailKind::kTransactional;
  spec.from_address = "news@example.com";
  spec.envelope_sender = {std::move(options.sender), "campaign", 1};
  spec.subject = {"Hello {{name}}", "campaign", 2};
  spec.text = message::TemplateText{std::move(options.body), "campaign", 3};
  auto message = message::MessageTemplate::Compile(std::move(spec));
  CHECK(message.ok());
  message_ = *std::move(message);
}

ledger::RecipientId Campaign::IdOf(std::string_view address) const {
  const auto id = roster_->FindAddress(address);
  CHECK(id.has_value());
  return *id;
}

delivery::Job Campaign::MakeJob() const {
  return {.campaign = roster_->manifest().campaign,
          .pool = "",
          .roster = roster_.get(),
          .message = message_.get(),
          .keys = {},
          .token = [](std::uint64_t row) { return absl::StrFormat("t%d", row); },
          .shaping = nullptr,
          .states = nullptr,
          .sources = {delivery::Source{
              .name = "default", .address = std::nullopt, .ehlo_domain = "mta.example.com", .weight = 1}},
          .retry_plan = delivery::RetryPlan(
              {base::Duration::Minutes(1), base::Duration::Minutes(5), base::Duration::Minutes(30)}),
          .date = std::nullopt,
          .max_age = base::Duration::Hours(24 * 3),
          .finish_by = std::nullopt,
          .resend_in_doubt = false,
          .port = 25,
          .allow_private_destinations = true,
          .run = 1};
}

}  // namespace sim
