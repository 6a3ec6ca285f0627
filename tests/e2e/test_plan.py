"""`sluice plan`: what it predicts is what a rehearsal then takes, and it sends nothing."""

import json

from lab import Lab

PERSONALITY = """format = 1
name = "three"
[provider.rated]
domains = ["rated1.test", "rated2.test"]
mx = ["mx.rated.test"]
[provider.opened]
domains = ["opened.test"]
[provider.far]
domains = ["far.test"]
reply_delay = "40ms"
[provider.rest]
weight = 1
"""
FAR = """format = 1
name = "far"
[provider.far]
weight = 1
reply_delay = "100ms"
[provider.dead]
domains = ["dead.test"]
unreachable = 1
"""
SHAPING = """["default"]
connection_limit = 20
[provider.rated]
match = [{MXSuffix = ".rated.test"}]
max_message_rate = "100/s"
[provider.opened]
match = [{MXSuffix = ".opened.test"}]
max_connection_rate = "4/s"
max_deliveries_per_connection = 5
[provider.far]
match = [{MXSuffix = ".far.test"}]
connection_limit = 2
max_deliveries_per_connection = 20
"""


class PlannedTest(Lab):
    def check_time(self, took, *planned):
        """What a machine that is busy adds is no fault of the plan; a limit that it does not see makes a factor of difference."""
        self.assertGreater(took, 0.85 * min(planned))
        self.assertLess(took, 1.4 * max(planned))


class PlanTest(PlannedTest):
    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(PERSONALITY)
        rated = [f"user{n}@rated{1 + n % 2}.test" for n in range(900)]
        opened = [f"user{n}@opened.test" for n in range(120)]
        far = [f"user{n}@far.test" for n in range(150)]
        self.rows([address for group in zip(rated[:120], opened, far[:120]) for address in group] + rated[120:] + far[120:])
        self.campaign()
        self.config(shaping=SHAPING, engine="shards = 2")

    def plan(self, *options):
        return json.loads(self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready, "--round-trip", "40ms", "--json",
                                      *options).stdout)

    def test_a_rehearsal_takes_as_long_as_predicted(self):
        plan = self.plan()
        self.assertEqual((plan["recipients"], plan["domains"], plan["sites"]), (1170, 4, 3))
        providers = {provider["provider"]: provider for provider in plan["providers"]}
        self.assertEqual({name: provider["limited_by"] for name, provider in providers.items()},
                         {"rated": "max_message_rate", "opened": "max_connection_rate", "far": "connection_limit"})
        self.assertEqual(plan["limited_by"], "max_message_rate")
        self.assertTrue(plan["in_time"])
        self.assertFalse(self.path("state/campaigns").exists())
        self.assertFalse(list(self.path("state/plans").iterdir()))

        self.sluice("send", "campaign.toml", "--sandbox-at", self.receivers.ready, "--state", self.path("rehearsal"))
        report = json.loads(self.sluice("report", "test", "--json", "--state", self.path("rehearsal")).stdout)
        self.check_time(report["elapsed_s"], plan["seconds"])
        took = {}
        for event in self.events("test", "--type", "Delivery", "--state", self.path("rehearsal")):
            first, last = took.get(event["provider_name"], (event["timestamp"], event["timestamp"]))
            took[event["provider_name"]] = (min(first, event["timestamp"]), max(last, event["timestamp"]))
        for name, share in {"rated": 0.15, "opened": 0.15, "far": 0.5}.items():  # How long signing and disk take depends on the machine.
            first, last = took[name]
            seconds = providers[name]["seconds"]
            self.assertGreater(last - first, (1 - share) * seconds - 1, name)  # Whole seconds.
            self.assertLess(last - first, 1.5 * seconds + 1, name)

    def test_it_sends_nothing_and_says_it_in_text(self):
        text = self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready).stdout
        self.assertRegex(text, r"^test: 1170 recipients at 4 domains, 3 sites; about 0:00:0\d, because of ")
        self.assertIn("provider rated", text)
        self.assertEqual(self.receivers.end(), {})

    def test_an_end_that_comes_too_early_is_told(self):
        with self.path("campaign.toml").open("a") as campaign:
            campaign.write('max_message_rate = "1/s"\nfinish_by = 2026-01-01T00:00:00Z\n')
        plan = self.plan()
        self.assertEqual((plan["limited_by"], plan["seconds"]), ("campaign_rate", 1169))
        self.assertFalse(plan["in_time"])

    def test_limits_of_a_provider_count_over_its_sites(self):
        self.config(shaping=SHAPING.replace('max_message_rate = "100/s"', 'provider_max_message_rate = "50/s"'))
        plan = self.plan()
        self.assertEqual((plan["limited_by"], plan["seconds"]), ("provider_max_message_rate", 17.98))


