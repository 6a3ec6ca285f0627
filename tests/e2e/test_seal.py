"""`sluice seal`: the signatures are made before, all of them valid where the messages arrive, and none that is not the message's is sent."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from lab import Lab
from servers import wait_until

WENT = re.compile(r"\((\d+) messages went as they were sealed, (\d+) were signed now\)")

SLOW = 'shards = 1\nsigner = "openssl"'  # There is time to end it.


class SealTest(Lab):
    def prepared(self, count, *kinds, delivery="", engine=""):
        """Campaign, keys and a sandbox that knows them. Returns the keys and the sandbox."""
        self.rows([f"user{number}@d{number % 10}.example" for number in range(count)])
        self.campaign(delivery=delivery)
        keys = self.dkim_keys(*kinds)
        sandbox = self.sandbox(keys=keys)
        self.config(dns=sandbox.dns, port=sandbox.port, engine=engine)
        self.sign_with(keys)
        return keys, sandbox

    def seal(self, code=0) -> dict:
        done = self.sluice("seal", "campaign.toml", "--json", code=code)
        return json.loads(done.stdout) if code == 0 else {"error": done.stderr}

    @staticmethod
    def sealed_by(process) -> list:
        """What it has told so far: of how many recipients there are signatures."""
        return [json.loads(line)["sealed"] for line in process.text().splitlines() if line.startswith('{"phase":"sealing"') and line.endswith("}")]

    def send(self) -> tuple:
        """Sends it to its end. Returns how many messages went as they were sealed, and how many were signed then."""
        done = self.sluice("send", "campaign.toml")
        counts = WENT.search(done.stdout)
        return tuple(map(int, counts.groups())) if counts else None

    def check_signatures(self, sandbox, count, keys=1):
        sandbox.end()
        totals = json.loads(sandbox.totals.read_text())
        self.assertEqual((totals["messages"], totals["signatures"]["valid"], totals["signatures"]["invalid"]), (count, count * keys, 0))
        self.assertEqual(self.report()["totals"]["delivered"], count)

    @property
    def file(self):
        return self.path("state/campaigns/test/signatures.dat")

    def test_what_was_sealed_is_sent_and_nothing_is_signed_any_more(self):
        _, sandbox = self.prepared(2000, "rsa2048", "ed25519")
        self.assertEqual(self.seal(), {"format": 1, "campaign": "test", "sealed": 2000, "made": 2000,
                                       "message": "test: 2000 messages are sealed, 2000 of them now"})
        self.assertEqual(self.report()["state"], "prepared")
        self.assertEqual(json.loads(self.sluice("status", "test", "--json").stdout)["state"], "prepared")
        self.assertEqual(self.seal()["made"], 0, "everything is there")
        self.assertEqual(self.send(), (2000, 0))
        self.check_signatures(sandbox, 2000, keys=2)
        self.assertEqual(self.sluice("seal", "campaign.toml").stdout.strip(), "test: finished; sluice report test says how")

    def test_it_goes_on_after_kill_9_and_after_ctrl_c(self):
        count = 30000
        _, sandbox = self.prepared(count, "rsa2048", engine=SLOW)
        made = 0
        for end in (signal.SIGKILL, signal.SIGINT):
            process = self.start("seal", "campaign.toml", "--progress", "json")
            made = wait_until("some signatures", lambda: next((sealed for sealed in self.sealed_by(process) if sealed > made + 500), 0))
            process.popen.send_signal(end)
            process.popen.wait()
            self.assertEqual(process.popen.returncode, -signal.SIGKILL if end == signal.SIGKILL else 4, process.text())
        self.assertRegex(process.text().splitlines()[-1], rf"sluice: test: interrupted; \d+ of {count} are sealed; run it again to go on")
        left = self.seal()
        self.assertEqual(left["sealed"], count)
        self.assertLess(left["made"], count - made)
        self.assertEqual(self.send(), (count, 0))
        self.check_signatures(sandbox, count)

    def test_records_that_are_damaged_or_missing_are_signed_when_they_are_sent(self):
        _, sandbox = self.prepared(300, "rsa2048")
        self.seal()
        record = 16 + 32 + 256 + 4
        content = bytearray(self.file.read_bytes())
        self.assertEqual(len(content), 4096 + 300 * record)
        for number, at in enumerate((0, 8, 20, 60, 300, 305)):  # Date, t=, digest, signature twice, checksum.
            content[4096 + number * 7 * record + at] ^= 0x10
        content[4096 + 100 * record:4096 + 101 * record] = bytes(record)
        content[4096 + 200 * record:4096 + 201 * record] = content[4096 + 201 * record:4096 + 202 * record]  # Somebody else's.
        self.file.write_bytes(content)
        self.assertEqual(self.send(), (292, 8))
        self.check_signatures(sandbox, 300)

    def test_seal_mends_what_is_damaged(self):
        _, sandbox = self.prepared(50, "ed25519")
        self.seal()
        content = bytearray(self.file.read_bytes())
        content[4096 + 5000] ^= 1
        self.file.write_bytes(content)
        self.assertEqual(self.seal()["made"], 1)
        self.file.write_bytes(content[:-1])
        self.assertEqual(self.seal()["made"], 50, "a file that was cut off is made anew")
        self.assertEqual(self.send(), (50, 0))
        self.check_signatures(sandbox, 50)

    def test_the_wrong_file_is_not_used_and_said(self):
        _, sandbox = self.prepared(50, "ed25519")
        self.seal()
        content = bytearray(self.file.read_bytes())
        content[10] ^= 1
        self.file.write_bytes(content)
        done = self.sluice("send", "campaign.toml")
        self.assertIn("test: its sealed signatures are not used: their file is damaged; sluice seal makes new ones", done.stderr)
        self.assertIsNone(WENT.search(done.stdout))
        self.check_signatures(sandbox, 50)

    def test_another_key_signs_again(self):
        keys, sandbox = self.prepared(100, "rsa2048")
        self.seal()
        keys[0].file.unlink()
        keys = self.dkim_keys("rsa2048")  # The same name, another key.
        sandbox.end()
        sandbox = self.sandbox(keys=keys)
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.sign_with(keys)
        done = self.sluice("send", "campaign.toml")
        self.assertIn("not used: they were sealed with other keys", done.stderr)
        self.assertEqual(done.stderr.count("sealed"), 2, "one line")
        self.check_signatures(sandbox, 100)

    def test_another_key_and_another_setting_of_it_seal_again(self):
        keys, sandbox = self.prepared(100, "ed25519")
        self.seal()
        config = self.path("sluice.toml").read_text()
        self.path("sluice.toml").write_text(config.replace("key_file =", 'identity = "@news.example.com"\nkey_file ='))
        self.assertEqual(self.seal()["made"], 100)
        self.path("sluice.toml").write_text(config)
        done = self.sluice("send", "campaign.toml", "--limit", "10", code=4)
        self.assertIn("not used: they were sealed with other keys, or other settings of them", done.stderr)
        keys[0].file.unlink()
        sandbox.end()
        keys = self.dkim_keys("ed25519")
        sandbox = self.sandbox(keys=keys)
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.sign_with(keys)
        self.assertEqual(self.seal(), {"format": 1, "campaign": "test", "sealed": 90, "made": 90,
                                       "message": "test: 90 messages are sealed, 90 of them now"})
        self.assertEqual(self.send(), (90, 0))
        sandbox.end()
        self.assertEqual(json.loads(sandbox.totals.read_text())["signatures"]["valid"], 90)

    def test_a_changed_template_is_refused_and_so_are_campaigns_without_a_key(self):
        _, _ = self.prepared(20, "ed25519")
        self.seal()
        text = self.path("campaign.toml").read_text()
        self.write("campaign.toml", text.replace("Hello", "Goodbye"))
        for command in ("seal", "send"):
            self.assertIn("what was started cannot be changed", self.sluice(command, "campaign.toml", code=3).stderr)
        self.write("campaign.toml", text.replace('id = "test"', 'id = "bare"'))
        self.config()
        self.assertIn("0 DKIM keys sign campaign bare", self.sluice("seal", "campaign.toml", code=3).stderr)

    def test_who_was_suppressed_since_gets_nothing(self):
        _, sandbox = self.prepared(20, "ed25519")
        self.seal()
        self.sluice("suppress", "user7@d7.example")
        self.assertEqual(self.send(), (19, 0))
        seen = sandbox.end()
        self.assertNotIn("user7@d7.example", [address for address, row in seen.items() if row["accepted"]])
        self.assertEqual(self.report()["totals"]["withdrawn"], 1)

    def test_the_signer_of_the_configuration_signs(self):
        """In batches where the processor can."""
        has_batches = "avx512ifma" in pathlib.Path("/proc/cpuinfo").read_text()
        keys, sandbox = self.prepared(8, "rsa2048")
        for signer, method in (("openssl", "openssl"), ("auto", "batches" if has_batches else "openssl")):
            self.config(dns=sandbox.dns, port=sandbox.port, engine=f'signer = "{signer}"')
            self.sign_with(keys)
            for command in ("seal", "send"):
                self.assertIn(f"signs: {method}\n", self.sluice(command, "campaign.toml", "--log-level", "info").stderr)
            shutil.rmtree(self.path("state"))

    def test_only_one_program_at_a_time(self):
        self.prepared(50000, "rsa2048", engine=SLOW)
        process = self.start("seal", "campaign.toml", "--progress", "json")
        wait_until("some signatures", lambda: self.sealed_by(process))
        self.assertEqual(json.loads(self.sluice("status", "test", "--json").stdout)["state"], "preparing")
        for command in ("seal", "send"):
            self.assertIn(str(process.popen.pid), self.sluice(command, "campaign.toml", code=1).stderr)
        self.assertEqual(process.stop(signal.SIGINT), 4)

    def test_who_pauses_or_cancels_meanwhile_is_answered_when_it_is_over(self):
        _, sandbox = self.prepared(50000, "rsa2048", engine=SLOW)
        process = self.start("seal", "campaign.toml", "--progress", "json")
        wait_until("some signatures", lambda: self.sealed_by(process))
        operator = self.start("cancel", "test")
        self.assertEqual(process.stop(signal.SIGINT), 4)
        operator.wait_for_end(0)
        self.assertIn("cancelled", self.sluice("send", "campaign.toml").stdout)
        self.assertEqual(self.sluice("seal", "campaign.toml").stdout, "test: cancelled; nobody is pending\n")
        self.assertEqual([row for row in sandbox.end().values() if row["accepted"]], [])

    def test_a_start_that_is_far_away_is_too_late_for_it(self):
        _, _ = self.prepared(5, "ed25519", delivery="start = 2099-01-01T00:00:00Z")
        self.assertIn("seal it later", self.sluice("seal", "campaign.toml", code=3).stderr)

    def test_a_disk_that_is_too_small_is_said_before(self):
        self.prepared(5, "ed25519")
        self.path("state").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=15M", "tmpfs", str(self.path("state"))], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.path("state"))], check=True)
        self.assertIn("make room", self.sluice("seal", "campaign.toml", code=1).stderr)

    def test_what_is_made_anew_takes_no_room(self):
        count = 30000  # Of 116 octets each.
        _, _ = self.prepared(count, "ed25519")
        state = self.path("state")
        state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", str(state)], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(state)], check=True)
        self.seal()
        content = bytearray(self.file.read_bytes())
        for number in range(count):
            content[4096 + number * 116 + 50] ^= 1
        with self.file.open("r+b") as file:  # In its place.
            file.write(content)
        free = os.statvfs(state)
        (state / "ballast").write_bytes(bytes(free.f_bavail * free.f_frsize - 17 * 2**20))
        self.assertEqual(self.seal()["made"], count)
        content[4096:4096 + 256 * 116] = bytes(256 * 116)
        self.file.write_bytes(content)
        (state / "more").write_bytes(bytes(2**20))
        self.assertIn("make room", self.sluice("seal", "campaign.toml", code=1).stderr, "what was never there does")
