"""The campaign format as others see it: its JSON Schema says what the program says, and the example generators make campaigns."""

import copy
import email
import email.policy
import json
import pathlib
import re
import subprocess
import sys
import unittest

import jsonschema

from lab import Lab

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "tools" / "campaign.schema.json").read_text())
BASIC = {
    "format": 1, "id": "c", "kind": "transactional", "from": {"address": "news@example.com"},
    "message": {"subject": "x", "text": "x"}, "recipients": {"file": "rows.csv"}, "delivery": {"dkim": "optional"}}
LIST = {"id": "l.example.com", "unsubscribe_url": "https://example.com/{{token}}"}
EML = "Subject: x\n\nx\n"
# A change of BASIC as (path, value), and whether it is valid then.
CASES = [
    ("min_sluice", "0.1", True), ("min_sluice", "0.1.0", True), ("min_sluice", "new", False), ("id", "a b", False), ("id", "..", False),
    ("id", 5, False), ("format", 2, False), ("name", "A name", True), ("kind", "bulk", False), ("kind", "marketing", False),
    ("reply_to", {"name": "A"}, False), ("reply_to", {"name": "A", "address": ""}, False), ("reply_to", {"address": "a@example.com"}, True),
    ("list", {**LIST, "id": "nodot"}, False), ("list", {**LIST, "id": ".l.example"}, False), ("list", {**LIST, "id": "l.example."}, False),
    ("list", {**LIST, "id": "l,l.example"}, False), ("list", {**LIST, "id": "{{l}}.example"}, False), ("list", {**LIST, "id": "l l.example"}, False),
    ("list", {**LIST, "id": "~l-1.Ex_ample/{}"}, True), ("list", {**LIST, "id": "a[].example"}, False), ("list", {**LIST, "id": "a.b"}, True),
    ("list", {**LIST, "id": "a:b.example"}, False), ("list", {**LIST, "id": "a." + 254 * "b"}, False), ("list", {**LIST, "id": "a." + 253 * "b"}, True),
    ("list", LIST, True), ("list", {**LIST, "extra": "x"}, False), ("from", {}, False), ("from.name", "{{email}}", True),
    ("from.address", "none", False), ("reply_to", {"address": "a@example.com", "name": "A"}, True), ("to", {"name": "{{email}}"}, True),
    ("to", {"address": "x"}, False), ("envelope", {"sender": "b+{{token}}@example.com"}, True), ("envelope", "x@example.com", False),
    ("message.html", "<p>", True), ("message.html_file", "page.html", True), ("message", {"subject": "x"}, False),
    ("message", {"text": "x"}, False), ("message", {"eml": EML}, True), ("message", {"eml_file": "mail.eml"}, True),
    ("message", {"eml": EML, "text": "x"}, False), ("message", {"eml": EML, "attachments": ["page.html"]}, False),
    ("message", {"eml": EML, "attachments": [], "inline": {}}, True), ("message", {"eml_file": "mail.eml", "inline": {"a": "page.html"}}, False), ("message.text_file", "text.txt", False), ("message.attachments", ["page.html"], True),
    ("message.attachments", "page.html", False), ("message.attachments", [""], False),
    ("message", {"subject": "x", "html": "<img src='cid:a'>", "inline": {"a": "page.html"}}, True),
    ("message", {"subject": "x", "html": "x", "inline": {"a b": "page.html"}}, False), ("message.headers", {"X-A": "{{email}}"}, True),
    ("message.headers", {"X-A": 5}, False), ("message.partials", {"foot.er": "<p>"}, True), ("message.partials", {"a b": ""}, False),
    ("message.partials", {"a": 1}, False), ("message.partials", {"a": "{{>a}}"}, True), ("message.partial_files", {"a/b": "page.html"}, True),
    ("message.partial_files", {"": "page.html"}, False), ("message.partial_files", ["page.html"], False), ("message.date", "send", True), ("message.date", "now", False),
    ("message.on_missing", "empty", True), ("message.on_missing", True, False), ("recipients.address", "email", True),
    ("recipients.key", "email", True), ("recipients.meta", ["email"], True), ("recipients.meta", "email", False),
    ("recipients.suppress", ["stop.txt"], True), ("recipients.duplicates", "exact", True), ("recipients.duplicates", "allow", False),
    ("recipients", {"file": "rows.csv", "duplicates": "allow", "key": "email"}, True), ("recipients.on_invalid", "stop", True),
    ("recipients.max_invalid", "5.5%", True), ("recipients.max_invalid", 5, True), ("recipients.max_invalid", "5", False),
    ("recipients.expect", 1, True), ("recipients.expect", -1, False), ("recipients.defaults", {"a": "b"}, True),
    ("recipients.defaults", {"a": 1}, False), ("meta", {"tenant": "acme"}, True), ("meta", {"tenant": 1}, False),
    ("delivery.start", "2030-01-01T00:00:00+01:00", True), ("delivery.start", 5, False), ("delivery.pool", "main", True), ("delivery.pool", 1, False),
    ("delivery.finish_by", "2030-01-01T00:00:00Z", True), ("delivery.finish_by", 5, False), ("delivery.max_age", "3 days", True),
    ("delivery.retry", {"intervals": ["5m", "1 hour"]}, True), ("delivery.retry", {"intervals": []}, False),
    ("delivery.retry", {"intervals": "5m"}, False), ("delivery.retry", {"retry_interval": "5m", "max_retry_interval": "1h"}, True),
    ("delivery.retry", {"retry_interval": "5m", "intervals": ["5m"]}, False), ("delivery.retry", {"interval": "5m"}, False),
    ("delivery.retry", {"class": {"QuotaIssues": {"intervals": ["6h"]}}}, True), ("delivery.retry", {"class": {"Full": {"intervals": ["6h"]}}}, False),
    ("delivery.retry", {"class": {"QuotaIssues": {"interval": "6h"}}}, False), ("delivery.retry", {"class": {"QuotaIssues": "6h"}}, False),
    ("delivery.in_doubt", "resend", True), ("delivery.in_doubt", "drop", False), ("delivery.dkim", "sometimes", False),
    ("surprise", "x", False), ("message.surprise", "x", False), ("recipients.surprise", "x", False), ("delivery.surprise", "x", False)]


