"""Bad news from one provider pauses the mail there, and nothing else; it stays so until it is resumed."""

import pathlib

from lab import BUILD, SHAPING, SLUICE, Lab
from servers import Nsd, Process, wait_until


class BudgetsTest(Lab):
    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.path("nsd"))
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, {
            "bad.test": "@ MX 10 mx\nmx A 127.0.0.2", "worse.test": "@ MX 10 mx.bad.test.", "good.test": "@ MX 10 mx\nmx A 127.0.0.3"}))
        self.bad = self.sink("127.0.0.2", "--reply-on", "content:554 5.7.1 [CS01] Message rejected due to local policy")
        self.sink("127.0.0.3")

    def sink(self, address, *options):
        port = self.path(f"port.{address}")
        sink = self.started(Process([SLUICE, "sink", "--listen", f"{address}:2525", "--port-file", str(port), *options],
                                    self.path(f"sink.{address}"), cwd=self.folder))
        wait_until("the sink's port", port.exists)
        return sink

    def prepare(self, budget, intervals='["1s", "2s"]'):
        self.rows([f"user{n}@{domain}" for n in range(10) for domain in ("bad.test", "worse.test", "good.test")])
        self.campaign(delivery=budget)
        self.config(intervals=intervals, shaping=SHAPING + '[provider.bad]\nmatch = [{MXSuffix = ".bad.test"}]\n')

    def test_refused_content_pauses_the_provider_until_it_is_resumed(self):
        self.prepare("[delivery.budget]\ncontent = 3")
        done = self.sluice("send", "campaign.toml", code=6)
        self.assertIn("provider:bad is paused", done.stderr)
        self.assertIn("[CS01]", done.stderr)
        report = self.report()
        self.assertEqual(report["state"], "paused")
        self.assertEqual((report["totals"]["delivered"], report["totals"]["pending"]), (10, 20))
        paused = {pause["scope"]: pause for pause in report["paused"]}
        self.assertEqual(set(paused), {"campaign", "provider:bad"})
        self.assertEqual(paused["provider:bad"]["by"], "content")
        self.assertEqual(paused["provider:bad"]["sample_replies"], ["554 5.7.1 [CS01] Message rejected due to local policy"])

        self.sluice("send", "campaign.toml", code=6)  # Sticky: nothing is asked for again.
        self.assertEqual(self.report()["attempts"], report["attempts"])
        self.bad.stop()
        self.sink("127.0.0.2")
        self.sluice("resume", "test")
        self.sluice("send", "campaign.toml", code=0)
        self.assertEqual(self.report()["totals"]["delivered"], 30)
        self.assertEqual(self.report()["paused"], [])

    def test_a_budget_that_is_off_pauses_nothing(self):
        self.prepare('[delivery.budget]\ncontent = "off"', intervals='["5m"]')
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("everybody to be tried", lambda report: report["totals"]["delivered"] == 10 and report["pending"]["held"] == 20)
        self.assertEqual(process.stop(), 4)
        self.assertEqual(self.report()["paused"], [])
