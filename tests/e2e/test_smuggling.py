"""SMTP smuggling: whatever rows and templates contain, no server can read what is sent as two messages, by DATA or by BDAT."""

import json
import pathlib
import re
import socket
import threading

from lab import BUILD, Lab
from servers import Nsd
import verifiers

EVIL = "MAIL FROM:<evil@example.net>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nFrom: evil\r\n\r\nevil"
ENDS = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r.\n", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\n.\r\n",
        "\u0085.\u0085", "\u2028.\u2028", "\x0b.\x0b", "\r\n.\r\r\n"]
# What servers have taken for the end of data.
FAKES = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n"]


class Recorder:
    """A server that reads strictly by the standard and keeps what came as content, byte by byte."""

    def __init__(self, address, extensions):
        self.extensions = extensions
        self.contents, self.commands, self.faults = [], [], []
        self.listener = socket.create_server((address, 2525))
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # Ends the accept, too.
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            def say(line):
                connection.sendall(line.encode() + b"\r\n")
            say("220 recorder")
            while True:
                line = stream.readline(1 << 16)
                if not line:
                    return
                self.commands.append(line)
                verb = line.split()[0].upper() if line.strip() else b""
                if verb == b"EHLO":
                    say("\r\n".join(["250-recorder", *(f"250-{word}" for word in self.extensions), "250 SMTPUTF8"]))
                elif verb == b"DATA":
                    say("354 go")
                    content = b""
                    while not content.endswith(b"\r\n.\r\n"):
                        byte = stream.read(1)
                        if not byte:
                            self.faults.append("the content has no end")
                            return
                        content += byte
                    self.contents.append(content)
                    say("250 ok")
                elif verb == b"BDAT":
                    self.contents.append(stream.read(int(line.split()[1])))
                    say("250 ok")
                elif verb in (b"MAIL", b"RCPT", b"RSET"):
                    say("250 ok")
                elif verb == b"QUIT":
                    say("221 bye")
                    return
                else:
                    self.faults.append(line)
                    say("500 what?")


