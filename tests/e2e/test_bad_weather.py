"""Receivers that throttle, grey-list, have a storm and recover: the sender learns what they take, and everybody has one copy."""

from lab import Lab

EACH = 400
PERSONALITY = """format = 1
name = "bad weather"
[provider.throttles]
weight = 1
domains = ["throttles.test"]
rate_per_source = "40/s"
[provider.greylists]
domains = ["greylists.test"]
greylist = "1s"
[provider.storms]
domains = ["storms.test"]
[[provider.storms.reply]]
at = "rcpt"
reply = "451 4.3.0 Temporary system problem"
attempts = 2
"""


class BadWeatherTest(Lab):
    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(PERSONALITY)
        self.config(dns=self.receivers.dns, port=self.receivers.port)
        self.addresses = [f"user{n}@{domain}.test" for n in range(EACH) for domain in ("throttles", "greylists", "storms")]
        self.rows(self.addresses)
        self.campaign()

    def test_everybody_is_delivered_once_and_the_one_that_throttles_is_soon_sent_what_it_takes(self):
        self.sluice("send", "campaign.toml")
        failures = {}
        for event in self.events("test", "--type", "TransientFailure"):
            failures.setdefault(event["recipient"].split("@")[1], []).append(event)
        self.assertEqual({domain: {event["bounce_classification"] for event in events} for domain, events in failures.items()},
                         {"throttles.test": {"RateLimited"}, "greylists.test": {"TransientFailure"}, "storms.test": {"TransientFailure"}})
        throttled = [event["timestamp"] for event in failures["throttles.test"]]
        self.assertLess(sum(time > throttled[0] + 3 for time in throttled), EACH / 5)  # Without a rate that is learned, hundreds.
        self.assertEqual(self.report()["totals"]["delivered"], len(self.addresses))
        self.check_nobody_is_lost(self.addresses, self.receivers, 0)
