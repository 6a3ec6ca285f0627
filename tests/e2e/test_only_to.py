"""`send --only-to`: the message of one row to somebody else, as a test that the campaign knows nothing of."""

import email
import email.policy
import hashlib
import json
import re
import subprocess

from lab import BUILD, SLUICE, Lab
from servers import Nsd, SmtpSink, wait_until
import verifiers

CAMPAIGN = """format = 1
id = "test"
[from]
address = "news@example.com"
[to]
name = "{{first_name}}"
[envelope]
sender = "bounce+{{token}}@bounces.example.com"
[message]
subject = "Hello {{first_name}}"
text = "For {{email}}, row {{sluice.row}}: https://example.com/u/{{token}}\\n"
[list]
id = "weekly.example.com"
unsubscribe_url = "https://example.com/u/{{token}}"
[recipients]
file = "rows.csv"
suppress = ["stop.txt"]
[delivery]
finish_by = 2020-01-01T00:00:00Z
"""
REPLIES = """format = 1
name = "replies"
[provider.gone]
domains = ["gone.test"]
unknown_users = "100%"
[provider.busy]
domains = ["busy.test"]
[[provider.busy.reply]]
at = "rcpt"
reply = "450 4.2.0 come back later"
[provider.rest]
weight = 1
"""
SLOW = """format = 1
name = "slow"
[provider.list]
domains = ["list.test"]
mx = ["mx.list.test"]
reply_delay = "500ms"
[provider.rest]
weight = 1
"""
TESTER = "me@tester.test"