class SmugglingTest(Lab):
    WAYS = {"data.test": ["PIPELINING"], "alone.test": [], "bdat.test": ["PIPELINING", "CHUNKING"], "bdatalone.test": ["CHUNKING"]}

    def setUp(self):
        super().setUp()
        zones = {name: f"@ MX 10 mx\nmx A 127.0.0.{number}" for number, name in enumerate(self.WAYS, 2)}
        folder = pathlib.Path(self.path("nsd"))
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, zones))
        self.recorders = {name: Recorder(f"127.0.0.{number}", words) for number, (name, words) in enumerate(self.WAYS.items(), 2)}
        for recorder in self.recorders.values():
            self.addCleanup(recorder.close)

    def check(self, recipients):
        self.sluice("send", "campaign.toml")
        totals = self.report()["totals"]
        self.assertEqual((totals["delivered"], totals["invalid"]), (recipients, 0))
        for name, recorder in self.recorders.items():
            self.assertEqual(recorder.faults, [], name)
            self.assertEqual(len(recorder.contents), recipients // len(self.WAYS), name)
            allowed = re.compile(rb"(EHLO mta\.example\.com|MAIL FROM:<bounce\+[a-z0-9]+@bounces\.example\.com>( SIZE=\d+)?( SMTPUTF8)?|"
                                 rb"RCPT TO:<user\d+@[a-z]+\.test>|DATA|BDAT \d+ LAST|RSET|QUIT)\r\n")
            for command in recorder.commands:
                self.assertTrue(allowed.fullmatch(command), command)
            for content in recorder.contents:
                self.check_content(content, "BDAT" if "CHUNKING" in self.WAYS[name] else "DATA")

    def check_content(self, content, how):
        bare = content.replace(b"\r\n", b"")
        self.assertNotIn(b"\r", bare)
        self.assertNotIn(b"\n", bare)
        self.assertNotIn(b"\x00", bare)
        if how == "BDAT":  # A dot between two real line ends is text there; every other kind is not to be found.
            self.assertTrue(content.endswith(b"\r\n"))
            while b"\r\n.\r\n" in content:
                content = content.replace(b"\r\n.\r\n", b"\r\n\r\n")
        else:
            content = content[:-len(b".\r\n")]
        for fake in FAKES:
            self.assertNotIn(fake, content)
        # Nor is there a line that a server which ended the message early would obey: the dots before it are text.
        self.assertNotIn(b"\r\n.\r\n", content)

    def test_s13_nothing_of_a_row_ends_a_header_and_in_an_address_it_makes_the_row_invalid(self):
        good = [{"email": f"user{number}@{name}", "first_name": f"x{end}Bcc: victim@example.org{end}y"}
                for number, end in enumerate(["\r", "\n", "\r\n", "\x00", "\r\n\r\n", "\x0b", "\x85"]) for name in self.WAYS]
        bad = [{"email": f"user{end}@data.test", "first_name": "x"} for end in ["\r\n", "\n", "\r", "\x00", ">\r\nRSET", "\x7f"]]
        self.write("rows.ndjson", "".join(json.dumps(row) + "\n" for row in good + bad))
        self.campaign()
        self.write("campaign.toml", self.path("campaign.toml").read_text().replace('file = "rows.csv"', 'file = "rows.ndjson"'))
        self.config()
        self.sluice("send", "campaign.toml")
        totals = self.report()["totals"]
        self.assertEqual((totals["delivered"], totals["invalid"]), (len(good), len(bad)))
        for recorder in self.recorders.values():
            self.assertEqual(recorder.faults, [])
            for content in recorder.contents:
                headers = content.split(b"\r\n\r\n", 1)[0]
                self.assertEqual(re.findall(rb"(?im)^bcc:", headers), [])
                self.assertNotIn(b"\x00", headers)

    def test_s10_signatures_are_of_what_the_receiver_has_after_unstuffing(self):
        lines = "".join("." * count + "line\n" for count in range(4)) + ".\n"
        self.rows([f"user{number}@{name}" for number in range(2) for name in self.WAYS])
        self.campaign()
        self.write("body.txt", lines)
        self.write("campaign.toml", re.sub(r'text = ".*"', 'text_file = "body.txt"', self.path("campaign.toml").read_text()))
        self.config()
        records = self.sign_with(self.dkim_keys("rsa2048"))
        self.sluice("send", "campaign.toml")
        for name, recorder in self.recorders.items():
            messages = recorder.contents
            if "CHUNKING" not in self.WAYS[name]:
                self.assertTrue(all(b"\r\n...line\r\n" in content for content in messages))  # Stuffed on its way.
                messages = [re.sub(rb"(?m)^\.", b"", content[:-len(b".\r\n")]) for content in messages]
            self.assertEqual(len(messages), 2)
            verifiers.assert_verified(self, messages, records)

    def test_values_of_rows(self):
        rows = [{"email": f"user{number}@{name}", "first_name": f"x{end}{EVIL}{end}y"}
                for number, end in enumerate(ENDS) for name in self.WAYS]
        self.write("rows.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        self.campaign()
        text = self.path("campaign.toml").read_text().replace('file = "rows.csv"', 'file = "rows.ndjson"')
        self.write("campaign.toml", text)
        self.config()
        self.check(len(rows))

    def test_templates(self):
        self.rows([f"user{number}@{name}" for number in range(3) for name in self.WAYS])
        self.campaign()
        text = "".join(f"part{end}{EVIL}{end}" for end in ENDS if "\x00" not in end)
        self.path("body.txt").write_bytes(text.encode())
        self.path("body.html").write_bytes(("<p>" + text + "</p>").encode())
        campaign = self.path("campaign.toml").read_text()
        campaign = re.sub(r'text = ".*"', 'text_file = "body.txt"\nhtml_file = "body.html"', campaign)
        self.write("campaign.toml", campaign)
        self.config()
        self.check(3 * len(self.WAYS))
