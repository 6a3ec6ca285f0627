"""The sender's DNS, served by Knot: what `check` says of it, record by record, and that `send` refuses to begin, to go on and to start on time
where receivers would refuse the mail."""

import contextlib
import dataclasses
import datetime
import json
import signal
import socket
import subprocess
import threading
import time

from sender_lab import DNS, MARKETING, SOURCE, SenderLab, quoted
from servers import wait_until

RECEIVERS = ("gmail", "yahoo", "microsoft", "others")
NEEDED = {"spf", "dkim", "dmarc", "alignment", "ptr", "ehlo", "return_path", "replies"}


def drain(listener: socket.socket):
    """Throws away what has come to a socket that nobody reads."""
    listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while listener.recv(512):
            pass


class SlowRelay:
    """A name server whose answers are another's, and late, however many questions come."""

    def __init__(self, address: str, port: int, upstream: int, delay: float):
        self.upstream, self.delay = (address, upstream), delay
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):  # It was closed.
            while True:
                threading.Timer(self.delay, self.answer, args=self.socket.recvfrom(4096)).start()

    def answer(self, question: bytes, client):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(30)
            asking.sendto(question, self.upstream)
            self.socket.sendto(asking.recv(4096), client)

    def close(self):
        self.socket.close()


class SenderTest(SenderLab):
    def test_a_good_sender_passes_and_may_send(self):
        self.serve(self.good)
        answer = self.check()
        self.assertEqual({check["check"] for check in answer["sender"]}, NEEDED | {"one_click", "unsubscribe", "tls"})
        self.assertEqual([check for check in answer["sender"] if check["verdict"] == "fail"], [])
        self.assertEqual({check["check"] for check in answer["sender"] if check["verdict"] == "warn"} - {"tls"}, set())
        spf = answer["sender"][0]
        self.assertEqual(spf["message"], 'bounces.example.com for 203.0.113.7 (ip-1): pass ("include:_spf.example.com" of bounces.example.com)')
        self.assertEqual(spf["receivers"], ["gmail", "yahoo", "microsoft"])
        self.assertEqual({name: answer["receivers"][name] for name in ("yahoo", "microsoft", "others")},
                         {"yahoo": "pass", "microsoft": "pass", "others": "pass"})
        sink = self.sink()
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.delivered(sink), 20)

    def test_a04_return_paths_tell_whose_a_bounce_is(self):
        self.serve(self.good)
        saved = self.path("saved")
        saved.mkdir()
        self.sink("--save", str(saved))
        self.sluice("send", "campaign.toml")
        envelopes = [json.loads(path.read_text()) for path in saved.glob("*.json")]
        self.assertEqual(len({envelope["sender"] for envelope in envelopes}), 20)
        for envelope in envelopes[:3]:
            local_part = envelope["sender"].split("@")[0]
            self.assertLessEqual(len(local_part), 64)
            told = json.loads(self.sluice("token", local_part.removeprefix("bounce+"), "--json").stdout)
            self.assertEqual([told["address"]], envelope["recipients"])

    def test_each_record_that_is_missing_is_named_with_what_to_publish(self):
        self.serve(self.good)
        missing = {
            ("bounces.example.com", "TXT"): {"spf": [("bounces.example.com", "TXT", "v=spf1 ip4:203.0.113.7 ~all")]},
            ("_spf.example.com", "TXT"): {"spf": [("bounces.example.com", "TXT", "v=spf1 ip4:203.0.113.7 include:_spf.example.com -all")]},
            ("bounces.example.com", "MX"): {"return_path": [("bounces.example.com", "MX", "10 mta1.example.com")]},
            (self.key.name, "TXT"): {"dkim": [(self.key.name, "TXT", self.key.record)], "one_click": []},
            ("_dmarc.example.com", "TXT"): {"dmarc": [("_dmarc.example.com", "TXT", "v=DMARC1; p=none")]},
            ("7.113.0.203.in-addr.arpa", "PTR"): {"ptr": [("7.113.0.203.in-addr.arpa", "PTR", "mta1.example.com")]},
            ("mta1.example.com", "A"): {name: [("mta1.example.com", "A", "203.0.113.7")] for name in ("ptr", "ehlo", "return_path")},
        }
        for key, failed in missing.items():
            self.knot.change(self.zone(self.without(key)))
            answer = self.check(code=5)
            self.assertEqual(self.failed(answer), failed, key)
            self.assertEqual(answer["state"], "failed")
        done = self.sluice("check", "campaign.toml", code=5)  # The last one again, for people.
        self.assertRegex(done.stdout, r"  FAIL  ptr +203\.0\.113\.7 \(ip-1\) is mta1\.example\.com, which does not lead back to it\n"
                                      r" +publish: mta1\.example\.com\. A 203\.0\.113\.7\n")
        self.assertRegex(done.stdout, r"  Gmail: fail; fail: ptr")
        self.assertRegex(done.stdout, r"  Microsoft: warn; warn: replies\n")

    def test_spf_may_ask_for_any_name(self):
        records = self.good | {("bounces.example.com", "TXT"): '"v=spf1 exists:%{l}.a[1]%_b.%{d} -all"',
                               (r"bounce\043token.a\0911\093\032b.bounces.example.com", "A"): "127.0.0.2"}
        self.serve(records)
        spf = self.check()["sender"][0]
        self.assertEqual((spf["check"], spf["verdict"]), ("spf", "pass"), spf)

    def test_two_spf_records_are_to_become_one(self):
        self.serve(self.good | {("bounces.example.com.", "TXT"): '"v=spf1 mx -all"'})  # The dot makes it another key.
        failed = self.failed(self.check(code=5))
        self.assertEqual(list(failed), ["spf"])
        _, _, merged = failed["spf"][0]
        self.assertEqual(set(merged.split()), {"v=spf1", "include:_spf.example.com", "mx", "-all"})
        self.knot.change(self.zone(self.good | {("bounces.example.com", "TXT"): quoted(merged)}))
        self.assertEqual(self.failed(self.check()), {})

    def test_what_it_says_to_publish_makes_it_pass(self):
        records = {}
        self.serve(records)
        for _ in range(4):
            answer = json.loads(self.sluice("check", "campaign.toml", "--json", code=None).stdout)
            if not self.failed(answer):
                break
            for published in self.failed(answer).values():
                for name, kind, value in published:
                    records[name, kind] = {"TXT": quoted(value), "MX": value + ".", "PTR": value + "."}.get(kind, value)
            self.knot.change(self.zone(records))
        self.assertEqual(self.failed(self.check()), {})
        self.assertEqual(set(records), set(self.good) - {("_spf.example.com", "TXT")})

    def test_send_refuses_unless_it_is_forced(self):
        self.serve(self.without(("_dmarc.example.com", "TXT")))
        sink = self.sink()
        done = self.sluice("send", "campaign.toml", code=5)
        self.assertIn('dmarc: example.com has no DMARC record; publish: _dmarc.example.com. TXT "v=DMARC1; p=none"', done.stderr)
        self.assertFalse(list(self.path("state").glob("campaigns/*/manifest.json")))
        forced = self.sluice("send", "campaign.toml", "--force")
        self.assertIn("example.com has no DMARC record", forced.stderr)
        self.assertEqual(self.delivered(sink), 20)

    def test_l03_marketing_without_a_signature_that_counts_is_refused_unless_it_is_forced(self):
        self.serve(self.good)
        config = self.path("sluice.toml").read_text()
        self.write("campaign.toml", MARKETING + '[delivery]\ndkim = "optional"\n')
        self.write("sluice.toml", config[:config.index("[[dkim")] + SOURCE)
        self.assertEqual(set(self.failed(self.check(code=5))), {"dkim", "one_click"})
        done = self.sluice("send", "campaign.toml", code=5)
        self.assertIn("dkim: no key signs mail from example.com, and Gmail, Yahoo and Microsoft refuse bulk mail without a signature", done.stderr)
        self.assertIn("one_click: ", done.stderr)
        key, = self.dkim_keys("ed25519", domain="news.example.com")  # Any of the From domain's would do.
        self.knot.change(self.zone(self.good | {("s1._domainkey.example.com", "TXT"): quoted(key.record)}))
        self.sign_with([dataclasses.replace(key, domain="example.com")])
        done = self.sluice("send", "campaign.toml", code=5)
        self.assertIn("dkim: only Ed25519 signs", done.stderr)
        sink = self.sink()
        self.write("sluice.toml", config[:config.index("[[dkim")] + SOURCE)
        self.sluice("send", "campaign.toml", "--sandbox", "--personality", "faultfree")  # That is no real send.
        self.assertIn("dkim: no key signs", self.sluice("send", "campaign.toml", "--force").stderr)
        self.assertEqual(self.delivered(sink), 20)

    def test_a02_however_slow_the_dns_what_is_wrong_with_the_last_source_is_found(self):
        count = 24
        records = dict(self.good)
        for n in range(1, count + 1):  # Whose addresses have other names than they introduce themselves with.
            records[f"{n}.113.0.203.in-addr.arpa", "PTR"] = f"host{n}.example.com."
            records[f"mta{n}.example.com", "A"] = f"203.0.113.{n}"
            records[f"host{n}.example.com", "A"] = f"203.0.113.{n if n < count else 99}"
        self.serve(records)
        relay = SlowRelay("127.0.0.1", 5301, 5300, delay=0.25)
        self.addCleanup(relay.close)
        config = self.path("sluice.toml").read_text().replace(DNS, "127.0.0.1:5301").replace(SOURCE, "")
        self.write("sluice.toml", config + "".join(
            SOURCE.replace("ip-1", f"ip-{n}").replace("127.0.0.1", f"127.0.0.{n}").replace("0.113.7", f"0.113.{n}").replace("mta1", f"mta{n}")
            for n in range(1, count + 1)))
        done = self.sluice("send", "campaign.toml", code=5)
        self.assertIn(f"ptr: 203.0.113.{count} (ip-{count}) is host{count}.example.com, which does not lead back", done.stderr)
        self.assertNotIn("could not be checked", done.stderr)

    def test_a_test_send_is_not_refused(self):
        self.serve(self.without(("_dmarc.example.com", "TXT")))
        sink = self.sink()
        self.sluice("send", "campaign.toml", "--only-to", "me@d.test", "--row", "1")
        self.assertEqual(self.delivered(sink), 1)

    def test_a_campaign_that_goes_on_is_checked_again(self):
        self.serve(self.good)
        self.write("shaping.toml", '["default"]\nmax_message_rate = "5/s"\n')
        sink = self.sink()
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("a delivery", lambda report: report["totals"]["delivered"] > 0)
        self.assertEqual(process.stop(signal.SIGINT), 4)
        self.knot.change(self.zone(self.without((self.key.name, "TXT"))))
        done = self.sluice("send", "campaign.toml", code=5)
        self.assertIn(f"dkim: {self.key.name} is not published", done.stderr)
        self.write("shaping.toml", "")
        self.knot.change(self.zone(self.good))
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.delivered(sink), 20)

    def test_a_key_that_is_unpublished_while_the_campaign_runs_pauses_it(self):
        self.serve(self.good, negative_ttl=1)
        with self.path("sluice.toml").open("a") as config:
            config.write(f"[notify]\ncommand = '''cat >> {self.path('told')}'''\n")
        text = self.path("sluice.toml").read_text()
        self.write("sluice.toml", text.replace("[dns]\n", '[dns]\nrecheck_dkim = "1s"\n'))
        self.write("shaping.toml", '["default"]\nmax_message_rate = "1/s"\n')
        sink = self.sink()
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("a delivery", lambda report: report["totals"]["delivered"] > 0)
        self.knot.change(self.zone(self.without((self.key.name, "TXT"))))
        process.wait_for_end(6)
        report = self.report()
        self.assertGreater(report["totals"]["pending"], 0)
        self.assertEqual([(pause["scope"], pause["by"]) for pause in report["paused"]], [("campaign", "dkim")])
        self.assertIn(f"{self.key.name} is not published; publish: {self.key.name}. TXT", report["paused"][0]["reason"])
        events = [json.loads(line) for line in self.path("told").read_text().splitlines()]
        self.assertEqual([(event["event"], event["by"]) for event in events], [("paused", "dkim")])
        self.sluice("resume", "test")
        self.sluice("send", "campaign.toml", code=5)  # The check at the start sees it, too.
        self.knot.change(self.zone(self.good))
        self.write("shaping.toml", "")
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.delivered(sink), 20)

    def test_whoever_resumes_a_running_campaign_has_its_keys_checked(self):
        self.serve(self.good)
        self.write("shaping.toml", '["default"]\nmax_message_rate = "1/s"\n')
        sink = self.sink()
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("a delivery", lambda report: report["totals"]["delivered"] > 0)
        self.sluice("pause", "test", "--provider", "google")  # Nobody is held, and the campaign goes on.
        self.knot.change(self.zone(self.without((self.key.name, "TXT"))))
        self.sluice("resume", "test")
        process.wait_for_end(6)
        report = self.report()
        self.assertEqual([(pause["scope"], pause["by"]) for pause in report["paused"]], [("campaign", "dkim")])
        self.assertGreater(report["totals"]["pending"], 0)
        sink.stop()

    def test_with_force_a_key_that_is_gone_is_told_and_the_campaign_goes_on(self):
        self.serve(self.good, negative_ttl=1)
        text = self.path("sluice.toml").read_text()
        self.write("sluice.toml", text.replace("[dns]\n", '[dns]\nrecheck_dkim = "1s"\n'))
        self.write("shaping.toml", '["default"]\nmax_message_rate = "1/s"\n')
        sink = self.sink()
        process = self.start("send", "campaign.toml", "--force", "--progress", "off")
        self.wait_for_report("a delivery", lambda report: report["totals"]["delivered"] > 0)
        self.knot.change(self.zone(self.without((self.key.name, "TXT"))))
        wait_until("a warning", lambda: "(--force)" in process.text())
        self.assertIn(f"{self.key.name} is not published; publish: {self.key.name}. TXT", process.text())
        self.assertIsNone(process.popen.poll())
        self.write("shaping.toml", "")  # Read again within seconds: nobody is held any more.
        process.wait_for_end(0)
        self.assertEqual(process.text().count("(--force)"), 1)
        self.assertEqual(self.delivered(sink), 20)

    def test_a_campaign_that_waits_is_checked_when_it_starts(self):
        self.serve(self.good)
        sink = self.sink()
        start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=7)
        self.write("campaign.toml", MARKETING + f"[delivery]\nstart = {start.isoformat(timespec='milliseconds')}\n")
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the campaign to wait", lambda: "waits for its start" in process.text())
        self.knot.change(self.zone(self.without(("bounces.example.com", "TXT"))))
        process.wait_for_end(5)
        self.assertIn("spf: bounces.example.com", process.text())
        self.assertEqual(self.delivered(sink), 0)
        self.assertEqual(self.report()["totals"]["pending"], 20)

    def test_a_signal_ends_the_wait_for_mail_exchangers_of_the_shaping(self):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 5300))
        self.write("shaping.toml", '["d.test"]\nconnection_limit = 1\n')

        def end_after_a_signal(command) -> float:
            process = self.start(command[0], "campaign.toml", *command[1:])
            silent.settimeout(30)
            silent.recv(512)
            begin = time.monotonic()
            self.assertEqual(process.stop(signal.SIGINT), 4, process.text())
            took = time.monotonic() - begin
            self.assertIn("stopped", process.text())
            drain(silent)
            return took

        for command in (["send", "--progress", "off"], ["plan"]):
            with self.subTest(command=command):  # It never waits for all of the five seconds that answers get; a slow machine may.
                self.assertTrue(any(end_after_a_signal(command) < 4.5 for _ in range(5)))

    def test_without_answers_nothing_fails_and_the_time_is_limited(self):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 5300))
        begin = time.monotonic()
        answer = self.check()
        self.assertLess(time.monotonic() - begin, 15)  # Each question gets four and a half seconds; one after the other they would take 40.
        self.assertEqual({check["check"] for check in answer["sender"] if check["verdict"] == "warn"} - {"tls"}, NEEDED | {"from", "one_click"})
        self.assertEqual({name: answer["receivers"][name] for name in RECEIVERS}, dict.fromkeys(RECEIVERS, "warn"))

    def test_while_the_dns_is_asked_status_is_answered(self):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 5300))
        for _ in range(5):  # On a slow machine the check may be over before anybody has asked.
            process = self.start("send", "campaign.toml", "--progress", "off")
            silent.settimeout(60)
            silent.recv(512)
            wait_until("somebody who answers", self.path("state/campaigns/test/control").exists)
            state = json.loads(self.sluice("status", "test", "--json").stdout)["state"]
            if "no answer" not in process.text():
                break
            process.stop(signal.SIGINT)
            drain(silent)
        self.assertNotIn("no answer", process.text(), "status had to wait until the check was over")
        self.assertEqual(state, "preparing")
        wait_until("the end of the check", lambda: "no answer" in process.text())
        self.assertEqual(process.stop(signal.SIGINT), 4)

    def test_a_message_without_a_link_to_unsubscribe_is_a_warning_for_gmail(self):
        self.serve(self.good)
        self.write("campaign.toml", MARKETING.replace("No more of them: https", "Goodbye! ftp"))
        answer = self.check()
        found, = [check for check in answer["sender"] if check["check"] == "unsubscribe"]
        self.assertEqual((found["verdict"], found["receivers"]), ("warn", ["gmail"]))
        self.assertEqual({name: answer["receivers"][name] for name in RECEIVERS},
                         {"gmail": "warn", "yahoo": "pass", "microsoft": "pass", "others": "pass"})

    def test_a02_an_address_that_nobody_knows_is_a_warning_that_send_tells(self):
        self.serve(self.good)
        self.write("sluice.toml", self.path("sluice.toml").read_text().replace("public_address", "# "))
        answer = self.check()
        self.assertEqual({check["check"] for check in answer["sender"] if check["verdict"] == "warn"} - {"tls"}, {"spf", "ptr", "ehlo"})
        self.assertIn("set public_address in [sources.ip-1]", answer["sender"][0]["message"])
        sink = self.sink()
        told = self.sluice("send", "campaign.toml").stderr
        for check in ("spf", "ptr", "ehlo"):
            self.assertRegex(told, f"{check}: .*set public_address in \\[sources.ip-1\\]")
        self.assertEqual(self.delivered(sink), 20)

    def test_without_sources_the_address_that_the_kernel_chooses_is_checked(self):
        own, root_server = "11.0.113.7", "198.41.0.4"
        self.serve(self.good | {
            ("_spf.example.com", "TXT"): f'"v=spf1 ip4:{own} ?all"',
            ("7.113.0.11.in-addr.arpa", "PTR"): "mta1.example.com.",
            ("mta1.example.com", "A"): own,
        })
        self.write("sluice.toml", self.path("sluice.toml").read_text().replace(SOURCE, ""))
        subprocess.run(["ip", "address", "add", f"{own}/32", "dev", "lo"], check=True)
        self.addCleanup(subprocess.run, ["ip", "address", "del", f"{own}/32", "dev", "lo"], check=True)
        subprocess.run(["ip", "route", "add", f"{root_server}/32", "dev", "lo", "src", own], check=True)
        self.addCleanup(subprocess.run, ["ip", "route", "del", f"{root_server}/32"], check=True)
        verdicts = {check["check"]: check["verdict"] for check in self.check(code=None)["sender"]}
        self.assertEqual((verdicts["spf"], verdicts["ptr"]), ("pass", "pass"))
        # Of no account where the mail goes to a sandbox, whose names know nothing of it.
        self.sluice("send", "campaign.toml", "--sandbox", "--personality", "faultfree")

    def test_a_rehearsal_of_two_sources_behind_one_address_is_ready(self):
        with self.path("sluice.toml").open("a") as config:
            config.write(SOURCE.replace("ip-1", "ip-2").replace("127.0.0.1", "127.0.0.2").replace("mta1", "mta2"))
        done = self.sluice("send", "campaign.toml", "--sandbox", "--personality", "faultfree", "--log-level", "debug")
        self.assertIn("20 messages accepted", done.stdout)
        self.assertIn("could not be made: []", done.stderr)

    def test_a_rehearsal_finds_its_sender_ready(self):
        done = self.sluice("send", "campaign.toml", "--sandbox", "--personality", "faultfree", "--log-level", "debug")
        self.assertIn("20 messages accepted; of their DKIM signatures 20 are valid and 0 are not", done.stdout)
        self.assertIn("could not be made: []", done.stderr)
