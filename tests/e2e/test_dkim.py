"""DKIM from the key to the receiver: what arrives is what was signed, and verifiers that are not ours accept it."""

import json
import stat
import subprocess

from lab import BUILD, SLUICE, Lab
from servers import Nsd, SmtpSink
import verifiers

HOSTILE = ["Zoë 東京 😀", "", ".", "..", "a,b;c", 'say "hi"', "=?utf-8?q?x?=", "line\r\n.\r\nQUIT", "x" * 3000, " two  spaces\t", "From here",
           "\u2028\u202e mixed \u0600", "O'Brien & <b>sons</b>", "- -- ---", "trailing space "]


class DkimTest(Lab):
    def keygen(self, domain, selector, kind="rsa2048"):
        """Makes a key, and adds it to sluice.toml; returns its record, for verifiers."""
        name = f"{domain}.{selector}.pem"
        done = subprocess.run([SLUICE, "keygen", domain, selector, "--type", kind, "--out", name, "--json"], cwd=self.folder,
                              capture_output=True, text=True, check=True)
        made = json.loads(done.stdout)
        self.assertEqual(stat.S_IMODE(self.path(name).stat().st_mode), 0o600)
        self.assertEqual("".join(made["dns_strings"]), made["dns_txt"])
        self.assertTrue(all(len(text) <= 255 for text in made["dns_strings"]))
        return {made["dns_name"]: made["dns_txt"]}

    def add_key(self, domain, selector, more=""):
        with self.path("sluice.toml").open("a") as config:
            config.write(f'[[dkim."{domain}"]]\nselector = "{selector}"\nkey_file = "{domain}.{selector}.pem"\n{more}\n')

    def required(self):
        text = self.campaign().read_text().replace('dkim = "optional"\n', "")
        self.write("campaign.toml", text)

    def messages(self, rows):
        for row in range(1, rows + 1):
            yield subprocess.run(self.command("render", "campaign.toml", "--row", row), cwd=self.folder, capture_output=True, check=True).stdout

    def hostile_rows(self):
        self.write("rows.ndjson", "".join(json.dumps({"email": f"u{n}@d.test", "first_name": text}) + "\n" for n, text in enumerate(HOSTILE)))
        self.write("campaign.toml", self.path("campaign.toml").read_text().replace("rows.csv", "rows.ndjson"))

    def test_k13_k17_hostile_texts_verify_in_every_canonicalization_with_author_and_provider(self):
        self.config()
        self.required()
        self.hostile_rows()
        base = self.path("sluice.toml").read_text()
        records = {**self.keygen("example.com", "s1"), **self.keygen("example.com", "s2", "ed25519"), **self.keygen("provider.test", "p")}
        for canonicalization in ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"):
            self.write("sluice.toml", base)
            more = f'canonicalization = "{canonicalization}"'
            self.add_key("example.com", "s1", more + '\nexpire = "7 days"\nidentity = "news@example.com"')
            self.add_key("example.com", "s2", more)
            self.add_key("provider.test", "p", more + '\nsign_for = ["*"]')
            verifiers.assert_verified(self, self.messages(len(HOSTILE)), records, signatures=3)

    def test_k13_what_a_receiver_gets_verifies(self):
        domains = [f"d{number}.test" for number in range(5)]
        for name in ("nsd", "sink"):
            self.path(name).mkdir()
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, {domain: "@ MX 10 mx\nmx A 127.0.0.1" for domain in domains}))
        sink = self.started(SmtpSink(BUILD, self.path("sink"), "127.0.0.1", 2525))
        self.rows([f"user{number}@{domains[number % 5]}" for number in range(200)])
        self.config(dns="127.0.0.1:5300", port=2525)
        self.required()
        records = self.keygen("example.com", "s1")
        self.add_key("example.com", "s1")
        self.sluice("send", "campaign.toml")
        self.assertEqual(len(sink.recipients()), 200)
        received = []
        for path in sink.kept.iterdir():
            lines = path.read_bytes().split(b"\n")
            begin = next(number for number, line in enumerate(lines) if line.startswith(b"DKIM-Signature:"))
            received.append(b"\r\n".join(lines[begin:]))  # The sink's own lines are above, and its lines end with LF.
        verifiers.assert_verified(self, received, records)
        manifest = json.loads(next(self.path("state").glob("**/manifest.json")).read_text())
        self.assertEqual(len(manifest["dkim_keys"]), 1)

    def test_without_a_key_nothing_is_sent(self):
        self.rows(["a@a.test"])
        self.config()
        self.required()
        for command in (("send", "campaign.toml"), ("render", "campaign.toml", "--row", "1")):
            done = self.sluice(*command, code=3)
            self.assertIn("sluice keygen example.com", done.stderr)
        unsigned = self.sluice("render", "campaign.toml", "--row", "1", "--unsigned").stdout
        self.assertNotIn("DKIM-Signature", unsigned)
        self.keygen("provider.test", "p")
        self.add_key("provider.test", "p", 'sign_for = ["*"]')
        self.sluice("send", "campaign.toml", code=3)  # The provider's is not the author's.

    def test_a_bad_key_is_said_before_anything_else(self):
        self.rows(["a@a.test"])
        self.config()
        self.required()
        self.add_key("example.com", "s1")
        self.assertIn("example.com.s1.pem", self.sluice("send", "campaign.toml", code=3).stderr)
        self.write("example.com.s1.pem", "no key")
        self.assertIn("not a private key", self.sluice("send", "campaign.toml", code=3).stderr)
        subprocess.run(["openssl", "genrsa", "-out", str(self.path("example.com.s1.pem")), "1024"], check=True, capture_output=True)
        self.assertIn("1024 bits is weak", self.sluice("send", "campaign.toml", code=3).stderr)

    def test_keygen_never_overwrites(self):
        self.keygen("example.com", "s1")
        before = self.path("example.com.s1.pem").read_bytes()
        done = subprocess.run([SLUICE, "keygen", "example.com", "s1"], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn("never overwritten", done.stderr)
        self.assertEqual(self.path("example.com.s1.pem").read_bytes(), before)

    def test_a_rehearsal_verifies_every_signature_and_what_is_finished_needs_no_key(self):
        self.rows([f"user{number}@d{number % 7}.test" for number in range(100)])
        self.config()
        self.required()
        self.keygen("example.com", "s1")
        self.keygen("example.com", "s2", "ed25519")
        for selector in ("s1", "s2"):
            self.add_key("example.com", selector)
        rehearsal = ("send", "campaign.toml", "--sandbox", "--personality", "faultfree")
        self.assertIn("100 messages accepted; of their DKIM signatures 200 are valid and 0 are not", self.sluice(*rehearsal).stdout)
        self.path("example.com.s1.pem").unlink()
        self.assertIn("finished", self.sluice(*rehearsal).stdout)
        self.assertIn("example.com.s1.pem", self.sluice("send", "campaign.toml", code=3).stderr)