class QuestionsTest(PlannedTest):
    def test_the_questions_to_the_dns_are_foreseen(self):
        receivers = self.sandbox('format = 1\nname = "many"\n[provider.all]\nweight = 1\nmx = ["mx.all.test"]\n')
        self.rows([f"user@d{n}.test" for n in range(1500)])
        self.campaign()
        self.config(dns=receivers.dns, port=receivers.port, shaping='["default"]\nconnection_limit = 20\n', engine="shards = 1")
        config = self.path("sluice.toml")
        config.write_text(config.read_text().replace("max_queries_per_second = 20000", "max_queries_per_second = 500"))
        plan = json.loads(self.sluice("plan", "campaign.toml", "--round-trip", "1ms", "--json").stdout)
        self.assertEqual(plan["limited_by"], "dns.max_queries_per_second")
        self.sluice("send", "campaign.toml")
        self.check_time(self.report()["elapsed_s"], plan["seconds"])


class DistanceTest(PlannedTest):
    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(FAR)
        self.rows([f"user{n}@far.test" for n in range(160)])
        self.campaign()
        self.config(shaping='["default"]\nconnection_limit = 4\nmax_deliveries_per_connection = 20\n', engine="shards = 1")

    def plan(self, *options):
        return json.loads(self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready, "--json", *options).stdout)

    def test_how_far_receivers_are_is_measured_and_nothing_is_sent(self):
        plan = self.plan()
        (site,) = plan["longest_sites"]
        self.assertEqual((plan["limited_by"], site["limited_by"]), ("connection_limit", "connection_limit"))
        self.assertGreaterEqual(site["round_trip_ms"], 100)
        self.assertLess(site["round_trip_ms"], 200, "two of them")
        assumed = self.plan("--round-trip", "10ms")
        self.assertLess(assumed["seconds"], plan["seconds"] / 3)
        self.assertNotIn("round_trip_ms", assumed["longest_sites"][0])

        self.sluice("send", "campaign.toml", "--sandbox-at", self.receivers.ready, "--state", self.path("rehearsal"))
        report = json.loads(self.sluice("report", "test", "--json", "--state", self.path("rehearsal")).stdout)
        self.check_time(report["elapsed_s"], plan["seconds"], self.plan()["seconds"])  # The disk is measured each time.

    def test_one_that_cannot_be_reached_is_taken_to_be_somewhere(self):
        self.rows([f"user{n}@dead.test" for n in range(160)])
        plan = self.plan()
        self.assertNotIn("round_trip_ms", plan["longest_sites"][0])
        self.assertGreaterEqual(plan["seconds"], 40 * 0.05 + 2 * 0.3 + 0.05)  # And the disk.

    def test_centuries(self):
        self.config(shaping='["default"]\nmax_message_rate = "1/d,max_burst=1"\n')
        for rows, date, text in ((160, True, " 3816:00:00"), (200_000, False, "548 years")):
            with self.subTest(rows=rows):
                self.rows([f"user{n}@far.test" for n in range(rows)])
                plan = self.plan("--round-trip", "10ms")
                self.assertEqual(plan["seconds"], (rows - 1) * 86400)
                self.assertEqual(plan["finishes_at"] is not None, date)
                self.assertTrue(plan["in_time"])
                self.assertIn(text, self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready, "--round-trip", "10ms").stdout)
