#include "engine/config/shaping_keys.h"

#include <algorithm>
#include <iterator>

namespace config {
namespace {

struct Field {
  std::string_view key;
  LimitField field;
};

constexpr Field kFields[] = {
    {"connection_limit", &Limits::connection_limit},
    {"max_connection_rate", &Limits::max_connection_rate},
    {"max_message_rate", &Limits::max_message_rate},
    {"max_deliveries_per_connection", &Limits::max_deliveries_per_connection},
    {"consecutive_connection_failures_before_delay", &Limits::consecutive_connection_failures_before_delay},
    {"connect_timeout", &Limits::connect_timeout},
    {"banner_timeout", &Limits::banner_timeout},
    {"ehlo_timeout", &Limits::ehlo_timeout},
    {"auth_timeout", &Limits::auth_timeout},
    {"starttls_timeout", &Limits::starttls_timeout},
    {"tls_handshake_timeout", &Limits::tls_handshake_timeout},
    {"mail_from_timeout", &Limits::mail_from_timeout},
    {"rcpt_to_timeout", &Limits::rcpt_to_timeout},
    {"data_timeout", &Limits::data_timeout},
    {"data_block_timeout", &Limits::data_block_timeout},
    {"data_dot_timeout", &Limits::data_dot_timeout},
    {"rset_timeout", &Limits::rset_timeout},
    {"idle_timeout", &Limits::idle_timeout},
    {"idle_probe", &Limits::idle_probe},
    {"warmup", &Limits::warmup},
    {"overflow", &Limits::overflow},
    {"enable_pipelining", &Limits::enable_pipelining},
    {"enable_tls", &Limits::enable_tls},
    {"enable_mta_sts", &Limits::enable_mta_sts},
    {"enable_dane", &Limits::enable_dane},
    {"skip_hosts", &Limits::skip_hosts},
    {"prohibited_hosts", &Limits::prohibited_hosts},
    {"ip_lookup_strategy", &Limits::ip_lookup_strategy},
    {"max_mx_addresses_per_host", &Limits::max_mx_addresses_per_host},
    {"max_mx_plan_size", &Limits::max_mx_plan_size},
    {"adaptive", &Limits::adaptive},
    {"provider_connection_limit", &Limits::provider_connection_limit},
    {"provider_max_message_rate", &Limits::provider_max_message_rate},
};

// From KumoMTA's reference of make_egress_path and of its shaping files.
constexpr std::string_view kKumoKeys[] = {
    "additional_connection_limits",
    "additional_message_rate_throttles",
    "additional_source_selection_rates",
    "aggressive_connection_opening",
    "allow_smtp_auth_plain_without_tls",
    "allow_smtp_auth_plain_without_valid_certificate",
    "dispatcher_progress_watchdog_timeout",
    "dispatcher_wakeup_strategy",
    "ehlo_domain",
    "enable_rset",
    "ignore_8bit_checks",
    "low_memory_reduction_policy",
    "maintainer_wakeup_strategy",
    "max_ready",
    "max_recipients_per_batch",
    "no_memory_reduction_policy",
    "openssl_cipher_list",
    "openssl_cipher_suites",
    "openssl_options",
    "opportunistic_tls_reconnect_on_failed_handshake",
    "provider_name",
    "provider_source_selection_rate",
    "readyq_pool_name",
    "reconnect_strategy",
    "refresh_interval",
    "refresh_strategy",
    "rustls_cipher_suites",
    "smtp_auth_plain_password",
    "smtp_auth_plain_username",
    "smtp_port",
    "source_selection_rate",
    "suspended",
    "system_shutdown_timeout",
    "tls_certificate",
    "tls_prefer_openssl",
    "tls_private_key",
    "try_next_host_on_transport_error",
    "use_lmtp",
};

}  // namespace

std::optional<LimitField> FindLimitField(std::string_view key) {
  for (const Field& field : kFields) {
    if (field.key == key) return field.field;
  }
  return std::nullopt;
}

bool IsKumoKey(std::string_view key) {
  return std::find(std::begin(kKumoKeys), std::end(kKumoKeys), key) != std::end(kKumoKeys);
}

std::vector<std::string_view> AllShapingKeys() {
  std::vector<std::string_view> keys(std::begin(kKumoKeys), std::end(kKumoKeys));
  for (const Field& field : kFields) keys.push_back(field.key);
  for (const std::string_view key : {"automation", "match", "max_in_flight", "mx_rollup", "remember_broken_tls",
                                     "replace_base", "sources", "total_connection_limit", "total_message_rate"}) {
    keys.push_back(key);
  }
  return keys;
}

}  // namespace config
