"""Damage to the state of a campaign that was started: one clear line, exit code 1, and nothing is sent by guessing."""

import signal
import subprocess

from lab import Lab
from servers import wait_until

SLOW = 'format = 1\nname = "slow"\n[provider.slow]\nweight = 1\nmx = ["mx.slow.example"]\nreply_delay = "20ms"\n'


class StateDamageTest(Lab):
    def setUp(self):
        """A campaign that was killed twice on its way, so that its ledger has several segments."""
        super().setUp()
        self.addresses = [f"user{number}@d{number % 20}.example" for number in range(4000)]
        self.rows(self.addresses)
        self.campaign()
        self.receivers = self.sandbox(SLOW)
        self.config(dns=self.receivers.dns, port=self.receivers.port)
        for least in (100, 300):
            process = self.start("send", "campaign.toml", "--progress", "off")
            self.wait_for_report("some deliveries", lambda report: report["totals"]["delivered"] > least)
            process.popen.send_signal(signal.SIGKILL)
            process.popen.wait()
        self.state = self.path("state") / "campaigns" / "test"
        self.accepted()  # What was on its way when the program was killed is read before it is asked again.
        self.messages = self.accepted()

    def accepted(self):
        """How many messages the receivers have accepted so far."""
        totals = self.receivers.totals
        totals.unlink(missing_ok=True)
        self.receivers.process.popen.send_signal(signal.SIGUSR1)
        wait_until("the sandbox's totals", lambda: totals.exists() and totals.stat().st_size > 0)
        return totals.read_text().split('"messages":', 1)[1].split(",", 1)[0].strip()

    def refused(self, *words):
        done = self.sluice("send", "campaign.toml", code=1)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertEqual(self.accepted(), self.messages, "something was sent")

    def flip(self, path, at):
        data = bytearray(path.read_bytes())
        data[at] ^= 0x20
        path.write_bytes(data)

    def test_a_damaged_segment(self):
        self.flip(self.state / "ledger" / "00000001.seg", 120)
        self.refused("ledger/00000001.seg:", "damaged")
        done = self.sluice("ledger", "verify", "test", code=1)
        self.assertIn("00000001.seg", done.stdout + done.stderr)
        self.flip(self.state / "ledger" / "00000001.seg", 120)  # As it was: nothing was lost by the refusals.
        self.finish()

    def test_a_damaged_segment_before_the_checkpoint(self):
        """Sending could do without it, and nobody would ever get a report."""
        self.sluice("send", "campaign.toml", timeout=300)
        self.messages = self.accepted()
        self.flip(self.state / "ledger" / "00000001.seg", 120)
        self.refused("ledger/00000001.seg:", "damaged", "put the ledger back from a copy")
        self.flip(self.state / "ledger" / "00000001.seg", 120)
        self.sluice("report", "test")

    def test_a_missing_segment(self):
        moved = self.path("moved.seg")
        (self.state / "ledger" / "00000001.seg").rename(moved)
        self.refused("00000001.seg", "missing")
        moved.rename(self.state / "ledger" / "00000001.seg")
        self.finish()

    def test_a_damaged_manifest(self):
        manifest = self.state / "manifest.json"
        good = manifest.read_text()
        for bad in (good[:100], "", "[]", good.replace('"format": 1', '"format": 9'), good.replace('"recipients"', '"recipient"')):
            manifest.write_text(bad)
            self.refused("manifest.json")
        manifest.write_text(good)
        self.finish()

    def test_lost_checkpoints_and_scratch_files_cost_nothing(self):
        for path in [*(self.state / "ledger").glob("checkpoint*"), self.state / "fold.table", self.state / "run.table"]:
            path.unlink(missing_ok=True)
        (self.state / "ledger" / "checkpoint-99").write_text("nonsense")
        self.finish()

    def finish(self):
        """It goes on, and everybody has the mail once or is in doubt by one of the kills."""
        self.sluice("send", "campaign.toml", timeout=300)
        totals = self.report()["totals"]
        self.assertEqual(totals["delivered"] + totals["in_doubt"], len(self.addresses))
        self.assertLessEqual(totals["in_doubt"], 40)
        seen = self.receivers.end()
        self.assertTrue(all(row["accepted"] + row["accepted_silent"] <= 1 for row in seen.values()))
        self.sluice("ledger", "verify", "test")


class UnwritableStateTest(Lab):
    def test_a_user_who_may_not_write_there_is_told_where(self):
        self.rows(["a@a.test"])
        self.campaign()
        self.config(dns="127.0.0.1:1", port=1)
        state = self.path("state")
        state.mkdir(mode=0o755)
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *self.command("send", "campaign.toml")]
        done = subprocess.run(nobody, capture_output=True, text=True, cwd=self.folder, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(str(state), done.stderr)
        self.assertFalse(any(state.iterdir()))
