"""A campaign that is to start later, and the pool that its mail leaves from."""

import datetime
import json
import pathlib
import signal
import socket
import subprocess

from lab import BUILD, Lab
from servers import Nsd, Process, SmtpSink, wait_until


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
        sending = self.scheduled()
        self.assertEqual(sending.stop(), 4)  # It waits, and can be interrupted while it does.
        self.assertIn("interrupted before its start; run it again", sending.text())
        self.assertEqual(self.report()["state"], "scheduled")
        start = later(2)  # The start may be another each time.
        self.campaign(delivery=f"start = {start.isoformat(timespec='milliseconds')}")
        self.sluice("send", "campaign.toml")
        report = self.report()
        self.assertEqual((report["state"], report["totals"]["delivered"]), ("finished", 20))
        self.assertGreaterEqual(datetime.datetime.fromisoformat(report["started_at"].replace("Z", "+00:00")), start.replace(microsecond=0))
        self.assertEqual(len(self.sink.recipients()), 20)
        states = [event["state"] for event in self.events("test", "--type", "CampaignState")]
        self.assertEqual(states[:1] + states[-2:], ["scheduled", "running", "finished"])
        self.campaign(delivery=f"start = {later(3600).isoformat(timespec='seconds')}")
        self.sluice("send", "campaign.toml")  # What is finished does not wait.

    # ---- the operator, while it waits ----

    def scheduled(self) -> Process:
        """A campaign that waits for a start that is far away."""
        self.campaign(delivery=f"start = {later(3600).isoformat(timespec='seconds')}")
        sending = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("scheduled", lambda report: report["state"] == "scheduled")
        return sending

    def asked(self, *arguments) -> dict:
        return json.loads(self.sluice(*arguments, "--json").stdout)

    def ask(self, command) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        address = str(self.path("state/campaigns/test/control"))
        wait_until("a program that serves", lambda: client.connect_ex(address) == 0)
        client.sendall(json.dumps({"command": command}).encode() + b"\n")
        return client

    def test_status_and_pauses_of_a_part_are_served_while_it_waits(self):
        sending = self.scheduled()
        status = self.asked("status", "test")
        self.assertEqual((status["state"], status["totals"]["pending"], status["paused"]), ("scheduled", 20, []))
        self.assertIn(f"starts at {status['starts_at']}", self.sluice("status", "test").stdout)
        self.assertEqual(self.asked("pause", "test", "--source", "default")["state"], "scheduled")
        status = self.asked("status", "test")
        self.assertEqual((status["state"], [pause["scope"] for pause in status["paused"]]), ("scheduled", ["source:default"]))
        resumed = self.asked("resume", "test")
        self.assertEqual((resumed["state"], resumed["changed"]), ("scheduled", True))
        self.assertIn("not paused", self.asked("resume", "test")["line"])
        self.wait_for_report("scheduled", lambda report: report["state"] == "scheduled" and report["paused"] == [])
        self.assertEqual(sending.stop(), 4)

    def test_a_pause_and_the_cancellation_end_the_wait(self):
        sending = self.scheduled()
        paused = self.asked("pause", "test", "--reason", "not yet")
        self.assertEqual((paused["state"], paused["changed"]), ("paused", True))
        sending.wait_for_end(6)
        self.assertIn("paused: not yet", sending.text())
        self.assertIn("sluice send CAMPAIGN_FILE", self.sluice("resume", "test").stdout)
        sending = self.scheduled()
        cancelled = self.asked("cancel", "test")
        self.assertEqual((cancelled["state"], cancelled["changed"]), ("cancelled", True))
        sending.wait_for_end(0)
        self.assertEqual(self.report()["totals"]["cancelled"], 20)
        self.sluice("ledger", "verify", "test")

    def test_what_was_said_to_have_failed_is_not_done_later(self):
        sending = self.scheduled()
        sending.popen.send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{sending.popen.pid}/stat")
        wait_until("it to be stopped", lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        self.ask("cancel").close()  # Nobody answered in time.
        sending.popen.send_signal(signal.SIGCONT)
        self.assertEqual(self.asked("status", "test")["state"], "scheduled")
        self.assertEqual(sending.stop(), 4)
        self.assertEqual(self.report()["totals"]["cancelled"], 0)

    def test_a_cancellation_while_it_is_prepared_comes_before_any_mail(self):
        self.campaign()
        self.write("campaign.toml", self.path("campaign.toml").read_text().replace("rows.csv", "-"))
        sending = self.started(Process(self.command("send", "campaign.toml", "--progress", "off"), self.path("log"), cwd=self.folder,
                                       stdin=subprocess.PIPE))
        sending.popen.stdin.write(self.path("rows.csv").read_bytes())
        sending.popen.stdin.flush()
        client = self.ask("cancel")
        sending.popen.stdin.close()
        self.assertEqual(json.loads(client.recv(65536))["state"], "cancelled")
        sending.wait_for_end(0)
        self.assertEqual(self.report()["totals"]["cancelled"], 20)
        self.assertEqual(self.sink.recipients(), [])

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
