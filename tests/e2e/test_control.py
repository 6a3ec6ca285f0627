"""An operator at another terminal: status, pause, resume and cancel, of a campaign that runs and of one that does not."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct

from control_lab import ControlLab
from servers import wait_until

SUSPENDED = "451 4.7.651 The mail server has been temporarily rate limited, try again in 600 seconds"


class ControlTest(ControlLab):
    # ---- of a running campaign ----

    def test_a_running_campaign_is_paused_stays_so_and_goes_on(self):
        self.sink("127.0.0.2")
        self.prepare(120)
        process = self.send()
        status = self.status()
        self.assertEqual(status["state"], "running")
        self.assertGreater(status["totals"]["pending"], 0)
        self.assertEqual((status["paused"], status["held"]), ([], []))
        paused = self.asked("pause", "test", "--reason", "the wrong price")
        self.assertEqual((paused["state"], paused["changed"]), ("paused", True))
        process.wait_for_end(6)
        self.assertIn("the wrong price", process.text())
        self.assertFalse(self.socket.exists())
        report = self.report()
        self.assertEqual(report["state"], "paused")
        self.assertGreater(report["totals"]["pending"], 0)
        self.assertEqual([(pause["scope"], pause["by"], pause["reason"]) for pause in report["paused"]],
                         [("campaign", "operator", "the wrong price")])
        self.assertEqual(self.status()["paused"], report["paused"])

        again = self.sluice("send", "campaign.toml", code=6)  # Sticky: nothing is tried.
        self.assertIn("sluice resume test", again.stdout)
        self.assertEqual(self.report()["attempts"], report["attempts"])
        self.assertIn("paused already", self.sluice("pause", "test").stdout)
        self.assertIn("sluice send CAMPAIGN_FILE\n", self.sluice("resume", "test").stdout)
        self.sluice("send", "campaign.toml", code=0)
        totals = self.report()["totals"]
        self.assertEqual(totals["delivered"], 120)
        self.assertEqual(self.status()["state"], "finished")
        self.assertIn("nobody is pending", self.sluice("pause", "test").stdout)
        self.sluice("ledger", "verify", "test")

    def test_status_report_and_events_say_what_limits_each_site(self):
        self.sink("127.0.0.2")
        self.sink("127.0.0.3", "--latency", "200ms")
        self.sink("127.0.0.4", "--reply-on", f"rcpt:{SUSPENDED}")
        few = '[provider.good]\nmatch = [{MXSuffix = ".good.test"}]\nconnection_limit = 1\n[provider.shut]\nmatch = [{MXSuffix = ".shut.test"}]\n'
        self.prepare(300, domains=("slow.test", "good.test", "shut.test"), shaping=few, rate="4/s")
        process = self.send()
        wanted = {"slow": "max_message_rate", "good": "connection_limit", "shut": "suspended"}
        providers, sites = {}, {}  # Those that were seen to be limited as they should; each for itself.

        def they_were_limited():
            status = self.status()
            providers.update({one["provider"]: one for one in status["limited_providers"] if one["limited_by"] == wanted[one["provider"]]})
            sites.update({one["provider"]: one for one in status["limited"] if one["limited_by"] == wanted[one["provider"]]})
            return providers.keys() == sites.keys() == wanted.keys()

        wait_until("all of them to be limited", they_were_limited)
        self.assertEqual(sites["slow"]["queue"], "mx.slow.test")
        self.assertEqual(sites["shut"]["sample_replies"], [SUSPENDED])
        self.assertGreater(sites["shut"]["until"], sites["shut"]["since"])
        self.assertIsNone(sites["good"]["until"])
        self.assertIsNotNone(sites["slow"]["until"])
        self.assertEqual((providers["shut"]["sites"], providers["shut"]["sample_replies"]), (1, [SUSPENDED]))
        self.assertGreater(providers["shut"]["until"], providers["shut"]["since"])
        self.assertIsNone(providers["good"]["until"])
        wait_until("the words for people",
                   lambda: "limited: slow by max_message_rate (1 sites) since " in self.sluice("status", "test").stdout)
        text = self.sluice("status", "test").stdout
        self.assertRegex(text, r"limited: shut by suspended \(1 sites\) since \S+Z until \S+Z\n    451 4\.7\.651 ")
        limits = {"slow": "max_message_rate", "good": "connection_limit"}  # A provider is in a report from its first reply on.
        self.wait_for_report("a delivery to each, and why no more", lambda report: limits.items() <= {
            one["provider"]: one.get("limited_by") for one in report["providers"]}.items())
        process.stop(signal.SIGINT)
        throttled = {event.get("throttled_by") for event in self.events("test", "--type", "Delivery") if event["provider_name"] == "slow"}
        self.assertIn("max_message_rate", throttled)
        self.assertEqual(self.status()["limited"], [])

    def test_a_provider_is_paused_while_the_rest_goes_on(self):
        self.sink("127.0.0.2")
        self.sink("127.0.0.3")
        self.prepare(60, domains=("slow.test", "good.test"), shaping='["good.test"]\nmax_message_rate = "5/s"\n', rate="5/s")
        process = self.send()
        self.wait_for_report("a delivery there", lambda report: any(
            provider["provider"] == "slow" and provider["delivered"] > 0 for provider in report["providers"]))
        self.assertIn("provider:slow is paused", self.sluice("pause", "test", "--provider", "slow").stdout)
        status = self.status()
        self.assertEqual([pause["scope"] for pause in status["paused"]], ["provider:slow"])
        self.assertEqual([(held["provider"], held["until"]) for held in status["held"]], [("slow", None)])
        text = self.sluice("status", "test").stdout
        self.assertIn("provider:slow: paused by the operator", text)
        self.assertIn("until it is resumed", text)
        process.wait_for_end(6)  # Once nothing else is left.
        report = self.report()
        self.assertEqual(report["state"], "paused")
        self.assertEqual({pause["scope"] for pause in report["paused"]}, {"campaign", "provider:slow"})
        self.assertGreater(report["totals"]["pending"], 0)
        self.assertGreater(report["totals"]["delivered"], 60)
        self.sluice("resume", "test")
        self.sluice("send", "campaign.toml", code=0)
        self.assertEqual(self.report()["totals"]["delivered"], 120)

    def test_what_was_paused_goes_on_without_a_new_start(self):
        self.sink("127.0.0.2")
        self.sink("127.0.0.3")
        self.prepare(60, domains=("slow.test", "good.test"), shaping='["good.test"]\nmax_message_rate = "5/s"\n')
        process = self.send()
        self.sluice("pause", "test", "--source", "default", "--provider", "slow")
        self.assertEqual([pause["scope"] for pause in self.status()["paused"]], ["source:default provider:slow"])
        resumed = self.asked("resume", "test")
        self.assertEqual(resumed["state"], "running")
        status = self.status()
        self.assertEqual((status["paused"], status["held"]), ([], []))
        process.wait_for_end(0)
        self.assertEqual(self.report()["totals"]["delivered"], 120)

    def test_a_paused_source_holds_all_that_it_sends(self):
        self.sink("127.0.0.2")
        self.prepare(120)
        process = self.send()
        self.sluice("pause", "test", "--source", "default")
        process.wait_for_end(6)
        self.assertEqual({pause["scope"] for pause in self.report()["paused"]}, {"source:default", "campaign"})

    def test_a_running_campaign_is_cancelled_for_good(self):
        self.sink("127.0.0.2")
        self.prepare(800)
        process = self.send()
        cancelled = self.asked("cancel", "test")
        self.assertEqual((cancelled["state"], cancelled["changed"]), ("cancelled", True))
        process.wait_for_end(0)
        report = self.report()
        totals = report["totals"]
        self.assertEqual(report["state"], "cancelled")
        self.assertEqual(totals["pending"], 0)
        self.assertGreater(totals["cancelled"], 0)
        self.assertEqual(totals["delivered"] + totals["cancelled"], 800)
        self.assertEqual(len(self.events("test", "--type", "AdminBounce")), totals["cancelled"])
        received = json.loads(self.sink_totals("127.0.0.2"))
        self.assertEqual(received["messages"], totals["delivered"])
        rest = self.sluice("remainder", "test", "--which", "cancelled").stdout.splitlines()
        self.assertEqual(len(rest), totals["cancelled"] + 1)

        self.assertIn("cancelled", self.sluice("send", "campaign.toml", code=0).stdout)
        self.assertIn("was cancelled", self.sluice("resume", "test", code=3).stderr)
        self.assertIn("cancelled already", self.sluice("cancel", "test").stdout)
        self.assertEqual(self.report()["totals"], totals)
        self.sluice("ledger", "verify", "test")

    def sink_totals(self, address) -> str:
        self.sinks[address].stop()
        return self.sinks[address].text().strip().splitlines()[-1]

    def test_status_shows_what_is_held_why_and_until_when(self):
        self.sink("127.0.0.2")
        self.sink("127.0.0.4", "--reply-on", f"RCPT:{SUSPENDED}")
        self.prepare(5, domains=("shut.test",), intervals='["10m"]')
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the suspension", lambda: "is suspended" in process.text())
        status = self.status()
        self.assertEqual(len(status["held"]), 1, status)
        held = status["held"][0]
        self.assertIn("mx.shut.test", held["queue"])
        self.assertEqual(held["source"], "default")
        self.assertIn("RateLimited", held["reason"])
        self.assertEqual(held["sample_replies"], [SUSPENDED])
        self.assertLess(held["since"], held["until"])
        text = self.sluice("status", "test").stdout
        self.assertRegex(text, r"held: \S+ from default since \S+Z, again at ")
        self.assertIn(SUSPENDED, text)
        self.assertIn(f"again at {held['until']}", text)
        self.sluice("resume", "test")  # Lifts the suspension, too: it is tried again, and suspended again.
        wait_until("the next suspension", lambda: process.text().count("is suspended") >= 2)
        self.assertEqual(process.stop(), 4)
        idle = self.status()
        self.assertEqual(idle["state"], "interrupted")
        self.assertEqual([(one["source"], one["sample_replies"]) for one in idle["held"]], [("default", [SUSPENDED])])
        self.assertLessEqual(held["since"], idle["held"][0]["since"])  # In seconds.
        self.assertLess(idle["held"][0]["since"], idle["held"][0]["until"])
        self.assertIsNotNone(idle["next_retry"])
        self.assertTrue(self.asked("resume", "test")["changed"])
        self.assertEqual(self.status()["held"], [])
        self.assertIn("not paused", self.sluice("resume", "test").stdout)
        self.sinks["127.0.0.4"].stop()
        self.sink("127.0.0.4")
        process = self.start("send", "campaign.toml", "--progress", "off")  # The host has forgotten it, too.
        self.wait_for_report("a mail at once", lambda report: report["totals"]["delivered"] > 0)
        process.stop()

    def test_resume_says_that_another_program_keeps_its_suspensions(self):
        self.sink("127.0.0.4", "--reply-on", f"RCPT:{SUSPENDED}")
        self.prepare(5, domains=("shut.test",), intervals='["10m"]')
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the suspension", lambda: "is suspended" in process.text())
        self.assertEqual(process.stop(), 4)
        other = self.path("campaign.toml").read_text().replace('id = "test"', 'id = "other"')
        self.write("other.toml", other)
        process = self.start("send", "other.toml", "--progress", "off")
        wait_until("the other to be held", lambda: json.loads(self.sluice("status", "other", "--json", code=None).stdout or "{}").get("held"))
        self.assertRegex(self.sluice("resume", "test").stdout, rf"source default: .*process {process.popen.pid}, which keeps")
        again = self.asked("resume", "test")
        self.assertFalse(again["changed"])
        self.assertRegex(again["line"], rf"not paused; source default: .*process {process.popen.pid}, which keeps")
        process.stop()

    def test_resume_of_a_campaign_that_is_over_lifts_nothing_for_others(self):
        self.sink("127.0.0.2")
        self.sink("127.0.0.4", "--reply-on", f"RCPT:{SUSPENDED}")
        self.prepare(1)
        self.sluice("send", "campaign.toml")
        text = self.path("campaign.toml").read_text()
        self.prepare(5, domains=("shut.test",), intervals='["10m"]')
        for name in ("held", "next"):
            self.write(f"{name}.toml", text.replace('id = "test"', f'id = "{name}"'))
        process = self.start("send", "held.toml", "--progress", "off")
        wait_until("the suspension", lambda: "is suspended" in process.text())
        self.assertEqual(process.stop(), 4)
        self.assertEqual(self.asked("resume", "test")["state"], "finished")
        process = self.start("send", "next.toml", "--progress", "off")
        wait_until("the next to be held", lambda: json.loads(self.sluice("status", "next", "--json", code=None).stdout or "{}").get("held"))
        self.assertEqual(process.text().count("is suspended"), 0, process.text())
        process.stop()

    # ---- of one whose program is about to end: it serves nobody any more, and holds the state still ----

    def lock(self, name):
        """Takes a lock of the state, as the program does; it is free again when the file is closed."""
        file = open(self.path("state") / name, "w")
        self.addCleanup(file.close)
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhxxxxqqixxxx", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        os.pwrite(file.fileno(), f"{os.getpid()}\n".encode(), 0)
        return file

    def opens_of(self, name):
        """Counts how often somebody has opened a file of the state since (inotify(7))."""
        libc = ctypes.CDLL(None, use_errno=True)
        watch = libc.inotify_init1(os.O_NONBLOCK)
        self.addCleanup(os.close, watch)
        in_open, event_size = 0x20, 16
        self.assertGreater(libc.inotify_add_watch(watch, os.fsencode(self.path("state") / name), in_open), 0)
        opened = 0

        def count() -> int:
            nonlocal opened
            with contextlib.suppress(BlockingIOError):
                opened += len(os.read(watch, 4096)) // event_size
            return opened
        return count

    def test_who_asks_a_program_that_is_about_to_end_waits_for_it(self):
        self.sink("127.0.0.4", "--reply-on", f"RCPT:{SUSPENDED}")
        self.prepare(5, domains=("shut.test",), intervals='["10m"]')
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the suspension", lambda: "is suspended" in process.text())
        self.assertEqual(process.stop(), 4)
        campaign, source = self.lock("campaigns/test/lock"), self.lock("host/source-any")
        looked_at_the_source = self.opens_of("host/source-any")
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(self.socket))
        server.listen()
        server.settimeout(20)
        resume = self.start("resume", "test")
        for _ in range(2):  # It asks, finds the state in use, and asks again.
            server.accept()[0].close()
        server.close()
        self.socket.unlink()
        campaign.close()
        wait_until("the campaign to be resumed, and the source to be awaited", lambda: looked_at_the_source() >= 3)
        source.close()
        resume.wait_for_end(0)
        self.assertNotIn("which keeps its suspensions", resume.text())
        self.assertEqual(self.status()["held"], [])

    # ---- of one that nobody works on ----

    def test_a_stopped_campaign_is_paused_and_cancelled_in_its_state(self):
        self.sink("127.0.0.2")
        self.prepare(600)
        process = self.send()
        self.assertEqual(process.stop(), 4)
        done = self.report()["totals"]["delivered"]
        self.assertEqual(self.asked("pause", "test", "--provider", "slow")["state"], "interrupted")
        self.sluice("send", "campaign.toml", code=6)
        self.assertEqual(self.report()["totals"]["delivered"], done)
        self.assertEqual(self.asked("cancel", "test"), {
            "format": 1, "campaign": "test", "state": "cancelled", "changed": True,
            "line": f"test: cancelled; nothing is sent to {600 - done} who were pending"})
        totals = self.report()["totals"]
        self.assertEqual((totals["cancelled"], totals["pending"]), (600 - done, 0))
        self.assertEqual(self.status()["state"], "cancelled")

    def test_a_part_that_does_not_exist_cannot_be_paused(self):
        self.prepare(1)
        for scope in (["--provider", "gogle"], ["--source", "defualt"], ["--provider", "slow", "--source", "ip-1"]):
            self.assertIn(f'"{scope[-1]}"', self.sluice("pause", "test", *scope, code=3).stderr)
        self.assertIn('did you mean "google"?', self.sluice("pause", "test", "--provider", "gogle", code=3).stderr)
        for provider in ("google", "slow", "other"):
            self.assertIn("never started", self.sluice("pause", "test", "--provider", provider, code=3).stderr)

    def test_a_campaign_that_does_not_exist_is_said_to(self):
        self.config()
        self.path("nowhere").mkdir()  # A folder is no campaign file.
        for command in ("status", "pause", "resume", "cancel"):
            self.assertIn("never started", self.sluice(command, "nowhere", code=3).stderr)
            self.assertIn("neither a campaign file nor an id", self.sluice(command, "not an id", code=3).stderr)
        self.sluice("pause", code=2)
