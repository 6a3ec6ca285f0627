"""What README.md tells people to do, done as it is written."""

import pathlib
import re
import subprocess

from lab import BUILD, SLUICE, Lab
from servers import Nsd, SmtpSink
import verifiers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"`([\w.-]+)`,[^`\n]*:\n\n\Z")  # The paragraph before a file's content begins with its name.
BUILDS = ("tools/install_packages.sh ", "cmake ")  # Done already: this is the program that it makes.
DNS, PORT = "127.0.0.1:5300", 2525


class ReadmeTest(Lab):
    def setUp(self):
        super().setUp()
        (self.path("build") / "release").mkdir(parents=True)
        (self.path("build") / "release" / "sluice").symlink_to(SLUICE)
        self.path("tools").symlink_to(ROOT / "tools")
        self.now_in = self.folder
        self.said = {}  # What each command printed.

    def section(self, title) -> str:
        text = (ROOT / "README.md").read_text()
        return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]

    def run_commands(self, block: str):
        for line in block.splitlines():
            if line.startswith(BUILDS):
                continue
            place = self.path("place")
            done = subprocess.run(["bash", "-ec", f'{line}\npwd > "{place}"'], cwd=self.now_in, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
            self.now_in = pathlib.Path(place.read_text().strip())
            self.said[line] = done.stdout

    def said_by(self, words) -> str:
        return next(text for line, text in self.said.items() if words in line)

    def internet(self, records: str):
        """A name server with these records and the recipients' domains, and a server that takes all their mail."""
        for name in ("nsd", "sink"):
            self.path(name).mkdir()
        zones = {domain: "@ MX 10 mx\nmx A 127.0.0.1" for domain in ("example.net", "example.org")}
        zones["com"] = ""  # Answers that there is nothing else.
        for zone in ("example.com", "2.0.192.in-addr.arpa"):
            zones[zone] = "".join(record + "\n" for record in re.split(r"\n(?=\S)", records) if record.split()[0].endswith(f"{zone}."))
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, zones))
        return self.started(SmtpSink(BUILD, self.path("sink"), "127.0.0.1", PORT))

    def lead_to_internet(self, text: str) -> str:
        """The README's sluice.toml, for the internet of this test: its ports, on loopback, where addresses for documents are public."""
        address = re.search(r"^source_address = (\S+)", text, re.MULTILINE)
        subprocess.run(["ip", "address", "add", address[1].strip('"') + "/32", "dev", "lo"], check=True)
        return text.replace(address[0], f"{address[0]}\npublic_address = {address[1]}") + \
            f'[smtp]\nport = {PORT}\n[dns]\nservers = ["{DNS}"]\n[security]\nallow_private_destinations = true\n'

    def test_build_and_use(self):
        for _, block in BLOCK.findall(self.section("Build and use")):
            self.run_commands(block)
        self.assertIn("weekly-2026-48: finished", self.said_by(" report "))
        self.assertIn("0 are not", self.said_by(" send "))

    def test_a_first_real_send(self):
        self.path("try").mkdir()
        self.now_in = self.path("try")  # Where the section before has led.
        section = self.section("A first real send")
        sink = None
        for match in BLOCK.finditer(section):
            kind, block = match.groups()
            if kind == "":
                self.run_commands(block)
            elif kind == "dns":
                key = re.search(r"^s1\._domainkey\.example\.com\. IN TXT \(.*?\)$", self.said_by(" keygen "), re.MULTILINE | re.DOTALL).group()
                sink = self.internet(block + key)
            else:
                name = FILE_NAME.search(section[:match.start()]).group(1)
                (self.now_in / name).write_text(self.lead_to_internet(block) if name == "sluice.toml" else block)
        self.assertIn("0 errors, 0 warnings", self.said_by(" check "))
        self.assertIn("To: zoe@example.net", self.said_by(" render "))
        self.assertIn("delivered: 250", self.said_by(" --only-to "))
        self.assertIn("first: finished", self.said_by(" report "))
        self.assertEqual(self.said_by(" remainder "), "email,first_name\n")
        self.assertEqual(sink.recipients(), ["max@example.org", "you@example.net", "zoe@example.net"])
        record = "".join(re.findall(r'"([^"]*)"', key))
        received = [path.read_bytes().partition(b"DKIM-Signature:") for path in sink.kept.iterdir()]
        messages = [(name + rest).replace(b"\n", b"\r\n") for _, name, rest in received]
        verifiers.assert_verified(self, messages, {"s1._domainkey.example.com": record})
