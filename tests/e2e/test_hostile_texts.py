"""A personalised campaign of hostile texts to each of four real servers, with files and signatures: what was meant arrives, nothing else, and
verifiers that are not ours accept it."""

import email
import email.header
import email.policy
import html
import json
import re
import subprocess

import hostile
import verifiers
from mail_lab import MailLab
from mail_servers import Aiosmtpd, Exim, OpenSmtpd, Postfix, wait_until_it_speaks_tls

# Attached files by name: every byte, every kind of line end, lines that look like the end of a part, and nothing at all.
FILES = {
    "menu.pdf": bytes(range(256)) * 40,
    "Grüße 日本語 \"quoted\"; name=x.txt": "Grüße\r\n.\r\nFrom me\n--\n日本語 \n".encode() * 20,
    "a" * 120 + ".bin": b"\r\n.\r\nQUIT\r\n" * 100,
    "empty.csv": b"",
}
LOGO = b"\x89PNG\r\n\x1a\n" + bytes(range(255, -1, -1)) * 8

CAMPAIGN = """format = 1
id = "test"
[from]
address = "news@example.com"
name = "Éditeur, \\"Example\\" <News>"
[to]
name = "{{name}}"
[envelope]
sender = "bounce+{{token}}@bounces.example.com"
[message]
subject = "{{title}}"
text = \"\"\"
Hello {{name}},
{{body}}
{{email}} is the end.
\"\"\"
html = "<!DOCTYPE html><title>{{title}}</title><img src=\\"cid:logo\\" alt=\\"\\"><pre>{{body}}</pre>\\n"
attachments = ATTACHMENTS
[message.inline]
logo = "logo.png"
[message.headers]
X-Note = "{{title}}"
[list]
id = "weekly.example.com"
unsubscribe_url = "https://example.com/u/{{token}}"
[recipients]
file = "rows.ndjson"
"""

DATE = re.compile(rb"^Date: .*\r\n", re.MULTILINE)
SIGNATURES = re.compile(rb"\A(?:DKIM-Signature:[^\n]*\n(?:[ \t][^\n]*\n)*)*")


def name_of(content: bytes, field: str) -> str:
    """The display name. Where it is encoded-words Python 3.11's new parser keeps the space between them, against RFC 2047 section 6.2; its old
    one does not."""
    phrase = email.message_from_bytes(content)[field].rpartition("<")[0].strip()
    if phrase.startswith("=?"):
        return str(email.header.make_header(email.header.decode_header(phrase)))
    return email.message_from_bytes(content, policy=email.policy.default)[field].addresses[0].display_name


class HostileTextsTest(MailLab):
    def send(self, *servers):
        self.connect(*servers)
        for server in servers:
            wait_until_it_speaks_tls(server)
        self.records = self.sign_with(self.dkim_keys("rsa2048", "ed25519"))
        for name, content in {**FILES, "logo.png": LOGO}.items():
            self.path(name).write_bytes(content)
        self.sent = [row for server in servers for row in hostile.rows(server.domain)]
        self.write("rows.ndjson", "".join(json.dumps(row) + "\n" for row in self.sent))
        self.write("campaign.toml", CAMPAIGN.replace("ATTACHMENTS", json.dumps(list(FILES), ensure_ascii=False)))
        self.sluice("send", "campaign.toml")
        report = self.report()
        self.assertEqual(report["totals"]["delivered"], len(self.sent))
        # A connection that was refused costs an attempt, and says nothing of a text.
        refusals = [event["response"] for event in self.events("test", "--type", "TransientFailure")]
        self.assertEqual([response for response in refusals if response["command"] != "connect"], [])
        self.assertEqual(self.tls_of_deliveries(), {"TLSv1.3"})

    def check(self, server):
        """Everything of each message, as Python's email reads it, and its bytes."""
        rows = [row for row in self.sent if row["email"].endswith(server.domain)]
        messages = server.messages(len(rows))
        self.assertEqual(len(messages), len(rows))
        verifiers.assert_verified(self, [message.content for message in messages], self.records, signatures=2)
        arrived = self.by_recipient(messages)
        for row in rows:
            with self.subTest(server=server.name, row=row["email"]):
                message = arrived[row["email"]]
                self.assertRegex(message.trace, r"TLSv?1\.3|TLS1\.3", "the server does not say that it came under TLS")
                self.assertRegex(message.sender, r"^bounce\+v1[a-z2-7]+@bounces\.example\.com$")
                self.check_message(row, message.content)
                # `render` is asked later, and its date is that of asking.
                content = SIGNATURES.sub(b"", message.content, 1)
                self.assertEqual(DATE.sub(b"", content, 1), DATE.sub(b"", self.rendered(row), 1), "other bytes than those sent")

    def rendered(self, row) -> bytes:
        done = subprocess.run(self.command("render", "campaign.toml", "--unsigned", "--to", row["email"]), capture_output=True, cwd=self.folder, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def check_message(self, row, content: bytes):
        parsed = email.message_from_bytes(content, policy=email.policy.default)
        body, title, name = hostile.as_lines(row["body"]), hostile.as_header(row["title"]), hostile.as_header(row["name"])
        self.assertTrue(all(len(line) <= 998 for line in content.split(b"\r\n")))
        self.assertNotRegex(content, rb"[\x00\x80-\xff]|\r(?!\n)|(?<!\r)\n")
        self.assertEqual([defect for part in parsed.walk() for defect in part.defects], [])
        self.assertEqual([defect for value in parsed.values() for defect in value.defects], [])
        self.assertEqual(parsed["Subject"], title)
        self.assertEqual(parsed["X-Note"] or "", title)
        self.assertEqual([address.addr_spec for address in parsed["To"].addresses], [row["email"]])
        self.assertEqual([address.addr_spec for address in parsed["From"].addresses], ["news@example.com"])
        self.assertEqual(name_of(content, "To"), name)
        self.assertEqual(name_of(content, "From"), 'Éditeur, "Example" <News>')
        self.assertIsNone(parsed["Bcc"])
        names = [name for name in parsed.keys() if name != "DKIM-Signature"]
        self.assertEqual(len(names), len(set(names)), names)
        self.assertEqual([part.get_content_type() for part in parsed.walk()],
                         ["multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png",
                          "application/pdf", "text/plain", "application/octet-stream", "text/csv"])
        related, *attached = parsed.iter_parts()
        self.assertEqual({part.get_filename(): part.get_payload(decode=True) for part in attached}, FILES)
        self.assertEqual({part.get_content_disposition() for part in attached}, {"attachment"})
        alternative, logo = related.iter_parts()
        self.assertEqual((logo["Content-ID"], logo.get_content_disposition(), logo.get_content()), ("<logo>", "inline", LOGO))
        text, page = alternative.iter_parts()
        self.assertEqual(hostile.as_lines(text.get_content()), f"Hello {hostile.as_lines(row['name'])},\n{body}\n{row['email']} is the end.\n")
        self.assertEqual(html.unescape(hostile.as_lines(page.get_content())),
                         f"<!DOCTYPE html><title>{hostile.as_lines(row['title'])}</title><img src=\"cid:logo\" alt=\"\"><pre>{body}</pre>\n")

    def test_postfix(self):
        server = self.server(Postfix)
        self.send(server)
        self.check(server)

    def test_exim(self):
        server = self.server(Exim)
        self.send(server)
        self.check(server)

    def test_opensmtpd(self):
        server = self.server(OpenSmtpd)
        self.send(server)
        self.check(server)

    def test_aiosmtpd(self):
        server = self.server(Aiosmtpd)
        self.send(server)
        self.check(server)
