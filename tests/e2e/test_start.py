"""A campaign that is to start later, and the pool that its mail leaves from."""

import datetime

from lab import BUILD, Lab
from servers import Nsd, SmtpSink


def later(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


class StartTest(Lab):
    def setUp(self):
        super().setUp()
        for name in ("nsd", "sink"):
            self.path(name).mkdir()
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, {"a.test": "@ MX 10 mx\nmx A 127.0.0.1"}))
        self.sink = self.started(SmtpSink(BUILD, self.path("sink"), "127.0.0.1", 2525))
        self.rows([f"user{number}@a.test" for number in range(20)])
        self.config()

    def test_nothing_is_sent_before_the_start(self):
        start = later(6)
        self.campaign(delivery=f"start = {start.isoformat(timespec='milliseconds')}")
        sending = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("scheduled", lambda report: report["state"] == "scheduled")
        self.assertEqual(sending.stop(), 4)  # It waits, and can be interrupted while it does.
        self.assertIn("interrupted before its start; run it again", sending.text())
        self.assertEqual(self.report()["state"], "scheduled")
        self.sluice("send", "campaign.toml")
        report = self.report()
        self.assertEqual((report["state"], report["totals"]["delivered"]), ("finished", 20))
        self.assertGreaterEqual(datetime.datetime.fromisoformat(report["started_at"].replace("Z", "+00:00")), start.replace(microsecond=0))
        self.assertEqual(len(self.sink.recipients()), 20)
        states = [event["state"] for event in self.events("test", "--type", "CampaignState")]
        self.assertEqual(states[:1] + states[-2:], ["scheduled", "running", "finished"])
        # The start may be another each time, and what has begun does not wait.
        self.campaign(delivery=f"start = {later(3600).isoformat(timespec='seconds')}")
        self.sluice("send", "campaign.toml")

    def test_mail_leaves_from_the_pool(self):
        with self.path("sluice.toml").open("a") as config:
            for name, address in (("one", "127.0.0.11"), ("two", "127.0.0.12"), ("three", "127.0.0.13")):
                config.write(f'[sources.{name}]\nsource_address = "{address}"\n')
            config.write("[pools.main]\none = 1\ntwo = 3\n")
        self.campaign(delivery='pool = "mian"')
        for command in ("check", "send"):
            self.assertIn('there is no pool "mian"; did you mean "main"', self.sluice(command, "campaign.toml", code=3).stderr)
        self.campaign(delivery='pool = "main"')
        self.sluice("send", "campaign.toml")
        sources = [event["egress_source"] for event in self.events("test", "--type", "Delivery")]
        self.assertEqual(set(sources), {"one", "two"})
        self.assertGreater(sources.count("two"), sources.count("one"))
