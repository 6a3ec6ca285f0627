// sluice sink: a receiving SMTP server that counts.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/io/clock.h"
#include "engine/io/disk.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"
#include "tools/command.h"
#include "tools/sandbox/certificate_authority.h"
#include "tools/sandbox/openssl_tls.h"
#include "tools/sandbox/sink.h"
#include "tools/sandbox/units.h"
#include "tools/signals.h"

namespace tools {
namespace {

// The command line as typed.
struct Arguments {
  std::string listen = "127.0.0.1:2525";
  std::vector<std::string> without;
  std::string latency = "0ms";
  std::vector<std::string> reply_on;
  std::string disconnect_at;
  std::uint32_t max_per_connection = 0;
  std::string port_file;
  std::string save;
  bool duplicates = true;
  bool check_content = false;
  bool json = false;
  bool once = false;
  bool tls = false;
  bool implicit_tls = false;
  std::string certificate_file;
  std::string key_file;
};

absl::StatusOr<sandbox::SinkOptions> MakeOptions(const Arguments& arguments) {
  sandbox::SinkOptions options;
  options.server.host_name = "sink.sandbox.test";
  options.server.check_chunks = arguments.check_content;
  for (const std::string& keyword : arguments.without) {
    if (options.server.extensions.Remove(keyword)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--without ", keyword, ": not an extension of the sink; they are ",
                     "PIPELINING, CHUNKING, 8BITMIME, SIZE, SMTPUTF8, ENHANCEDSTATUSCODES and STARTTLS"));
  }
  const absl::StatusOr<base::Duration> latency = sandbox::ParseDuration(arguments.latency);
  if (!latency.ok()) return absl::InvalidArgumentError(absl::StrCat("--latency ", latency.status().message()));
  options.latency = *latency;
  for (const std::string& text : arguments.reply_on) {
    absl::StatusOr<sandbox::ReplyRule> rule = sandbox::ParseReplyRule(text);
    if (!rule.ok()) return absl::InvalidArgumentError(absl::StrCat("--reply-on ", rule.status().message()));
    options.replies.push_back(*std::move(rule));
  }
  if (!arguments.disconnect_at.empty()) {
    sandbox::Phase phase;
    if (!sandbox::ParsePhase(arguments.disconnect_at, phase)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--disconnect-at ", arguments.disconnect_at,
                       ": not a verb; write connect, ehlo, helo, mail, rcpt, data, bdat, ",
                       "content, starttls, rset, noop, vrfy or quit"));
    }
    options.disconnect_at = phase;
  }
  options.messages_per_connection = arguments.max_per_connection;
  options.save_directory = arguments.save;
  options.track_duplicates = arguments.duplicates;
  options.tls.certificate = sandbox::CertificateKind::kSelfSigned;
  options.tls.host_name = options.server.host_name;
  options.implicit_tls = arguments.implicit_tls;
  return options;
}

// What the command line asks for: from files, or self-signed and made at once.
struct Tls {
  std::unique_ptr<sandbox::CertificateAuthority> authority;
  std::unique_ptr<sandbox::OpenSslServer> server;  // Null: no TLS.
};
absl::StatusOr<Tls> MakeTls(const Arguments& arguments) {
  Tls tls;
  if (!arguments.certificate_file.empty()) {
    absl::StatusOr<std::unique_ptr<sandbox::OpenSslServer>> server =
        sandbox::OpenSslServer::FromFiles(arguments.certificate_file, arguments.key_file);
    if (!server.ok()) return server.status();
    tls.server = *std::move(server);
  } else if (arguments.tls || arguments.implicit_tls) {
    absl::StatusOr<std::unique_ptr<sandbox::CertificateAuthority>> authority = sandbox::CertificateAuthority::Make();
    if (!authority.ok()) return authority.status();
    tls.authority = *std::move(authority);
    tls.server = std::make_unique<sandbox::OpenSslServer>(*tls.authority);
  }
  return tls;
}

