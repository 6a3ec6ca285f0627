// A test switch: bugs put in on purpose, to prove that the simulator's checkers find them. All off, always, outside
// tests/sim.
#pragma once

namespace delivery {

struct PlantedBugs {
  bool skip_attempt_barrier = false;  // Message bytes leave before the attempt's record is durable.
  bool tell_before_sync = false;      // Outcomes count as durable when they are handed over.
  bool pop_retry_twice = false;       // Who was delivered at the second attempt is still in the queue, once.
  bool mix_tls = false;               // A session serves destinations of any TLS policy.
  bool wrong_signatures = false;      // A message gets the signature of the one before it.
  bool keep_old_route = false;        // A domain whose MX has changed stays where it was.
  bool sts_any_host = false;          // Hosts that an MTA-STS policy does not name are as good as others…
  bool sts_any_certificate = false;   // …and so are certificates that do not hold.
  bool limits_of_each_shard = false;  // Shards, or campaigns, each keep limits of their own.
  bool limits_of_each_campaign = false;
  bool limits_of_each_site = false;     // Sites each keep those of their provider…
  bool sources_at_each_site = false;    // …or those of their source over all receivers…
  bool warmups_of_each_site = false;    // …or each have the day's number.
  bool keep_old_limits = false;         // Sites that are there hear nothing of new shaping files.
  bool rules_of_each_campaign = false;  // A rule suspends for the campaign alone that was refused.
  bool forget_settings = false;         // What rules have set is forgotten with the program.
  bool ignore_throttling = false;       // No rate is learned from it.
  bool forget_limits = false;           // What limits owe is forgotten with the program…
  bool forget_source_rates = false;     // …or what those of a source over all receivers owe.
  bool window_without_limit = false;    // What was learned of a receiver counts instead of connection_limit.
  bool no_connection_rate = false;      // Connections are opened as fast as can be.
  bool one_delivery_too_many = false;   // Of each connection.
  bool faster_rates = false;            // Message rates let a tenth more pass…
  bool larger_bursts = false;           // …or one more at a moment…
  bool forget_at_new_limits = false;    // …or owe nothing any more where limits are set anew.
};

}  // namespace delivery
