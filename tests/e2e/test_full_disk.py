"""A disk that gets full: one clear line, exit code 1, and the campaign goes on when there is room again. Nobody is lost."""

import gzip
import os

from lab import Lab, besides_the_sender
from machine import run

MEGABYTE = 1 << 20
SESSIONS = 20  # connection_limit of the one site
# Half of the recipients are deferred twice, so that the ledger needs more than the two segments that it begins with.
PERSONALITY = """format = 1
name = "deferring"
[provider.deferring]
weight = 1
mx = ["mx.deferring.example"]
[[provider.deferring.reply]]
at = "rcpt"
reply = "450 4.2.0 come back later"
share = "50%"
attempts = 2
"""


class FullDiskTest(Lab):
    def small_disk(self, megabytes):
        """A file system of its own for the state. The tests run in a mount namespace: nobody else sees it."""
        self.disk = self.path("state")
        self.disk.mkdir()
        run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", self.disk)
        self.addCleanup(run, "umount", self.disk)

    def fill(self, leave=0):
        """Takes all the room there is, but so many bytes."""
        block = b"\0" * 4096
        with open(self.disk / "ballast", "ab", buffering=0) as ballast:
            while True:
                free = os.statvfs(self.disk)
                if free.f_bavail * free.f_frsize <= leave:
                    return
                try:
                    ballast.write(block)
                except OSError:  # Somebody else took the rest.
                    return

    def make_room(self):
        (self.disk / "ballast").unlink()

    def check_one_line(self, text):
        """But for the warning that the host's limits cannot be written, which takes ten seconds on a full disk to come."""
        lines = [line for line in besides_the_sender(text).splitlines() if " cannot be written; until it can, the limits would begin anew " not in line]
        self.assertEqual(len(lines), 1, text)
        self.assertRegex(lines[0], rf"^sluice: {self.disk}/.*: no space left on device$")

    def test_a_disk_that_gets_full_while_sending_loses_nobody(self):
        addresses = [f"user{number}@d{number % 50}.example" for number in range(30000)]
        self.small_disk(64)
        self.rows(addresses)
        self.campaign()
        receivers = self.sandbox(PERSONALITY)
        self.config(dns=receivers.dns, port=receivers.port)
        self.sluice("send", "campaign.toml", "--limit", "1", code=4)  # Everything is prepared.
        self.fill(11 * MEGABYTE)  # Room for two segments of 4 MB, the tables and a checkpoint; not for the third, which is made when the second begins.
        process = self.start("send", "campaign.toml", "--progress", "off")
        process.wait_for_end(1, timeout=120)
        self.check_one_line(process.text())
        failures = 1
        totals = self.report()["totals"]
        self.assertGreater(totals["delivered"], 0, "it was full too early to prove anything")
        self.assertGreater(totals["pending"], 0, "it was full too late to prove anything")
        # Too little room for the next run's tables, for its first segment, and for the one that is made ahead.
        for leave in (0, 2 * MEGABYTE, 5 * MEGABYTE):
            self.make_room()
            self.fill(leave)
            done = self.sluice("send", "campaign.toml", "--progress", "off", code=1)
            self.check_one_line("".join(line for line in done.stderr.splitlines(True) if "were in flight" not in line))
            failures += 1
        self.make_room()
        self.sluice("send", "campaign.toml", timeout=300)
        self.check_nobody_is_lost(addresses, receivers, failures * SESSIONS)

    def test_a_disk_that_gets_full_while_preparing_leaves_nothing_prepared(self):
        count = 60000
        self.small_disk(8)
        self.write("rows.csv", "")
        with gzip.open(self.path("rows.csv.gz"), "wt") as rows:  # Its size says little about what will be needed.
            rows.write("email,first_name\n")
            rows.writelines(f"user{number}@d{number % 50}.example,{'x' * 200}\n" for number in range(count))
        self.campaign().write_text(self.path("campaign.toml").read_text().replace("rows.csv", "rows.csv.gz"))
        receivers = self.sandbox()
        self.config(dns=receivers.dns, port=receivers.port)
        done = self.sluice("send", "campaign.toml", "--progress", "off", code=1)
        self.check_one_line(done.stderr)
        self.assertFalse((self.disk / "campaigns" / "test" / "manifest.json").exists())
        self.sluice("report", "test", code=3)
        run("mount", "-o", "remount,size=128m", self.disk)
        self.sluice("send", "campaign.toml")
        self.check_nobody_is_lost([f"user{number}@d{number % 50}.example" for number in range(count)], receivers, 0)

    def test_a_disk_that_is_too_small_is_said_before_anything_is_read(self):
        self.small_disk(2)
        self.rows(["a@a.test"])
        self.campaign()
        self.config(dns="127.0.0.1:1", port=1)
        done = self.sluice("send", "campaign.toml", code=1)
        self.assertRegex(done.stderr, r"(?m)^sluice: \S+: not enough space: \d MB are free, and about 4 MB are needed\n\Z")
