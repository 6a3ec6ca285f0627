"""A sample first, then the others: nobody twice, and the same ones each time."""

import json

from lab import Lab

COUNT = 500


class LimitTest(Lab):
    def setUp(self):
        super().setUp()
        self.addresses = [f"user{n}@d{n % 40}.example" for n in range(COUNT)]
        self.rows(self.addresses)
        self.campaign()
        self.receivers = self.sandbox()
        self.config(dns=self.receivers.dns, port=self.receivers.port)

    def delivered(self):
        return {event["recipient"] for event in self.events("test", "--type", "Delivery")}

    def test_a_sample_then_a_larger_one_then_everybody(self):
        done = self.sluice("send", "campaign.toml", "--limit", "50", code=4)
        self.assertIn("the sample is done; 450 are pending", done.stdout)
        sample = self.delivered()
        self.assertEqual(len(sample), 50)
        report = self.report()
        self.assertEqual((report["state"], report["totals"]["pending"]), ("interrupted", 450))
        self.sluice("send", "campaign.toml", "--limit", "50", code=4)  # The same ones: nothing is left to do.
        self.assertEqual(self.delivered(), sample)
        self.sluice("send", "campaign.toml", "--limit", "20%", code=4)
        larger = self.delivered()
        self.assertEqual(len(larger), 100)
        self.assertLess(sample, larger)
        done = self.sluice("send", "campaign.toml")
        self.assertIn("finished", done.stdout)
        self.assertEqual(self.delivered(), set(self.addresses))
        self.assertEqual({row["accepted"] for row in self.receivers.end().values()}, {1})

    def test_one_that_was_started_is_named_by_its_id(self):
        self.assertIn("test is neither a campaign file nor the id of", self.sluice("send", "test", code=3).stderr)
        self.sluice("send", "campaign.toml", "--limit", "5", code=4)
        plan = json.loads(self.sluice("plan", "test", "--round-trip", "1ms", "--json").stdout)
        self.assertEqual((plan["state"], plan["done"], plan["recipients"]), ("interrupted", 5, COUNT - 5))
        self.assertIn(f"{COUNT} rows", self.sluice("check", "test", code=None).stdout)
        self.assertIn("Subject:", self.sluice("render", "test", "--row", "1").stdout)
        self.assertIn("finished", self.sluice("send", "test").stdout)

    def test_what_is_no_sample_is_said(self):
        for wrong in ("0", "101%", "many", "-5"):
            done = self.sluice("send", "campaign.toml", f"--limit={wrong}", code=2)
            self.assertIn("is no sample", done.stderr)
