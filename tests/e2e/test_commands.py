"""The commands around a campaign, on one that has every kind of recipient: their output, and their exit codes."""

import csv
import io
import json
import signal
import smtplib

from lab import SLUICE, Lab
from servers import Process, wait_until

MIXED = """format = 1
name = "mixed"
[provider.good]
domains = ["good.example"]
[provider.gone]
domains = ["gone.example"]
unknown_users = "100%"
[provider.silent]
domains = ["silent.example"]
hang_up = { content = "100%" }
[provider.rest]
weight = 1
"""
REFUSES_SENDER = """format = 1
name = "refuses"
[provider.refuses]
domains = ["refuses.example"]
[[provider.refuses.reply]]
at = "mail"
reply = "550 5.1.8 bad sender address"
[provider.rest]
weight = 1
[[provider.rest.tarpit]]
at = "greeting"
delay = "20s"
"""


class FinishedCampaignTest(Lab):
    def setUp(self):
        super().setUp()
        self.good = [f"user{n}@good.example" for n in range(5)]
        self.gone = [f"user{n}@gone.example" for n in range(3)]
        self.silent = [f"user{n}@silent.example" for n in range(2)]
        self.write("stop.txt", "stop@good.example\n")
        self.rows(self.good + self.gone + self.silent + ["not an address", "USER0@good.example", "stop@good.example"])
        self.campaign(recipients='suppress = ["stop.txt"]\nmeta = ["first_name"]')
        self.receivers = self.sandbox(MIXED)
        self.config(dns=self.receivers.dns, port=self.receivers.port)
        self.sluice("send", "campaign.toml")

    def test_report_adds_up_as_json_and_as_text(self):
        totals = self.report()["totals"]
        self.assertEqual(totals, {"rows": 13, "invalid": 1, "duplicate": 1, "suppressed": 1, "recipients": 10, "delivered": 5, "bounced": 3,
                                  "expired": 0, "withdrawn": 0, "cancelled": 0, "in_doubt": 2, "pending": 0})
        table = list(csv.DictReader(io.StringIO(self.sluice("report", "test", "--format", "csv").stdout)))
        self.assertEqual({row["measure"]: int(row["value"]) for row in table if row["section"] == "totals"}, totals)
        self.assertIn("<h2>Providers</h2>", self.sluice("report", "test", "--format", "html").stdout)
        text = self.sluice("report", "test").stdout
        self.assertIn("test: finished", text)
        self.assertIn("sluice remainder test --which in_doubt", text)

    def test_events_can_be_chosen_by_type_and_place(self):
        everything = self.events()
        types = [event["type"] for event in everything]
        for name, count in {"Delivery": 5, "Bounce": 3, "InDoubt": 2, "Invalid": 1, "Duplicate": 1, "Suppressed": 1}.items():
            self.assertEqual(types.count(name), count, name)
        self.assertEqual(len({event["event_id"] for event in everything}), len(everything))
        sequence = [event["seq"] for event in everything if event["seq"]]
        self.assertEqual(sequence, sorted(set(sequence)))
        self.assertEqual([event["recipient"] for event in self.events("test", "--type", "Bounce")],
                         [event["recipient"] for event in everything if event["type"] == "Bounce"])
        middle = sequence[len(sequence) // 2]
        self.assertEqual(self.events("test", "--after", str(middle)), [event for event in everything if event["seq"] > middle])
        self.assertEqual(self.events("test", "--since", "2100-01-01T00:00:00Z"), [])
        self.sluice("events", "test", "--since", "yesterday", code=2)
        self.assertIn('no type of events "Bounces"; did you mean "Bounce"?', self.sluice("events", "test", "--type", "Bounces", code=2).stderr)
        delivery = next(event for event in everything if event["type"] == "Delivery")
        self.assertEqual(delivery["meta"]["first_name"][:6], "Person")
        self.assertEqual(self.events(), everything, "the same each time")

    def test_an_unknown_command_is_named(self):
        self.assertIn('there is no command "evnts"; did you mean "events"?', self.sluice("evnts", code=2).stderr)

    def test_events_follow_what_happens(self):
        following = self.start("events", "test", "--follow")
        wait_until("the last event", lambda: following.text().count('"finished"') == 1)
        self.assertEqual(following.stop(signal.SIGINT), 0)

    def test_remainder_gives_the_rows_back(self):
        def addresses(*arguments):
            rows = list(csv.DictReader(io.StringIO(self.sluice("remainder", "test", *arguments).stdout)))
            self.assertTrue(all(row["first_name"].startswith("Person ") for row in rows))
            return sorted(row["email"] for row in rows)
        self.assertEqual(addresses("--which", "bounced"), self.gone)
        self.assertEqual(addresses("--which", "bounced,in_doubt"), sorted(self.gone + self.silent))
        self.assertEqual(addresses("--which", "bounced", "--class", "InvalidRecipient"), self.gone)
        self.assertEqual(addresses("--which", "bounced", "--class", "SpamBlock"), [])
        self.assertEqual(addresses("--which", "unattempted,deferred,expired,cancelled,withdrawn"), [])
        self.assertEqual(addresses("--which", "bounced", "--provider", "other"), self.gone)
        self.sluice("remainder", "test", "--which", "lost", code=2)
        for option, name, words in (("--class", "SpamBlok", 'no class "SpamBlok"; did you mean "SpamBlock"?'),
                                    ("--provider", "othr", 'no provider "othr"; did you mean "other"?')):
            self.assertIn(words, self.sluice("remainder", "test", "--which", "bounced", option, name, code=2).stderr)

    def test_token_leads_back_to_the_row(self):
        event = self.events("test", "--type", "Bounce")[0]
        for text in (event["id"], f"<{event['id']}@example.com>", event["sender"]):
            found = json.loads(self.sluice("token", text, "--json").stdout)
            self.assertEqual((found["campaign"], found["row"], found["address"]), ("test", event["row"], event["recipient"]))
        last = "a" if event["id"][-1] != "a" else "b"
        self.sluice("token", event["id"][:-1] + last, code=3)

    def test_ledger_verifies_and_dumps(self):
        verified = json.loads(self.sluice("ledger", "verify", "test", "--json").stdout)
        self.assertEqual((verified["attempts"], verified["open_attempts"], verified["findings"]), (10, 0, []))
        dump = self.sluice("ledger", "dump", "test").stdout.splitlines()
        self.assertEqual(len(dump), verified["records"])

    def test_a_finished_campaign_says_so_and_sends_nothing(self):
        done = self.sluice("send", "campaign.toml")
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertIn("finished", done.stdout)
        seen = self.receivers.end()
        self.assertTrue(all(row["accepted"] + row["accepted_silent"] <= 1 for row in seen.values()))

    def test_another_token_key_does_not_take_the_place_of_a_lost_one(self):
        key, kept = self.path("state/token.key"), self.path("kept.key")
        event = self.events("test", "--type", "Delivery")[0]
        key.rename(kept)
        self.assertIn("there is no token key", self.sluice("token", event["id"], code=3).stderr)
        self.assertFalse(key.exists())
        self.sluice("render", "campaign.toml", "--row", 1)  # Makes one, as before the first campaign.
        self.assertTrue(key.exists())
        for command in (("send", "campaign.toml"), ("events", "test")):
            self.assertIn(f"{key} is another key now", self.sluice(*command, code=1).stderr)
        kept.rename(key)
        self.sluice("send", "campaign.toml")
        self.assertEqual(json.loads(self.sluice("token", event["id"], "--json").stdout)["address"], event["recipient"])


class PausedCampaignTest(Lab):
    def test_a_pause_lasts_until_resume(self):
        self.rows(["user@refuses.example"] + [f"user{n}@d.example" for n in range(20)])
        self.campaign()
        refusing = self.sandbox(REFUSES_SENDER)
        self.config(dns=refusing.dns, port=refusing.port)
        first = self.sluice("send", "campaign.toml", code=6)
        self.assertIn("sluice resume test", first.stdout)
        report = self.report()
        self.assertEqual(report["state"], "paused")
        self.assertIn("bad sender", report["paused"][0]["sample_replies"][0])
        self.assertEqual(report["totals"]["pending"], 21)
        refusing.end()
        good = self.sandbox()
        self.config(dns=good.dns, port=good.port)
        self.sluice("pause", "test", "--provider", "other", "--reason", "one\ntwo\x1b]0;three\x07\u202e")
        for done in (self.sluice("send", "campaign.toml", code=6), self.sluice("status", "test"), self.sluice("report", "test")):
            self.assertNotRegex(done.stdout + done.stderr, "[\x1b\x07\u202e]|one\ntwo")
        self.assertIn("one two ]0;three", self.sluice("status", "test").stdout)
        self.assertEqual(good.end(), {}, "it is sticky")
        good = self.sandbox()
        self.config(dns=good.dns, port=good.port)
        self.assertIn("sluice send", self.sluice("resume", "test").stdout)
        self.assertIn("not paused", self.sluice("resume", "test").stdout)
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("the deliveries", lambda report: report["totals"]["delivered"] == 20)
        self.assertEqual(process.stop(signal.SIGINT), 4)
        self.assertEqual(self.report()["totals"]["pending"], 1, "the host that refused the sender is left alone for an hour")


class SinkTest(Lab):
    def test_it_keeps_what_it_receives_and_counts_it(self):
        saved = self.path("mail")
        saved.mkdir()
        older = saved / "00000001.json"
        older.write_text("an older run's\n")
        reader = older.open()
        self.addCleanup(reader.close)
        self.counter += 1
        sink = self.started(Process([SLUICE, "sink", "--listen", "127.0.0.1:0", "--port-file", str(self.path("port")), "--save", str(saved),
                                     "--json", "--without", "CHUNKING"], self.path("sink.json"), cwd=self.folder))
        wait_until("the sink's port", self.path("port").exists)
        with smtplib.SMTP("127.0.0.1", int(self.path("port").read_text())) as client:
            client.ehlo()
            self.assertFalse(client.has_extn("CHUNKING"))
            self.assertTrue(client.has_extn("PIPELINING"))
            refused = client.sendmail("a@a.example", ["b@b.example", "permfail@b.example"], "Subject: hello\r\n\r\n.dot\r\n")
            self.assertEqual(list(refused), ["permfail@b.example"])
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@a.example", ["tempfail@b.example"], "Subject: x\r\n\r\n")
        self.assertEqual(sink.stop(signal.SIGTERM), 0)
        totals = json.loads(sink.text())
        self.assertEqual((totals["connections"], totals["messages"], totals["recipients"]), (1, 1, 1))
        kept = sorted(saved.glob("*.eml"))
        self.assertEqual([path.read_bytes() for path in kept], [b"Subject: hello\r\n\r\n.dot\r\n"])
        envelope = json.loads(kept[0].with_suffix(".json").read_text())
        self.assertIn("b@b.example", json.dumps(envelope))
        self.assertEqual(reader.read(), "an older run's\n", "whoever reads a file has a whole one")