// Serves until a signal, or until `once` is served.
absl::Status Serve(const Arguments& arguments, const sandbox::SinkOptions& options, const io::Endpoint& listen,
                   Context& context) {
  absl::StatusOr<Tls> tls = MakeTls(arguments);
  if (!tls.ok()) return tls.status();
  absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return signals.status();
  absl::StatusOr<std::unique_ptr<io::Reactor>> reactor = io::MakeReactor({}, context.log);
  if (!reactor.ok()) return reactor.status();
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  io::SystemClock clock;
  io::TimerWheel wheel(clock.Now());
  sandbox::Sink sink({**reactor, wheel, clock}, *disk, context.log, tls->server.get(), options);
  const absl::StatusOr<io::Endpoint> local = sink.Listen(listen);
  if (!local.ok()) return local.status();
  if (!arguments.port_file.empty()) {
    const std::string port = absl::StrCat(local->port, "\n");
    if (absl::Status status = io::WriteFileAtomically(*disk, arguments.port_file, port); !status.ok()) return status;
  }
  if (!arguments.json) context.log.Info(absl::StrCat("sink listens on ", local->ToString()));
  (*signals)->Attach(**reactor);
  while ((*signals)->Stops() == 0 && !(arguments.once && sink.closed_connections() > 0)) {
    (*reactor)->RunOnce(wheel.NextAt());
    clock.Update();
    wheel.Advance(clock.Now());
  }
  (*signals)->Detach();
  const std::string totals = sink.TotalsJson();
  static_cast<void>(std::fwrite(totals.data(), 1, totals.size(), stdout));
  return absl::OkStatus();
}

int Run(const Arguments& arguments, Context& context) {
  const absl::StatusOr<sandbox::SinkOptions> options = MakeOptions(arguments);
  if (!options.ok()) return Fail(context.log, options.status(), kExitUsage);
  const auto listen = io::Endpoint::Parse(arguments.listen);
  if (!listen) {
    return Fail(context.log,
                absl::InvalidArgumentError(absl::StrCat(
                    "--listen ", arguments.listen, ": not an address and port, such as 127.0.0.1:2525 or [::1]:2525")),
                kExitUsage);
  }
  const absl::Status status = Serve(arguments, *options, *listen, context);
  if (status.ok()) return kExitOk;
  return Fail(context.log, status, absl::IsInvalidArgument(status) ? kExitUsage : kExitFailure);
}

}  // namespace

void RegisterSink(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("sink", "Receive mail and count it; prints the totals as JSON at the end");
  const auto arguments = std::make_shared<Arguments>();
  command.add_option("--listen", arguments->listen, "Where to listen (default: 127.0.0.1:2525); port 0: any free one")
      ->type_name("ADDRESS:PORT");
  command.add_option("--without", arguments->without, "Do not offer this extension; may be repeated")
      ->type_name("EXTENSION");
  command.add_option("--latency", arguments->latency, "Delay every reply by this")->type_name("DURATION");
  command
      .add_option("--reply-on", arguments->reply_on,
                  "Reply so instead, to a share of the commands; may be repeated: \"rcpt:450 4.2.1 later:5%\"")
      ->type_name("VERB:REPLY[:SHARE]");
  command.add_option("--disconnect-at", arguments->disconnect_at, "Hang up instead of replying to this")
      ->type_name("VERB");
  command
      .add_option("--max-per-connection", arguments->max_per_connection,
                  "Messages of a connection; 421 to the next one")
      ->type_name("N");
  command.add_option("--port-file", arguments->port_file, "Write the port there once it listens")->type_name("FILE");
  command
      .add_option("--save", arguments->save, "Keep every message there: NUMBER.eml, and its envelope in NUMBER.json")
      ->type_name("DIR");
  command.add_flag("--duplicates,!--no-duplicates", arguments->duplicates,
                   "Count recipients who get the same Message-ID again (default; needs memory per recipient)");
  command.add_flag("--check-content", arguments->check_content,
                   "Look for bare CR, bare LF and over-long lines in BDAT chunks too");
  command.add_flag("--tls", arguments->tls, "Offer STARTTLS, with a self-signed certificate");
  command.add_flag("--implicit-tls", arguments->implicit_tls, "TLS from the first byte, as on port 465");
  CLI::Option* key = command.add_option("--key", arguments->key_file, "Its private key, as PEM")->type_name("FILE");
  CLI::Option* certificate = command
                                 .add_option("--cert", arguments->certificate_file,
                                             "Offer STARTTLS with this certificate and its chain, as PEM")
                                 ->type_name("FILE")
                                 ->needs(key);
  key->needs(certificate);
  command.add_flag("--json", arguments->json, "Nothing but the JSON totals; no line that says where it listens");
  command.add_flag("--once", arguments->once, "End when the first connection has ended");
  AddLogLevelOption(command, context);
  SetExample(command,
             "sluice sink --listen 127.0.0.1:0 --port-file port --save mail --reply-on \"rcpt:450 4.2.1 later:5%\"");
  command.callback([arguments, &context] { context.exit_code = Run(*arguments, context); });
}

}  // namespace tools
