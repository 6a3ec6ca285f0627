#include "engine/config/builtin_shaping.h"

namespace config {
namespace {

// A limit of a provider is that of all its sites together, as far as one source is concerned: hosted domains have mail
// exchangers of their own there. Each of Mimecast's sites is a region. NetEase's certificates do not hold.
constexpr std::string_view kText = R"(["default"]
connection_limit = 10
max_deliveries_per_connection = 100
consecutive_connection_failures_before_delay = 100
connect_timeout = "60s"
banner_timeout = "5m"
ehlo_timeout = "5m"
auth_timeout = "60s"
starttls_timeout = "1m"
tls_handshake_timeout = "1m"
mail_from_timeout = "5m"
rcpt_to_timeout = "5m"
data_timeout = "5m"
data_block_timeout = "3m"
data_dot_timeout = "10m"
rset_timeout = "5s"
idle_timeout = "60s"
idle_probe = "1s"
max_in_flight = 1
enable_pipelining = true
enable_tls = "OpportunisticInsecure"
enable_mta_sts = true
enable_dane = true
remember_broken_tls = "3 days"
ip_lookup_strategy = "Ipv4AndIpv6"
max_mx_addresses_per_host = 10
max_mx_plan_size = 50
adaptive = true
overflow = "wait"

[provider."google"]
match = [{MXSuffix = ".google.com"}, {MXSuffix = ".googlemail.com"}]
provider_connection_limit = 5
max_deliveries_per_connection = 50
consecutive_connection_failures_before_delay = 5
enable_tls = "Required"

[provider."yahoo"]
match = [{MXSuffix = ".yahoodns.net"}]
max_deliveries_per_connection = 20

[provider."outlook"]
match = [{MXSuffix = ".olc.protection.outlook.com"}]
provider_connection_limit = 5
max_deliveries_per_connection = 50

[provider."office365"]
match = [{MXSuffix = ".mail.protection.outlook.com"}]
provider_connection_limit = 5
max_deliveries_per_connection = 50

[provider."office365-dane"]
match = [{MXSuffix = ".mx.microsoft"}]
provider_connection_limit = 5
max_deliveries_per_connection = 50

[provider."apple"]
match = [{MXSuffix = ".icloud.com"}]
provider_connection_limit = 10
max_deliveries_per_connection = 5

[provider."comcast"]
match = [{MXSuffix = ".comcast.net"}]
connection_limit = 25
provider_connection_limit = 25
max_deliveries_per_connection = 1000
idle_timeout = "30s"
enable_tls = "Required"

[provider."mimecast"]
match = [{MXSuffix = ".mimecast.com"}]
connection_limit = 10
max_deliveries_per_connection = 100

[provider."proofpoint"]
match = [{MXSuffix = ".pphosted.com"}]

[provider."barracuda"]
match = [{MXSuffix = ".barracudanetworks.com"}]
provider_connection_limit = 10
max_deliveries_per_connection = 15
enable_tls = "Required"

[provider."orange"]
match = [{MXSuffix = ".orange.fr"}]
provider_connection_limit = 2
max_deliveries_per_connection = 100
enable_tls = "Required"

[provider."gmx"]
match = [{MXSuffix = ".gmx.net"}, {MXSuffix = ".web.de"}]
provider_connection_limit = 4
max_deliveries_per_connection = 20
enable_tls = "Required"

[provider."t-online"]
match = [{MXSuffix = ".t-online.de"}]

[provider."qq"]
match = [{MXSuffix = ".qq.com"}]
provider_connection_limit = 4
max_deliveries_per_connection = 8
enable_tls = "Required"

[provider."netease"]
match = [{MXSuffix = ".netease.com"}]
provider_connection_limit = 4
max_deliveries_per_connection = 7
enable_tls = "RequiredInsecure"

[provider."mail.ru"]
match = [{MXSuffix = ".mail.ru"}]
)";

}  // namespace

std::string_view BuiltinShaping() { return kText; }

}  // namespace config
