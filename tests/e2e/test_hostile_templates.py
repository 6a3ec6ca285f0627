"""Random templates times random rows, each sent, received by a server that is not ours, parsed by Python's email, and verified by two DKIM
verifiers: what was meant arrives, and nothing else."""

import concurrent.futures
import email
import email.policy
import json
import os
import re
import unittest

import hostile
import hostile_templates
import verifiers
from hostile_templates import Template
from lab import BUILD, SOAK, Lab
from servers import Nsd, SmtpSink
from test_hostile_texts import name_of

TEMPLATES, ROWS = (100, 100) if SOAK else (40, 50)
SEED = int(os.environ.get("SLUICE_HOSTILE_SEED", "1"))
CANONICALIZATIONS = ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed")


class HostileTemplatesTest(Lab):
    def send(self, number: int) -> tuple:
        """Sends one campaign; returns its template, and its rows by address."""
        template = Template(number, SEED)
        rows = hostile_templates.rows_of(hostile_templates.random.Random(f"{SEED} rows {number}"), ROWS, f"t{number}.test",
                                         has_big=template.fits_big_values())
        if template.rows_miss_fields:
            for row in rows[::2]:
                del row["b"]
        self.write(f"rows{number}.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        self.write(f"c{number}.json", json.dumps({
            "format": 1, "id": f"c{number}", "from": {"address": "news@example.com", "name": template.from_name},
            "to": {"name": hostile_templates.source(template.to_name)}, "envelope": {"sender": "bounce+{{token}}@bounces.example.com"},
            "message": template.message_keys(),
            "list": {"id": "l.example.com", "unsubscribe_url": "https://example.com/u/{{token}}?n={{short}}"},
            "recipients": {"file": f"rows{number}.ndjson"}}))
        self.sluice("send", f"c{number}.json", "--progress", "off")
        totals = self.report(f"c{number}")["totals"]
        self.assertEqual((totals["rows"], totals["delivered"]), (ROWS, ROWS))
        return template, {row["email"]: row for row in rows}

    def check(self, template, row, content: bytes):
        self.assertTrue(all(len(line) <= 998 for line in content.split(b"\r\n")), "a line is too long")
        self.assertNotRegex(content, rb"[\x00\x80-\xff]|\r(?!\n)|(?<!\r)\n")
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        self.assertEqual([defect for part in parsed.walk() for defect in part.defects], [])
        names = [name for name in parsed.keys() if name != "DKIM-Signature"]
        self.assertEqual(len(names), len(set(names)), names)
        self.assertIsNone(parsed["Bcc"])
        for field, parts in (("Subject", template.subject), ("X-Note", template.note)):
            self.assertEqual(parsed[field], hostile.as_header(hostile_templates.render(parts, row)))
            self.assertEqual(parsed[field].defects, ())
        self.assertEqual([address.addr_spec for address in parsed["To"].addresses], [row["email"]])
        self.assertEqual(name_of(content, "To"), hostile.as_header(hostile_templates.render(template.to_name, row)))
        self.assertEqual(name_of(content, "From"), hostile.as_header(template.from_name))
        self.assertRegex(re.sub(r"\s", "", parsed["List-Unsubscribe"]), r"^<https://example\.com/u/v1[a-z2-7]{32}\?n=[!-;=?-~]*>$")
        texts = {part.get_content_type(): hostile.as_lines(part.get_content()) for part in parsed.walk() if not part.is_multipart()}
        self.assertEqual(list(texts), list(template.texts(row)))
        for media_type, text in template.texts(row).items():
            self.assertTrue(texts[media_type] == text, f"{media_type}:\n{texts[media_type][:2000]!r}\ninstead of\n{text[:2000]!r}")

    def test_what_was_meant_arrives(self):
        domains = [f"t{number}.test" for number in range(TEMPLATES)]
        for name in ("nsd", "sink"):
            self.path(name).mkdir()
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, {domain: "@ MX 10 mx\nmx A 127.0.0.1" for domain in domains}))
        sink = self.started(SmtpSink(BUILD, self.path("sink"), "127.0.0.1", 2525))
        keys = self.dkim_keys("rsa2048", "ed25519")
        sent, records = {}, {}
        for number in range(TEMPLATES):
            self.config()
            chosen = keys if number % 4 == 0 else keys[:1]
            records.update(self.sign_with(chosen))
            text = self.path("sluice.toml").read_text()
            self.write("sluice.toml", text.replace("\nselector", f'\ncanonicalization = "{CANONICALIZATIONS[number // 4 % 4]}"\nselector'))
            template, rows = self.send(number)
            sent.update({address: (template, row, len(chosen)) for address, row in rows.items()})
        received = {1: [], 2: []}
        for path in sink.kept.iterdir():
            kept = path.read_bytes()
            self.assertTrue(kept.endswith(b"\n\n"))
            lines = kept[:-1].split(b"\n")  # The sink puts an empty line behind the message.
            begin = next(number for number, line in enumerate(lines) if line.startswith(b"DKIM-Signature:"))
            recipient = next(line for line in lines[:begin] if line.startswith(b"X-Rcpt-Args: ")).split(b"<")[1].split(b">")[0].decode()
            content = b"\r\n".join(lines[begin:])  # The sink's own lines are above, and its lines end with LF.
            template, row, signatures = sent.pop(recipient)
            received[signatures].append(content)
            with self.subTest(recipient=recipient, kind=template.kind):
                self.check(template, row, content)
        self.assertEqual(sent, {})
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(verifiers.assert_verified, self, messages, records, signatures) for signatures, messages in received.items()]:
                done.result()


if __name__ == "__main__":
    unittest.main()
