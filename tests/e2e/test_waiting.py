"""When nothing can move: the program says what it waits for, holds the recipients, and ends in order when it is told to."""

import contextlib
import pathlib
import signal
import socket
import subprocess

from lab import Lab
from servers import Process, wait_until


class WaitingTest(Lab):
    def setUp(self):
        super().setUp()
        self.rows([f"user{n}@d{n % 5}.example" for n in range(50)])
        self.campaign()

    def interrupted(self, process):
        self.assertEqual(process.stop(signal.SIGINT), 4)
        report = self.report()
        self.assertEqual(report["state"], "interrupted")
        return report

    def test_a_silent_name_server_holds_everyone_and_costs_no_attempt(self):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 0))
        self.config(dns=f"127.0.0.1:{silent.getsockname()[1]}", port=1)
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the line about the DNS", lambda: "DNS" in process.text(), timeout=60)
        report = self.interrupted(process)
        self.assertEqual(report["totals"]["pending"], 50)
        self.assertEqual(report["attempts"]["total"], 0)

    def test_hosts_that_all_refuse_defer_and_the_campaign_goes_on_when_they_are_back(self):
        sandbox = self.sandbox()
        self.config(dns=sandbox.dns, port=1)
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("deferred recipients", lambda report: report["attempts"]["deferred"] > 0)
        report = self.interrupted(process)
        self.assertEqual(report["totals"]["pending"], 50)
        self.assertTrue(all(event["bounce_classification"] == "NoAnswerFromHost"
                            for event in self.events("test", "--type", "TransientFailure")))
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.report()["totals"]["delivered"] + self.report()["totals"]["bounced"], 50)

    def end_at_once(self, process):
        """Two signals, the second when the first was taken: two that wait are one to the kernel."""
        process.popen.send_signal(signal.SIGINT)
        status = pathlib.Path(f"/proc/{process.popen.pid}/status")
        wait_until("the first signal to be taken", lambda: int(status.read_text().split("ShdPnd:", 1)[1].split()[0], 16) == 0)
        self.assertIsNone(process.popen.poll(), "the first waits for what is in flight")
        self.assertEqual(process.stop(signal.SIGINT, timeout=40), 4)  # Of the 60 seconds that the server takes.

    def test_a_second_signal_ends_it_at_once_and_consistently(self):
        sandbox = self.sandbox('format = 1\nname = "slow"\n[provider.slow]\nweight = 1\nmx = ["mx.slow.example"]\n'
                               '[[provider.slow.tarpit]]\nat = "content"\ndelay = "60s"\n')
        self.config(dns=sandbox.dns, port=sandbox.port)
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("attempts in flight", lambda report: report["attempts"]["total"] > 0)
        self.end_at_once(process)
        self.sluice("ledger", "verify", "test")
        before = self.report()["attempts"]["total"]
        again = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the line about what was in flight", lambda: "in doubt" in again.text())
        self.wait_for_report("attempts in flight again", lambda report: report["attempts"]["total"] > before)
        self.end_at_once(again)
        totals = self.report()["totals"]
        self.assertGreater(totals["in_doubt"], 0)
        self.assertLessEqual(totals["in_doubt"], 2 * 20)

    def test_a_signal_while_preparing_leaves_nothing_behind_and_can_be_repeated(self):
        self.write("campaign.toml", self.path("campaign.toml").read_text().replace("rows.csv", "-"))
        self.config(dns="127.0.0.1:1", port=1)
        process = self.started(Process(self.command("send", "campaign.toml", "--progress", "off"), self.path("log"), cwd=self.folder,
                                       stdin=subprocess.PIPE))
        with contextlib.suppress(BrokenPipeError), process.popen.stdin as rows:
            rows.write(b"email,first_name\n")
            for number in range(2_000_000):
                rows.write(b"user%d@d.example,x\n" % number)
                if number == 50_000:  # Much more than a pipe holds: the program reads.
                    process.popen.send_signal(signal.SIGINT)
        process.wait_for_end(4)
        self.assertFalse((self.path("state") / "campaigns" / "test" / "manifest.json").exists())

    def test_sigterm_with_live_peers_leaves_nobody_in_doubt(self):
        sandbox = self.sandbox('format = 1\nname = "slow"\n[provider.slow]\nweight = 1\nmx = ["mx.slow.example"]\nreply_delay = "30ms"\n')
        self.rows([f"user{n}@d{n % 5}.example" for n in range(5000)])
        self.config(dns=sandbox.dns, port=sandbox.port)
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("some deliveries", lambda report: report["totals"]["delivered"] > 200)
        self.assertEqual(process.stop(signal.SIGTERM), 4)
        totals = self.report()["totals"]
        self.assertEqual(totals["in_doubt"], 0)
        self.assertGreater(totals["pending"], 0)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.report()["totals"]["delivered"], 5000)
        seen = sandbox.end()
        self.assertEqual({row["accepted"] for row in seen.values()}, {1})
        self.assertEqual(len(seen), 5000)
