"""A recipient keeps the source of his first attempt, whatever becomes of the pool."""

import signal

from lab import Lab

GREYLISTS = """format = 1
name = "greylists"
[provider.a]
weight = 1
mx = ["mx.a.example"]
[[provider.a.reply]]
at = "rcpt"
reply = "450 4.2.0 Greylisted, come back"
share = "100%"
attempts = 1
"""
COUNT, TRIED = 300, 150


class PoolsTest(Lab):
    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(GREYLISTS)
        self.rows(f"user{n}@d{n % 10}.example" for n in range(COUNT))
        self.campaign(delivery='pool = "main"')

    def pool(self, members):
        """`members`: names and weights, in order."""
        self.config(dns=self.receivers.dns, port=self.receivers.port, intervals='["5s"]')
        addresses = {"one": "127.0.0.11", "two": "127.0.0.12", "three": "127.0.0.13"}
        with self.path("sluice.toml").open("a") as config:
            for name, _ in members:
                config.write(f'[sources.{name}]\nsource_address = "{addresses[name]}"\n')
            config.write("[pools.main]\n" + "".join(f"{name} = {weight}\n" for name, weight in members))

    def sources(self, kind) -> dict:
        """Of each recipient: the source of the last event of this type."""
        return {event["recipient"]: event["egress_source"] for event in self.events("test", "--type", kind)}

    def test_who_was_tried_keeps_the_source_when_the_pool_is_another_one(self):
        self.pool([("one", 1), ("two", 2)])
        first = self.start("send", "campaign.toml", "--progress", "off", "--limit", TRIED, "--force")
        self.wait_for_report("the first attempts", lambda report: report["pending"]["unattempted"] == COUNT - TRIED)
        self.assertEqual(first.stop(signal.SIGTERM), 4, first.text())
        tried = self.sources("TransientFailure")
        self.assertEqual(set(tried.values()), {"one", "two"})
        self.pool([("three", 20), ("two", 1), ("one", 1)])
        self.sluice("send", "campaign.toml", "--force")
        delivered = self.sources("Delivery")
        self.assertEqual(len(delivered), COUNT)
        self.assertEqual({address: delivered[address] for address in tried}, tried)
        others = [source for address, source in delivered.items() if address not in tried]
        self.assertGreater(others.count("three"), COUNT / 3)  # Who was not tried is shared out by the new weights.
        self.assertEqual(delivered, {**self.sources("TransientFailure")})
