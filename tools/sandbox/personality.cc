#include "tools/sandbox/personality.h"

#include <utility>

#include "engine/base/check.h"

namespace sandbox {
namespace {

// The built-in personalities are files too: what they say, a file can say. FORMAT.md explains the keys.
//
// The reply texts are those of real providers. None of them makes a careful sender stop for long (blocks, wrong keys,
// refused greetings): a rehearsal with short retry intervals comes to its end.
constexpr std::string_view kRealistic = R"toml(
format = 1
name = "realistic"

[dns]
ttl = "5m"
[dns.share]
nxdomain = "0.4%"
null_mx = "0.4%"
no_mx = "2%"

[provider.google]
domains = ["gmail.com", "googlemail.com"]
weight = 22   # Domains that have their mail there.
mx = ["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com", "alt2.gmail-smtp-in.l.google.com"]
addresses = 6
reply_delay = "1ms"
unknown_users = "0.8%"
unknown_user_reply = "550 5.1.1 The email account that you tried to reach does not exist. NoSuchUser"
hang_up = { content = "0.02%", mail = "0.02%" }
[[provider.google.reply]]
at = "rcpt"
reply = "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered"
share = "0.5%"
[[provider.google.reply]]
at = "content"
reply = "452 4.2.2 The recipient's inbox is out of storage space"
share = "0.3%"
attempts = 2

[provider.microsoft]
domains = ["outlook.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "live.com", "msn.com"]
weight = 18
mx = ["outlook-com.olc.protection.outlook.com", "outlook-com-b.olc.protection.outlook.com"]
addresses = 6
reply_delay = "2ms"
messages_per_connection = 500
unknown_users = "1%"
unknown_user_reply = "550 5.5.0 Requested action not taken: mailbox unavailable"
hang_up = { content = "0.02%", rcpt = "0.02%" }
[[provider.microsoft.reply]]
at = "rcpt"
reply = "451 4.7.500 Server busy. Please try again later"
share = "1%"
attempts = 2

[provider.yahoo]
domains = ["yahoo.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de", "ymail.com", "aol.com"]
mx = ["mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net", "mta7.am0.yahoodns.net"]
addresses = 4
extensions = ["PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"]
size_max = 41_943_040
reply_delay = "1ms"
messages_per_connection = 100
unknown_users = "1.5%"
unknown_user_reply = "554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30)"
hang_up = { content = "0.05%" }
[[provider.yahoo.reply]]
at = "content"
reply = "451 4.3.2 Internal error reading data, try again"
share = "0.5%"
attempts = 1

[provider.apple]
domains = ["icloud.com", "me.com", "mac.com"]
mx = ["mx01.mail.icloud.com", "mx02.mail.icloud.com"]
addresses = 2
reply_delay = "1ms"
messages_per_connection = 50
unknown_users = "0.5%"
unknown_user_reply = "550 5.1.1 unknown or illegal alias"
[[provider.apple.reply]]
at = "rcpt"
reply = "450 4.2.2 user over quota"
share = "0.5%"
attempts = 1

[provider.gmx]
domains = ["gmx.de", "gmx.net", "web.de"]
mx = ["mx00.gmx.net", "mx01.gmx.net"]
addresses = 2
extensions = ["PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8"]
reply_delay = "1ms"
unknown_users = "1%"
unknown_user_reply = "550 Requested action not taken: mailbox unavailable"
hang_up = { data = "0.02%" }

[provider.orange]
domains = ["orange.fr", "wanadoo.fr"]
mx = ["smtp-in.orange.fr", "smtp-in2.orange.fr"]
unreachable = 1
addresses = 2
extensions = ["8BITMIME", "SIZE", "ENHANCEDSTATUSCODES"]
reply_delay = "1ms"
unknown_users = "1%"
[[provider.orange.reply]]
at = "mail"
reply = "450 4.3.2 Service busy, please try again"
share = "0.5%"

[provider.hosting]   # Hosting companies: each domain has MX hosts of its own name.
weight = 45
mx = ["mx1.{domain}", "mx2.{domain}"]
addresses = 16
reply_delay = "1ms"
unknown_users = "2%"
[[provider.hosting.reply]]
at = "content"
reply = "552 5.2.2 Mailbox full"
share = "0.3%"
[[provider.hosting.reply]]
at = "rcpt"
reply = "451 4.3.0 Temporary lookup failure"
share = "0.5%"
attempts = 1

[provider.selfhosted]   # Small servers: old, careful or tired.
weight = 15
mx = ["mail.{domain}"]
addresses = 8
extensions = ["PIPELINING", "SIZE", "8BITMIME"]
size_max = 10_485_760
reply_delay = "3ms"
unknown_users = "3%"
unknown_user_reply = "550 User unknown"
greylist = "1s"
greylist_reply = "451 4.7.1 Greylisting in action, please come back later"
hang_up = { content = "0.1%", content_lost = "0.1%" }
)toml";

constexpr std::string_view kFaultFree = R"toml(
format = 1
name = "faultfree"
[provider.all]
weight = 1
mx = ["mx1.{domain}", "mx2.{domain}"]
addresses = 16
)toml";

Personality Parse(std::string_view toml) {
  absl::StatusOr<Personality> personality = ParsePersonality(toml, "built-in");
  CHECK(personality.ok());
  return *std::move(personality);
}

}  // namespace

std::string_view DomainFaultKey(DomainFault fault) {
  switch (fault) {
    case DomainFault::kNone:
      return "";
    case DomainFault::kNoDomain:
      return "nxdomain";
    case DomainFault::kNullMx:
      return "null_mx";
    case DomainFault::kNoMx:
      return "no_mx";
    case DomainFault::kServerFail:
      return "servfail";
    case DomainFault::kNoAnswer:
      return "no_answer";
  }
  return "";
}

std::optional<Personality> BuiltInPersonality(std::string_view name) {
  if (name == "realistic") return Parse(kRealistic);
  if (name == "faultfree" || name == "none") return Parse(kFaultFree);
  return std::nullopt;
}

}  // namespace sandbox
