// sluice sandbox: a fake internet on loopback, with an oracle.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "engine/base/text.h"
#include "engine/io/clock.h"
#include "engine/io/disk.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"
#include "tools/command.h"
#include "tools/sandbox/dkim_record.h"
#include "tools/sandbox/sandbox.h"
#include "tools/signals.h"

namespace tools {
namespace {

constexpr std::uint64_t kPersonalitySizeMax = 16 << 20;
constexpr std::uint64_t kKeySizeMax = 1 << 16;

// The command line as typed.
struct Arguments {
  std::string personality = "realistic";
  std::string listen = "127.0.0.1";
  std::string ready_file;
  std::string ca_file;  // "": beside the ready file, if that is wanted.
  std::string json;
  std::string oracle;
  std::vector<std::string> dkim_keys;
  std::vector<std::string> senders;  // Domains.
  std::vector<std::string> sender_hosts;
};

// A built-in one by its name, else a file. A file of a built-in name is meant with "./" before it.
absl::StatusOr<sandbox::Personality> LoadPersonality(const std::string& name, io::Disk& disk) {
  if (std::optional<sandbox::Personality> built_in = sandbox::BuiltInPersonality(name)) return *std::move(built_in);
  const absl::StatusOr<std::string> toml = io::ReadFile(disk, name, kPersonalitySizeMax);
  if (!toml.ok()) return toml.status();
  return sandbox::ParsePersonality(*toml, name);
}

// Publishes a key: SELECTOR._domainkey.DOMAIN=FILE.
absl::Status AddDkimKey(const std::string& text, io::Disk& disk, sandbox::Personality& personality) {
  const std::size_t equals = text.find('=');
  const std::string name = base::LowerAscii(std::string_view(text).substr(0, equals));
  if (equals == std::string::npos || name.find("._domainkey.") == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("--dkim-key ", text, ": write SELECTOR._domainkey.DOMAIN=FILE"));
  }
  const std::string file = text.substr(equals + 1);
  const absl::StatusOr<std::string> key = io::ReadFile(disk, file, kKeySizeMax);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> record = sandbox::DkimRecord(*key);
  if (!record.ok()) return absl::InvalidArgumentError(absl::StrCat(file, ": ", record.status().message()));
  personality.dns.txt[name] = *std::move(record);
  return absl::OkStatus();
}

// Names an address that mail comes from, both ways, and lets it send for every domain: ADDRESS=NAME. It may have
// several.
absl::Status AddSenderHost(const std::string& text, sandbox::Personality& personality) {
  const std::size_t equals = text.find('=');
  const auto address = base::IpAddress::Parse(std::string_view(text).substr(0, equals));
  const std::string name =
      equals == std::string::npos ? "" : base::LowerAscii(std::string_view(text).substr(equals + 1));
  if (!address.has_value() || !dns::IsHostName(name)) {
    return absl::InvalidArgumentError(absl::StrCat("--sender-host ", text, ": write ADDRESS=NAME"));
  }
  std::vector<std::string>& names = personality.dns.ptr[address->ToString()];
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return absl::OkStatus();
}

std::optional<io::Endpoint> ParseListen(const std::string& text) {
  if (const auto address = base::IpAddress::Parse(text)) return io::Endpoint{*address, 0};
  return io::Endpoint::Parse(text);
}

// Writes what was asked for: first the recipients, then the totals that name their file, so that who sees the totals
// finds the rest.
absl::Status WriteResults(const sandbox::Sandbox& sandbox, const Arguments& arguments, io::Disk& disk) {
  if (!arguments.oracle.empty()) {
    if (absl::Status status = sandbox.oracle().Write(disk, arguments.oracle); !status.ok()) return status;
  }
  const std::string totals = sandbox.TotalsJson(arguments.oracle);
  if (!arguments.json.empty()) return io::WriteFileAtomically(disk, arguments.json, totals);
  static_cast<void>(std::fwrite(totals.data(), 1, totals.size(), stdout));
  static_cast<void>(std::fflush(stdout));
  return absl::OkStatus();
}

// Tells who waits for it that everything listens.
absl::Status WriteReady(const sandbox::Sandbox& sandbox, const Arguments& arguments, io::Disk& disk) {
  std::string ca_file = arguments.ca_file;
  if (ca_file.empty() && !arguments.ready_file.empty()) ca_file = arguments.ready_file + ".ca.pem";
  if (!ca_file.empty()) {
    ca_file = std::filesystem::absolute(ca_file).string();  // The ready file may be read from any folder.
    const absl::StatusOr<std::string> pem = sandbox.AuthorityPem();
    if (!pem.ok()) return pem.status();
    if (absl::Status status = io::WriteFileAtomically(disk, ca_file, *pem); !status.ok()) return status;
  }
  if (arguments.ready_file.empty()) return absl::OkStatus();
  return io::WriteFileAtomically(disk, arguments.ready_file, sandbox.ReadyJson(ca_file));
}

absl::Status Serve(const Arguments& arguments, sandbox::Personality personality, const io::Endpoint& dns,
                   io::Disk& disk, Context& context) {
  const absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make({SIGUSR1});
  if (!signals.ok()) return signals.status();
  const absl::StatusOr<std::unique_ptr<io::Reactor>> reactor = io::MakeReactor({}, context.log);
  if (!reactor.ok()) return reactor.status();
  io::SystemClock clock;
  io::TimerWheel wheel(clock.Now());
  sandbox::Sandbox sandbox(**reactor, wheel, clock, std::move(personality));
  if (absl::Status status = sandbox.Start(dns); !status.ok()) return status;
  context.log.Info(
      absl::StrCat("sandbox: DNS on ", sandbox.ports().dns.ToString(), ", SMTP on port ", sandbox.ports().smtp));
  if (absl::Status status = WriteReady(sandbox, arguments, disk); !status.ok()) return status;
  (*signals)->Attach(**reactor);
  while ((*signals)->Stops() == 0) {
    (*reactor)->RunOnce(wheel.NextAt());
    clock.Update();
    wheel.Advance(clock.Now());
    if (!(*signals)->Take(SIGUSR1)) continue;
    // Trouble with the files is no reason to forget what the oracle knows.
    if (absl::Status status = WriteResults(sandbox, arguments, disk); !status.ok())
      Fail(context.log, status, kExitFailure);
  }
  (*signals)->Detach();
  return WriteResults(sandbox, arguments, disk);
}

int Run(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<sandbox::Personality> personality = LoadPersonality(arguments.personality, *disk);
  if (!personality.ok()) return Fail(context.log, personality.status(), kExitInvalid);
  for (const std::string& key : arguments.dkim_keys) {
    if (absl::Status status = AddDkimKey(key, *disk, *personality); !status.ok())
      return Fail(context.log, status, absl::IsInvalidArgument(status) ? kExitUsage : kExitFailure);
  }
  for (const std::string& domain : arguments.senders)
    personality->dns.faults[base::LowerAscii(domain)] = sandbox::DomainFault::kNone;
  for (const std::string& host : arguments.sender_hosts) {
    if (absl::Status status = AddSenderHost(host, *personality); !status.ok())
      return Fail(context.log, status, kExitUsage);
  }
  const std::optional<io::Endpoint> dns = ParseListen(arguments.listen);
  if (!dns) {
    const std::string message =
        absl::StrCat("--listen ", arguments.listen, ": not an address, such as 127.0.0.1 or 127.0.0.1:5353");
    return Fail(context.log, absl::InvalidArgumentError(message), kExitUsage);
  }
  const absl::Status status = Serve(arguments, *std::move(personality), *dns, *disk, context);
  if (status.ok()) return kExitOk;
  return Fail(context.log, status, absl::IsInvalidArgument(status) ? kExitUsage : kExitFailure);
}

}  // namespace

