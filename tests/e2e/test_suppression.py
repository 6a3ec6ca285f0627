"""Suppression lists that change while a campaign runs, `sluice suppress`, and what is learned from bounces."""

import json

from lab import BUILD, Lab
from servers import Nsd, Sink

SLOW = '["default"]\nconnection_limit = 1\nmax_message_rate = "4/s"\n'


class SuppressionTest(Lab):
    def setUp(self):
        super().setUp()
        for name in ("nsd", "sink"):
            self.path(name).mkdir()
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, {"a.test": "@ MX 10 mx\nmx A 127.0.0.1"}))
        self.started(Sink(BUILD, self.folder, options=["--save", self.path("sink")]))

    def arrived(self) -> list:
        return sorted(json.loads(path.read_text())["recipients"][0] for path in self.path("sink").glob("*.json"))

    def test_who_is_suppressed_during_the_run_is_withdrawn(self):
        self.rows([f"user{number}@a.test" for number in range(60)])
        self.write("stop.txt", "user0@a.test\n")
        self.campaign(recipients='suppress = ["stop.txt"]')
        self.config(shaping=SLOW)
        sending = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("the first messages", lambda report: report["totals"]["delivered"] > 0)
        self.write("stop.new", "user0@a.test\nuser58@a.test\n")
        self.path("stop.new").rename(self.path("stop.txt"))
        self.sluice("suppress", "USER59@a.test", "@nowhere.test")
        sending.wait_for_end(0)
        totals = self.report()["totals"]
        self.assertEqual((totals["suppressed"], totals["delivered"], totals["withdrawn"]), (1, 57, 2))
        arrived = self.arrived()
        self.assertEqual(len(arrived), 57)
        self.assertFalse({"user0@a.test", "user58@a.test", "user59@a.test"} & set(arrived))
        events = self.events("test", "--type", "Withdrawn")
        self.assertEqual({event["recipient"] for event in events}, {"user58@a.test", "user59@a.test"})
        rest = self.sluice("remainder", "test", "--which", "withdrawn").stdout
        self.assertIn("user58@a.test", rest)

    def test_a_campaign_that_goes_on_reads_its_lists_again(self):
        self.rows([f"user{number}@a.test" for number in range(40)])
        self.write("stop.txt", "")
        self.campaign(recipients='suppress = ["stop.txt"]')
        self.config(shaping=SLOW)
        sending = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("the first messages", lambda report: report["totals"]["delivered"] > 0)
        self.assertEqual(sending.stop(), 4)
        self.path("stop.txt").unlink()
        done = self.sluice("send", "campaign.toml", code=3)
        self.assertIn("stop.txt: No such file or directory", done.stderr)
        self.write("stop.txt", "user39@a.test\n")
        self.sluice("send", "campaign.toml")
        totals = self.report()["totals"]
        self.assertEqual((totals["suppressed"], totals["delivered"], totals["withdrawn"]), (0, 39, 1))

    def test_bounces_are_learned_for_the_next_campaign(self):
        self.rows(["good@a.test", "permfail@a.test", "tempfail@a.test"])
        self.campaign(delivery='max_age = "3s"')
        self.config()
        with self.path("sluice.toml").open("a") as config:
            config.write('[suppression]\nlearn = ["InvalidRecipient"]\n')
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.report()["totals"]["bounced"], 1)
        self.assertEqual(self.path("state/suppressed.txt").read_text(), "permfail@a.test\n")
        self.campaign("next", delivery='max_age = "3s"')
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.report("next")["totals"]["suppressed"], 1)

    def test_suppress_says_what_it_did(self):
        self.config()
        done = self.sluice("suppress", "Zoe@A.test", "zoe@a.test", "@b.test", "--json")
        self.assertEqual(json.loads(done.stdout), {"format": 1, "file": str(self.path("state/suppressed.txt")), "added": 2, "known": 0})
        done = self.sluice("suppress", "zoe@a.test", "max@a.test")
        self.assertEqual(done.stdout, f"{self.path('state/suppressed.txt')}: 1 added, 1 there before\n")
        done = self.sluice("suppress", "nobody", "a@", code=3)
        self.assertEqual(done.stderr.count("an address, @domain or sha256:HEX belongs here"), 2)
        self.assertEqual(self.path("state/suppressed.txt").read_text(), "@b.test\nzoe@a.test\nmax@a.test\n")
        with self.path("sluice.toml").open("a") as config:
            config.write('[suppression]\nlearn = ["Nonsense"]\n')
        self.rows(["a@a.test"])
        self.campaign()
        for command in ("send", "check"):
            self.assertIn('"Nonsense" is no class of bounces', self.sluice(command, "campaign.toml", code=3).stderr)

