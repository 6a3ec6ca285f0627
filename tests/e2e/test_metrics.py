"""[metrics] listen: a campaign that runs is scraped, by clients that behave and by others."""

import collections
import re
import socket
import urllib.error
import urllib.request

from lab import SHAPING, Lab
from servers import wait_until

PERSONALITY = """format = 1
name = "three"
[provider.good]
domains = ["good.test"]
[provider.gone]
domains = ["gone.test"]
unknown_users = "100%"
[provider.later]
domains = ["later.test"]
[[provider.later.reply]]
at = "rcpt"
reply = "450 4.2.1 Come back later"
[provider.rest]
weight = 1
"""
LISTEN = "127.0.0.1:9650"
PROVIDERS = "".join(f'[provider.{name}]\nmatch = [{{MXSuffix = ".{name}.test"}}]\n' for name in ("good", "gone", "later"))


class MetricsTest(Lab):
    def setUp(self):
        super().setUp()
        receivers = self.sandbox(PERSONALITY)
        self.rows([f"user{n}@{name}.test" for n in range(60) for name in ("good", "gone", "later")] + ["user@elsewhere.test"])
        self.campaign(delivery='[delivery.budget]\nbounce = "off"\n')
        self.config(dns=receivers.dns, port=receivers.port, intervals='["1h"]', shaping=SHAPING + PROVIDERS,
                    engine=f'shards = 2\n[metrics]\nlisten = "{LISTEN}"\n')

    def scrape(self):
        with urllib.request.urlopen(f"http://{LISTEN}/metrics", timeout=10) as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            text = answer.read().decode()
        samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            samples[name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))] = float(value)
        return samples

    def sums(self, samples, name, label):
        found = collections.Counter()
        for (metric, labels), value in samples.items():
            if metric == name:
                found[dict(labels)[label]] += int(value)
        return dict(found)

    def send(self):
        process = self.start("send", "campaign.toml", "--progress", "off")

        def everybody_was_tried():
            try:
                outcomes = self.sums(self.scrape(), "sluice_outcomes_total", "outcome")
            except OSError:
                return False  # It does not listen yet, or begins.
            return sum(outcomes.values()) == 181

        wait_until("everybody's first attempt", everybody_was_tried)
        return process

    def test_what_it_says_is_what_the_report_says(self):
        self.send()
        samples = self.scrape()
        self.wait_for_report("the same in the ledger", lambda report: [
            report["totals"]["delivered"], report["totals"]["bounced"], report["pending"]["deferred"]] == [61, 60, 60])
        report = self.report()
        self.assertEqual(self.sums(samples, "sluice_outcomes_total", "outcome"), {"delivered": 61, "bounced": 60, "deferred": 60})
        self.assertEqual(self.sums(samples, "sluice_outcomes_total", "source"), {"default": 181})
        self.assertEqual(self.sums(samples, "sluice_outcomes_total", "provider"), {"good": 60, "gone": 60, "later": 60, "other": 1})
        self.assertEqual(self.sums(samples, "sluice_outcomes_total", "class")["InvalidRecipient"], report["totals"]["bounced"])
        for provider in report["providers"]:
            for outcome in ("delivered", "bounced"):
                counted = sum(value for (name, labels), value in samples.items() if name == "sluice_outcomes_total"
                              and ("provider", provider["provider"]) in labels and ("outcome", outcome) in labels)
                self.assertEqual(counted, provider[outcome], provider)
        self.assertEqual(sum(self.sums(samples, "sluice_attempts_total", "provider").values()), report["attempts"]["total"])
        pending = {state: count for state, count in self.sums(samples, "sluice_pending", "state").items() if count}
        self.assertEqual(pending, {"deferred": report["pending"]["deferred"]})
        self.assertEqual(sum(pending.values()), report["totals"]["pending"])
        self.assertEqual(samples["sluice_delivered_bytes_total", ()], report["bytes"])

    def test_several_campaigns_are_summed_up_and_told_apart(self):
        for name, count in (("a", 50), ("b", 30)):
            self.rows([f"{name}{n}@good.test" for n in range(count)] + ([f"{name}@later.test"] if name == "b" else []), name=f"{name}.csv")
            self.write(f"{name}.toml", self.campaign(name, name=f"{name}.toml").read_text().replace("rows.csv", f"{name}.csv"))
        process = self.start("send", "a.toml", "b.toml", "--progress", "off")

        def everybody_was_tried():
            try:
                return sum(self.sums(self.scrape(), "sluice_outcomes_total", "outcome").values()) == 81
            except OSError:
                return False

        wait_until("everybody's first attempt", everybody_was_tried)
        wait_until("the end of a", lambda: self.report("a")["state"] == "finished")
        wait_until("the mail of b", lambda: self.report("b")["totals"]["delivered"] == 30)
        samples = self.scrape()  # The first campaign is over, and what it has counted stays.
        self.assertEqual(self.sums(samples, "sluice_outcomes_total", "outcome"), {"delivered": 80, "deferred": 1})
        self.assertEqual({labels: value for (name, labels), value in samples.items() if name == "sluice_campaign_outcomes_total"},
                         {(("campaign", "a"), ("outcome", "delivered")): 50, (("campaign", "b"), ("outcome", "delivered")): 30,
                          (("campaign", "b"), ("outcome", "deferred")): 1})
        self.assertEqual(self.sums(samples, "sluice_campaign_pending", "campaign"), {"a": 0, "b": 1})
        self.assertEqual(samples["sluice_delivered_bytes_total", ()], self.report("a")["bytes"] + self.report("b")["bytes"])
        process.stop()

    def test_clients_that_misbehave_harm_nobody(self):
        self.send()
        slow = [socket.create_connection(tuple(LISTEN.split(":"))) for _ in range(40)]
        for client in slow:
            client.send(b"GET /metr")
        self.assertEqual(self.sums(self.scrape(), "sluice_outcomes_total", "outcome")["delivered"], 61)
        for path, method, code in (("/", "GET", 404), ("/metrics", "POST", 405)):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(f"http://{LISTEN}{path}", method=method), timeout=10)
            self.assertEqual(refused.exception.code, code)
            refused.exception.close()
        self.assertEqual(self.report()["state"], "running")
        for client in slow:
            client.close()

    def test_a_port_that_is_taken_is_named_and_nothing_is_sent(self):
        with socket.create_server(("127.0.0.1", 9650)):
            self.assertIn(f"metrics.listen: cannot listen on {LISTEN}", self.sluice("send", "campaign.toml", code=3).stderr)
        self.assertFalse(self.path("state/campaigns/test").exists())
