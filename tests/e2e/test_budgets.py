"""Bad news from one provider pauses the mail there, and nothing else; it stays so until it is resumed."""

import pathlib

from lab import BUILD, SHAPING, Lab
from servers import Nsd, Sink, wait_until


class BudgetsTest(Lab):
    SITES = {f"site{number}.test": f"127.0.0.{number + 10}" for number in range(6)}  # All of the provider, each a site.
    PROVIDER = '[provider.bad]\nmatch = [{MXSuffix = ".bad.test"}]\n'

    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.path("nsd"))
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, {
            "bad.test": "@ MX 10 mx\nmx A 127.0.0.2\n" + "".join(f"{site.split('.')[0]} A {address}\n" for site, address in self.SITES.items()),
            "worse.test": "@ MX 10 mx.bad.test.", "good.test": "@ MX 10 mx\nmx A 127.0.0.3",
            **{site: f"@ MX 10 {site.split('.')[0]}.bad.test." for site in self.SITES}}))
        self.bad = self.sink("127.0.0.2", "--reply-on", "content:554 5.7.1 [CS01] Message rejected due to local policy")
        self.sink("127.0.0.3")

    def sink(self, address, *options):
        return self.started(Sink(BUILD, self.folder, address, options))

    def prepare(self, budget, intervals='["1s", "2s"]', each=10):
        self.rows([f"user{n}@{domain}" for n in range(each) for domain in ("bad.test", "worse.test", "good.test")])
        self.campaign(delivery=budget)
        self.config(intervals=intervals, shaping=SHAPING + self.PROVIDER, engine="shards = 1")  # Others hear of a pause a little later.

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

    def test_who_bounces_too_much_pauses_the_provider(self):
        self.prepare('[delivery.budget]\nbounce = 4', each=20)
        self.bad.stop()
        self.sink("127.0.0.2", "--reply-on", "RCPT:550 5.1.1 No such user")
        done = self.sluice("send", "campaign.toml", code=6)
        self.assertIn("provider:bad is paused", done.stderr)
        report = self.report()
        paused = {pause["scope"]: pause for pause in report["paused"]}
        self.assertEqual(paused["provider:bad"]["by"], "bounce")
        self.assertIn("recipients bounced", paused["provider:bad"]["reason"])
        self.assertEqual(report["totals"]["delivered"], 20)
        self.assertGreaterEqual(report["totals"]["bounced"], 4)
        self.assertGreater(report["totals"]["pending"], 0)

    def test_who_is_blocked_pauses_that_source_at_that_provider_on_every_shard(self):
        """Each block suspends the source at one site; several sites, on two shards, make it the provider's."""
        text = "550 5.7.1 Service unavailable, Client host blocked using Spamhaus"
        for address in self.SITES.values():
            self.sink(address, "--reply-on", f"RCPT:{text}")
        self.rows([f"user{n}@{domain}" for n in range(20) for domain in (*self.SITES, "good.test")])
        self.campaign(delivery="[delivery.budget]\nblocked = 3")
        self.config(engine="shards = 2", shaping=SHAPING.replace("20", "1", 1) + self.PROVIDER)
        with self.path("sluice.toml").open("a") as config:
            for number in (1, 2):
                config.write(f'[sources.ip-{number}]\nsource_address = "127.0.1.{number}"\n')
        done = self.sluice("send", "campaign.toml", code=6)
        report = self.report()
        scopes = {pause["scope"]: pause for pause in report["paused"]}
        self.assertEqual(set(scopes), {"campaign", "source:ip-1 provider:bad", "source:ip-2 provider:bad"})
        blocked = scopes["source:ip-1 provider:bad"]
        self.assertEqual((blocked["by"], blocked["sample_replies"]), ("blocked", [text]))
        self.assertIn("blocks source ip-1", blocked["reason"])
        self.assertIn("source:ip-1 provider:bad is paused until `sluice resume`", done.stderr)
        self.assertEqual((report["totals"]["delivered"], report["totals"]["bounced"]), (20, 0))
        self.assertEqual(report["totals"]["pending"], 20 * len(self.SITES))

    def test_a_budget_that_is_off_pauses_nothing(self):
        self.prepare('[delivery.budget]\ncontent = "off"', intervals='["5m"]')
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("everybody to be tried", lambda report: report["totals"]["delivered"] == 10 and report["pending"]["held"] == 20)
        self.assertEqual(process.stop(), 4)
        self.assertEqual(self.report()["paused"], [])
