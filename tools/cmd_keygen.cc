// sluice keygen: makes a DKIM key pair.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/secret_string.h"
#include "engine/config/config.h"
#include "engine/dkim/private_key.h"
#include "nlohmann/json.hpp"
#include "tools/command.h"

namespace tools {
namespace {

constexpr std::size_t kStringMax = 255;  // Of one string of a TXT record (RFC 1035 section 3.3).

struct Arguments {
  std::string domain, selector, out;
  std::string type = "rsa2048";
  bool json = false;
};

// Readable by its owner only, from the first moment on; never in the place of another file.
absl::Status WriteKey(const std::string& path, std::string_view pem) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    const bool exists = errno == EEXIST;
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %s%s", path, std::strerror(errno),
                        exists ? "; a key is never overwritten: name another file with --out" : ""));
  }
  const bool written = write(fd, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (written) return absl::OkStatus();
  unlink(path.c_str());
  return absl::InternalError(absl::StrFormat("%s: %s", path, std::strerror(error)));
}

std::string Stanza(const Arguments& arguments) {
  return absl::StrFormat("[[dkim.\"%s\"]]\nselector = \"%s\"\nkey_file = \"%s\"\n", arguments.domain,
                         arguments.selector, arguments.out);
}

int Make(Arguments arguments, Context& context) {
  if (arguments.out.empty()) arguments.out = arguments.domain + "." + arguments.selector + ".pem";
  // What the configuration would not take is not made.
  const absl::StatusOr<config::Config> readable = config::ParseConfig(Stanza(arguments), "keygen");
  if (!readable.ok()) return Fail(context.log, readable.status(), kExitUsage);
  const dkim::Algorithm algorithm =
      arguments.type == "rsa2048" ? dkim::Algorithm::kRsaSha256 : dkim::Algorithm::kEd25519Sha256;
  const dkim::Crypto crypto;
  const auto key = dkim::PrivateKey::Generate(algorithm, crypto);
  if (!key.ok()) return Fail(context.log, key.status(), kExitFailure);
  absl::StatusOr<std::string> text = (*key)->ToPem();
  if (!text.ok()) return Fail(context.log, text.status(), kExitFailure);
  const base::SecretString pem(*std::move(text));
  if (absl::Status status = WriteKey(arguments.out, pem); !status.ok())
    return Fail(context.log, status, absl::IsInvalidArgument(status) ? kExitInvalid : kExitFailure);
  const std::string name = arguments.selector + "._domainkey." + arguments.domain;
  const std::string record = (*key)->PublicRecord();
  std::vector<std::string> strings;
  for (std::size_t at = 0; at < record.size(); at += kStringMax) strings.push_back(record.substr(at, kStringMax));
  if (arguments.json) {
    nlohmann::ordered_json json;
    json["domain"] = arguments.domain;
    json["selector"] = arguments.selector;
    json["type"] = arguments.type;
    json["key_file"] = arguments.out;
    json["dns_name"] = name;
    json["dns_txt"] = record;
    json["dns_strings"] = strings;
    std::printf("%s\n", json.dump().c_str());
    return kExitOk;
  }
  std::printf(
      "The private key is in %s. Publish its public key in the DNS:\n\n%s. IN TXT ( \"%s\" )\n\n"
      "and let sluice.toml name it (the path is relative to that file):\n\n%s",
      arguments.out.c_str(), name.c_str(), absl::StrJoin(strings, "\"\n    \"").c_str(), Stanza(arguments).c_str());
  return kExitOk;
}

}  // namespace

void RegisterKeygen(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("keygen", "Make a DKIM key pair");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("DOMAIN", arguments->domain, "The domain that signs: that of From, or a parent")->required();
  command.add_option("SELECTOR", arguments->selector, "The key's name below DOMAIN, such as s1")->required();
  command.add_option("--type", arguments->type, "rsa2048 or ed25519")->check(CLI::IsMember({"rsa2048", "ed25519"}));
  command.add_option("--out", arguments->out, "The private key's file; default: DOMAIN.SELECTOR.pem");
  command.add_flag("--json", arguments->json, "One JSON object");
  AddLogLevelOption(command, context);
  SetExample(command, "sluice keygen example.com s1 --out keys/example.com.s1.pem");
  command.callback([arguments, &context] { context.exit_code = Make(*arguments, context); });
}

}  // namespace tools
