// sluice render: the exact bytes of one message.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "engine/campaign/address.h"
#include "engine/campaign/campaign.h"
#include "engine/campaign/row_reader.h"
#include "engine/dkim/openssl_signer.h"
#include "engine/io/clock.h"
#include "engine/preparation.h"
#include "engine/roster/row_value.h"
#include "engine/signing_keys.h"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

struct Arguments {
  std::string campaign;
  std::uint64_t row = 0;
  std::string to;
  bool is_unsigned = false;
};

// Finds the row that is meant, and leaves it in `value`. Nullopt: there is none.
absl::StatusOr<std::optional<campaign::Address>> FindRow(const Arguments& arguments, const campaign::Campaign& campaign,
                                                         campaign::RowReader& reader, roster::RowValue& value,
                                                         campaign::Row& row) {
  campaign::Address wanted, address;
  std::string_view reason;
  if (!arguments.to.empty() && !campaign::ParseAddress(arguments.to, wanted, reason)) {
    return absl::InvalidArgumentError(absl::StrFormat("--to %s: %s", arguments.to, reason));
  }
  while (true) {
    absl::StatusOr<bool> any = reader.Next(row);
    if (!any.ok()) return any.status();
    if (!*any) return std::optional<campaign::Address>();
    if (arguments.to.empty() && row.number != arguments.row) continue;
    if (row.error.empty() && !row.json.empty()) {
      if (absl::Status status = value.SetJson(row.json); !status.ok()) row.error = std::string(status.message());
    } else {
      value.SetColumns(row.fields);
    }
    if (row.error.empty() && !campaign::ParseAddress(value.Text(campaign.recipients.address), address, reason))
      row.error = std::string(reason);
    if (!arguments.to.empty() && (!row.error.empty() || address.folded != wanted.folded)) continue;
    if (!row.error.empty())
      return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", campaign.recipients.file, row.line, row.error));
    return std::optional(address);
  }
}

absl::StatusOr<std::string> Render(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return config.status();
  const absl::StatusOr<std::string> file = CampaignFileOf(context, *config, arguments.campaign);
  if (!file.ok()) return file.status();
  absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(*file);
  if (!campaign.ok()) return campaign.status();
  const absl::StatusOr<std::vector<dkim::SigningKey>> keys =
      engine::SigningKeysFor(*config, *campaign, campaign->delivery.dkim_required && !arguments.is_unsigned);
  if (!keys.ok()) return keys.status();
  absl::StatusOr<std::unique_ptr<const message::MessageTemplate>> message =
      message::MessageTemplate::Compile(engine::SpecOf(*campaign));
  if (!message.ok()) return message.status();
  absl::StatusOr<campaign::TokenKey> key = engine::LoadTokenKey(*disk, TokenKeyFile(*config));
  if (!key.ok()) return key.status();
  absl::StatusOr<std::unique_ptr<campaign::RowReader>> reader = campaign::OpenRows(campaign->recipients.file);
  if (!reader.ok()) return absl::InvalidArgumentError(reader.status().message());
  roster::RowValue value((*reader)->columns(), campaign->recipients.defaults);
  campaign::Row row;
  absl::StatusOr<std::optional<campaign::Address>> address = FindRow(arguments, *campaign, **reader, value, row);
  if (!address.ok()) return address.status();
  if (!address->has_value()) {
    const std::string what = arguments.to.empty() ? absl::StrFormat("row %d", arguments.row) : arguments.to;
    return absl::InvalidArgumentError(absl::StrFormat("%s: there is no %s", campaign->recipients.file, what));
  }
  const std::string token = key->Make(campaign->id, row.number);
  message::RenderInput input;
  input.row = &value.value();
  input.row_number = row.number;
  input.address = (*address)->wire;
  input.token = token;
  input.date = io::SystemClock().WallNow();
  input.needs_smtputf8 = (*address)->needs_smtputf8;
  message::Rendered rendered;
  if (absl::Status status = (*message)->Render(input, rendered); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:%d: %s", campaign->recipients.file, row.line, std::string(status.message())));
  }
  if (arguments.is_unsigned) return rendered.ToString();
  absl::StatusOr<std::string> signatures = dkim::SignNow(*keys, rendered.pieces(), input.date);
  if (!signatures.ok()) return signatures.status();
  return *signatures + rendered.ToString();
}

int Run(const Arguments& arguments, Context& context) {
  if ((arguments.row == 0) == arguments.to.empty()) {
    return Fail(context.log,
                absl::InvalidArgumentError("render: one of --row N (from 1) and --to ADDRESS says whose message it is"),
                kExitUsage);
  }
  const absl::StatusOr<std::string> bytes = Render(arguments, context);
  if (!bytes.ok()) return Fail(context.log, bytes.status(), ExitCodeOf(bytes.status()));
  std::fwrite(bytes->data(), 1, bytes->size(), stdout);
  return kExitOk;
}

}  // namespace

void RegisterRender(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("render", "The exact bytes of one message");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_option("--row", arguments->row, "The n-th row of the recipients");
  command.add_option("--to", arguments->to, "The row of this address");
  command.add_flag("--unsigned", arguments->is_unsigned, "Without DKIM signatures");
  AddEngineOptions(command, context);
  SetExample(command, "sluice render weekly.toml --row 1\n  sluice render weekly.toml --to zoe@example.net --unsigned");
  command.callback([arguments, &context] { context.exit_code = Run(*arguments, context); });
}

}  // namespace tools