class OnlyToTest(Lab):
    def setUp(self):
        super().setUp()
        self.people = [f"user{number}@list.test" for number in range(1, 6)]
        self.rows([*self.people, "nobody"])
        self.write("stop.txt", "user2@list.test\nme@tester.test\n")
        self.write("campaign.toml", CAMPAIGN)

    def keys(self) -> dict:
        return self.sign_with(self.dkim_keys("rsa2048", "ed25519"))

    def sink(self):
        for name in ("nsd", "sink"):
            self.path(name).mkdir()
        zones = {domain: "@ MX 10 mx\nmx A 127.0.0.1" for domain in ("tester.test", "list.test")}
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, zones))
        self.config(dns="127.0.0.1:5300", port=2525)
        return self.started(SmtpSink(BUILD, self.path("sink"), "127.0.0.1", 2525))

    def received(self, sink) -> list:
        """Envelope sender, recipient and bytes of each message, in any order."""
        found = []
        for path in sink.kept.iterdir():
            head, _, content = path.read_bytes().partition(b"DKIM-Signature:")
            sender = re.search(rb"X-Mail-Args: <([^>]*)>", head).group(1).decode()
            recipient = re.search(rb"X-Rcpt-Args: <([^>]*)>", head).group(1).decode()
            found.append((sender, recipient, (b"DKIM-Signature:" + content).replace(b"\n", b"\r\n")))
        return found

    def send_test(self, row=1, code=0, to=TESTER, **options):
        return self.sluice("send", "campaign.toml", "--only-to", to, "--row", row, code=code, **options)

    def campaign_state(self) -> dict:
        """Every file of the campaign's state, with its content."""
        folder = self.path("state") / "campaigns"
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}

    def test_it_has_the_content_of_the_row_with_a_token_of_its_own(self):
        sink = self.sink()
        records = self.keys()
        said = self.send_test(row=2).stdout  # Suppressed, as the tester is: neither matters for a test.
        self.assertRegex(said, r"^test: test of row 2 to me@tester\.test: delivered: 250 .*\(token t1[a-z2-7]{32}\)\n$")
        token = re.search(r"t1[a-z2-7]+", said).group()
        (sender, recipient, content), = self.received(sink)
        self.assertEqual((sender, recipient), (f"bounce+{token}@bounces.example.com", TESTER))
        verifiers.assert_verified(self, [content], records, signatures=2)
        own = self.sluice("render", "campaign.toml", "--row", 2, "--unsigned").stdout
        row_token = re.search(r"Message-ID: <(v1[a-z2-7]+)@", own).group(1)
        parsed, expected = (email.message_from_string(text.replace(row_token, token).replace("\r\n", "\n"), policy=email.policy.default)
                            for text in (content.decode(), own))
        for name in ("Date", "DKIM-Signature"):
            del parsed[name], expected[name]
        self.assertEqual(parsed.items(), expected.items())
        self.assertEqual(expected.get_content(), f"For user2@list.test, row 2: https://example.com/u/{token}\n")
        self.assertEqual(parsed.get_content().rstrip("\n"), expected.get_content().rstrip("\n"))  # The sink adds an empty line.

    def test_every_test_is_another_message_and_the_campaign_stays_as_it_is(self):
        sink = self.sink()
        self.keys()
        self.send_test()
        self.send_test()
        self.assertEqual(self.campaign_state(), {}, "before its start the campaign has no state")
        self.write("campaign.toml", CAMPAIGN.replace("2020-01-01", "2120-01-01"))
        self.sluice("send", "campaign.toml")
        before, report, events = self.campaign_state(), self.report(), self.events()
        self.assertEqual(report["totals"]["delivered"], 4)
        self.write("campaign.toml", CAMPAIGN.replace("Hello", "Goodbye"))  # Nor does a changed message matter.
        self.send_test()
        self.assertEqual(self.campaign_state(), before)
        self.assertEqual((self.report(), self.events()), (report, events))
        received = self.received(sink)
        self.assertEqual(sorted(recipient for _, recipient, _ in received),
                         sorted([*(person for person in self.people if person != "user2@list.test"), TESTER, TESTER, TESTER]))
        self.assertEqual(len({sender for sender, _, _ in received}), 7)

    def test_it_may_be_sent_while_the_campaign_runs(self):
        keys = self.dkim_keys("rsa2048", "ed25519")
        receivers = self.sandbox(SLOW, keys)
        self.config(dns=receivers.dns, port=receivers.port)
        self.sign_with(keys)
        people = [f"user{number}@list.test" for number in range(300)]
        self.rows(people)
        self.write("campaign.toml", CAMPAIGN.replace("2020-01-01", "2120-01-01"))
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("the first deliveries", lambda report: report["totals"]["delivered"] > 0)
        self.send_test()
        self.assertIsNone(process.popen.poll(), "the campaign had ended before the test")
        process.wait_for_end(0, timeout=120)
        self.assertEqual(self.report()["totals"]["delivered"], 299)
        self.assertEqual(set(receivers.end()), {TESTER, *people} - {"user2@list.test"})

    def test_its_token_is_known_as_a_test(self):
        self.sink()
        self.keys()
        token = re.search(r"t1[a-z2-7]+", self.send_test(row=3).stdout).group()
        for text in (token, token.upper(), f"<{token}@example.com>", f"bounce+{token}@bounces.example.com"):
            self.assertEqual(json.loads(self.sluice("token", text, "--json").stdout),
                             {"row": 3, "campaign": "test", "key": "user3@list.test", "address": "user3@list.test", "sent_to": TESTER,
                              "test": True})
        self.assertIn("test      of that row", self.sluice("token", token).stdout)
        self.sluice("token", "v1" + token[2:], code=3)
        event, = self.events("test", "--type", "Delivery", "--state", str(self.path("state") / "tests" / "test" / token))
        self.assertEqual((event["id"], event["recipient"], event["sender"]),
                         (token, TESTER, f"bounce+{token}@bounces.example.com"))

    def test_it_says_what_the_server_says(self):
        receivers = self.sandbox(REPLIES)
        self.config(dns=receivers.dns, port=receivers.port, intervals='["1h"]')
        self.keys()
        self.assertRegex(self.send_test(to="me@gone.test").stdout, r"bounced: 550 5\.1\.1 ")
        process = self.start("send", "campaign.toml", "--only-to", "me@busy.test", "--row", "1", "--progress", "off")
        def deferred():
            for folder in (self.path("state") / "tests" / "test").glob("*"):
                done = subprocess.run(self.command("report", "test", "--state", folder, "--json"), capture_output=True, text=True)
                if done.returncode == 0 and json.loads(done.stdout)["pending"]["deferred"] == 1:
                    return True
            return False
        wait_until("the refusal", deferred)
        self.assertEqual(process.stop(), 4)
        self.assertIn("deferred: 450 4.2.0 come back later", process.text())
        self.assertEqual(set(receivers.end()), {"me@gone.test", "me@busy.test"})

    def test_a_rehearsal_of_it_sends_no_mail(self):
        self.config()
        self.keys()
        done = self.sluice("send", "campaign.toml", "--only-to", TESTER, "--row", 1, "--sandbox", "--personality", "faultfree")
        self.assertIn("1 messages accepted; of their DKIM signatures 2 are valid", done.stdout)
        self.assertEqual([path.name for path in (self.path("state") / "rehearsals").iterdir()], ["tests"])

    def test_what_cannot_be_sent_is_said(self):
        self.config()
        self.assertIn("sluice keygen example.com", self.send_test(code=3).stderr)
        self.keys()
        self.assertIn('rows.csv:7: "nobody" is no recipient', self.send_test(row=6, code=3).stderr)
        self.assertIn("rows.csv: there is no row 7", self.send_test(row=7, code=3).stderr)
        self.assertIn("--only-to", self.send_test(to="nobody", code=2).stderr)
        self.sluice("send", "campaign.toml", "--only-to", TESTER, code=2)
        self.sluice("send", "campaign.toml", "--row", 1, code=2)
        self.sluice("send", "campaign.toml", "--only-to", TESTER, "--row", 0, code=2)