void RegisterSandbox(CLI::App& app, Context& context) {
  CLI::App& command =
      *app.add_subcommand("sandbox", "A fake internet on loopback: DNS and mail exchangers for every domain");
  const auto arguments = std::make_shared<Arguments>();
  command
      .add_option("--personality", arguments->personality,
                  "How it behaves: a file (tools/sandbox/FORMAT.md), realistic (default) or faultfree")
      ->type_name("FILE");
  command
      .add_option("--listen", arguments->listen,
                  "Loopback address of the DNS server (default: 127.0.0.1, any free port)")
      ->type_name("ADDRESS[:PORT]");
  command
      .add_option("--ready-file", arguments->ready_file,
                  "Write the DNS and SMTP ports there, as JSON, once all is listening")
      ->type_name("FILE");
  command
      .add_option("--ca-file", arguments->ca_file,
                  "Write the certificate authority of the mail exchangers there (default: READY-FILE.ca.pem)")
      ->type_name("FILE");
  command
      .add_option("--json", arguments->json,
                  "Write the totals there at the end and on SIGUSR1, instead of to standard output")
      ->type_name("FILE");
  command
      .add_option("--dkim-key", arguments->dkim_keys,
                  "Publish this key in the DNS: private or public, as PEM, or its record; may be repeated")
      ->type_name("SELECTOR._domainkey.DOMAIN=FILE");
  command
      .add_option("--sender", arguments->senders,
                  "A domain of the sender: whatever the personality, it is well; may be repeated")
      ->type_name("DOMAIN");
  command
      .add_option("--sender-host", arguments->sender_hosts,
                  "An address that mail comes from, and its name: for PTR, A or AAAA, and SPF; may be repeated")
      ->type_name("ADDRESS=NAME");
  command
      .add_option("--oracle", arguments->oracle,
                  "Write there what each recipient got: CSV for *.csv, else one JSON object per line")
      ->type_name("FILE");
  AddLogLevelOption(command, context);
  SetExample(command, "sluice sandbox --ready-file ready.json --json totals.json --oracle oracle.csv");
  command.callback([arguments, &context] { context.exit_code = Run(*arguments, context); });
}

}  // namespace tools