def changed(path, value):
    campaign = copy.deepcopy(BASIC)
    table = campaign
    *tables, key = path.split(".")
    for name in tables:
        table = table[name]
    table[key] = value
    return campaign


class SchemaTest(Lab):
    def setUp(self):
        super().setUp()
        self.config()
        with self.path("sluice.toml").open("a") as config:
            config.write('[sources.one]\nsource_address = "127.0.0.1"\n[pools.main]\none = 1\n')
        self.rows(["a@a.test"])
        for name, text in (("page.html", "<p>"), ("text.txt", "x"), ("mail.eml", EML), ("stop.txt", "")):
            self.write(name, text)

    def test_schema_and_program_agree(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        validator = jsonschema.Draft202012Validator(SCHEMA)
        for path, value, valid in CASES:
            with self.subTest(path=path, value=value):
                campaign = changed(path, value)
                self.write("c.json", json.dumps(campaign))
                self.sluice("check", "c.json", code=0 if valid else 3)
                self.assertEqual(validator.is_valid(campaign), valid)

    def test_every_key_is_in_both(self):
        text = "".join(path.read_text() for path in sorted((ROOT / "engine" / "campaign").glob("*loader.cc")))
        calls = r'(?:Text|List|Integer|Any|Table|Texts|Choice|Time|Limit|Template|ReadText|Part)\((?:\w+, )?"(\w+)"(?:, "(\w+)")?'
        read = {key for match in re.finditer(calls, text) for key in match.groups() if key}
        written = set(SCHEMA["properties"])
        for table in SCHEMA["properties"].values():
            written |= set(table.get("properties", {}))
        unsupported = {"max_message_rate", "budget"}
        self.assertEqual(read - unsupported, written - unsupported)


class GeneratorTest(Lab):
    def made_by(self, *command):
        folder = self.path(pathlib.Path(command[-1]).suffix[1:])
        folder.mkdir()
        subprocess.run([*command, folder], check=True, capture_output=True)
        self.config()
        done = self.sluice("check", folder / "campaign.json")
        self.assertIn("2 rows, 2 recipients (0 invalid, 0 duplicate, 0 suppressed); 0 errors, ", done.stdout)
        self.assertNotIn("warning:", done.stdout)  # Of the message; of the sender there are, without a DNS.
        rendered = email.message_from_string(
            self.sluice("render", folder / "campaign.json", "--row", "1").stdout, policy=email.policy.default)
        self.assertIn("- 2 x Lentils & rice\n- 1 x Tea\n", rendered.get_content())
        rows = [json.loads(line) for line in (folder / "recipients.ndjson").read_text().splitlines()]
        return json.loads((folder / "campaign.json").read_text()), rows

    def test_the_generators_make_the_same_campaign(self):
        for command in ((sys.executable, "make_campaign.py"), (sys.executable, "make_campaign.py", "--help"), ("php", "make_campaign.php")):
            done = subprocess.run([command[0], str(ROOT / "tools/examples" / command[1]), *command[2:]], capture_output=True, text=True, check=False)
            self.assertIn("usage: ", done.stderr)
            self.assertNotEqual(done.returncode, 0)
        in_python = self.made_by(sys.executable, str(ROOT / "tools/examples/make_campaign.py"))
        in_php = self.made_by("php", str(ROOT / "tools/examples/make_campaign.php"))
        self.assertEqual(in_python, in_php)


if __name__ == "__main__":
    unittest.main()
