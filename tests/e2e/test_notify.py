"""[notify] command: what it is told of a campaign, and that it holds up nothing."""

import json
import signal

from lab import Lab
from servers import wait_until

BLOCKS = """format = 1
name = "blocks"
[provider.good]
domains = ["good.test"]
[provider.bad]
domains = ["bad.test"]
[[provider.bad.reply]]
at = "content"
reply = "550 5.7.26 Unauthenticated email is not accepted"
[provider.rest]
weight = 1
"""


class NotifyTest(Lab):
    def prepare(self, command, domains=("good.test",)):
        receivers = self.sandbox(BLOCKS)
        self.rows([f"user{n}@{domain}" for n in range(20) for domain in domains])
        self.campaign()
        self.config(dns=receivers.dns, port=receivers.port, intervals='["1h"]', engine=f"[notify]\ncommand = '''{command}'''\n")

    def told(self):
        return [json.loads(line) for line in self.path("told").read_text().splitlines()]

    def test_a_finished_campaign(self):
        self.prepare(f"cat >> {self.path('told')}")
        self.sluice("send", "campaign.toml")
        (event,) = self.told()
        self.assertEqual((event["event"], event["campaign"]), ("finished", "test"))
        self.assertEqual((event["totals"]["recipients"], event["totals"]["delivered"]), (20, 20))
        self.sluice("send", "campaign.toml")  # It is finished already: that is no news.
        self.assertEqual(len(self.told()), 1)

    def test_several_campaigns(self):
        self.prepare(f"cat >> {self.path('told')}")
        for name, domain in (("a", "good.test"), ("b", "bad.test")):
            self.rows([f"user{n}@{domain}" for n in range(20)], name=f"{name}.csv")
            self.write(f"{name}.toml", self.campaign(name, name=f"{name}.toml").read_text().replace("rows.csv", f"{name}.csv"))
        self.sluice("send", "a.toml", "b.toml", code=6)
        self.assertEqual(sorted((event["campaign"], event["event"]) for event in self.told()), [("a", "finished"), ("b", "paused")])

    def test_a_campaign_that_its_receivers_pause(self):
        self.prepare(f"cat >> {self.path('told')}", domains=("bad.test",))
        self.sluice("send", "campaign.toml", code=6)
        (event,) = self.told()
        self.assertEqual((event["event"], event["scope"], event["by"]), ("paused", "campaign", "auth"))
        self.assertIn("550 5.7.26", event["sample_replies"][0])
        self.sluice("send", "campaign.toml", code=6)
        self.assertEqual(len(self.told()), 1)

    def test_a_suspended_site_and_a_paused_provider(self):
        self.prepare(f"cat >> {self.path('told')}", domains=("good.test", "bad.test"))
        with self.path("shaping.toml").open("a") as shaping:
            shaping.write('[provider.bad]\nmatch = [{MXSuffix = ".bad.test"}]\n[provider.good]\nmatch = [{MXSuffix = ".good.test"}]\n'
                          '[[provider.bad.automation]]\nregex = "5.7.26"\naction = "Suspend"\nduration = "1h"\n')
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the suspension", lambda: self.path("told").exists() and self.path("told").read_text().endswith("\n"))
        suspended = self.told()[0]
        self.assertEqual((suspended["event"], suspended["provider"], suspended["source"]), ("suspended", "bad", "default"))
        self.assertIn("automation rule at", suspended["reason"])
        self.sluice("pause", "test", "--provider", "bad", "--reason", "why not")
        wait_until("the end of send", lambda: process.popen.poll() is not None)
        paused = [event for event in self.told() if event["event"] == "paused"]
        self.assertEqual([(event["scope"], event["by"], event["reason"]) for event in paused[:1]], [("provider:bad", "operator", "why not")])
        self.assertEqual([event["scope"] for event in paused], ["provider:bad", "campaign"])

    def test_a_command_that_does_not_end_holds_up_neither_mail_nor_who_is_in_a_hurry(self):
        self.prepare("sleep 1000")
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("everybody's mail", lambda report: report["totals"]["delivered"] == 20 and report["state"] == "finished")
        process.popen.send_signal(signal.SIGINT)
        wait_until("the end of send", lambda: process.popen.poll() is not None)
        self.assertEqual(process.popen.returncode, 0)
        self.assertIn("notify.command does not end", process.text())
