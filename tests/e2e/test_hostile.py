"""Hostile rows and hostile servers: nothing of a row becomes a header or a command, and no server brings the program down."""

import email
import email.policy
import pathlib
import socket
import threading

from lab import BUILD, Lab
from servers import Nsd

HEADERS = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"}


class HostileRowsTest(Lab):
    def test_no_value_becomes_a_header_a_recipient_or_a_command(self):
        names = ["x\r\nBcc: victim@v.test", "x\nBcc: victim@v.test\n\nbody", "x\rBcc: v", "\r\n.\r\nMAIL FROM:<e@e.test>", "a\x0bb\x0cc",
                 "\u2028Bcc: v\u2029", "=?utf-8?q?=0D=0ABcc:_v?=", '"><script>', "{{sluice.token}}{{#x}}", "\x1b[2J", "z" * 200000,
                 "\u202egnp.exe", ".", "..", ".\r\n", "\ufffe\U0001f4e7" * 1000]
        out = ["email,first_name"]
        for number, name in enumerate(names):
            quoted = name.replace('"', '""')
            out.append(f'user{number}@d.example,"{quoted}"')
        self.path("rows.csv").write_text("\r\n".join(out) + "\r\n", newline="")
        self.campaign()
        sandbox = self.sandbox()
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.sluice("send", "campaign.toml")
        totals = self.report()["totals"]
        self.assertEqual(totals["rows"], len(names))
        self.assertEqual(totals["delivered"] + totals["invalid"], len(names))
        self.assertGreaterEqual(totals["delivered"], len(names) - 1)
        for row in range(1, len(names) + 1):
            done = self.sluice("render", "campaign.toml", "--row", row, code=None)
            if done.returncode != 0:
                continue
            message = email.message_from_string(done.stdout, policy=email.policy.default)
            self.assertLessEqual({name.lower() for name in message.keys()}, HEADERS, f"row {row}")
            self.assertEqual(len(message.keys()), len(set(message.keys())), f"row {row}")
        seen = sandbox.end()
        self.assertFalse(any("victim" in address for address in seen))
        self.assertIn('"violations":0', self.path("sandbox.json").read_text().replace(" ", ""))

    def test_hostile_addresses_are_invalid_rows(self):
        addresses = ["a b@d.example", "a@d.example\r\nRCPT TO:<v@v.test>", "<a@d.example>", "a@b@d.example", "@d.example", "a@", "a@[127.0.0.1]",
                     "a" * 70 + "@d.example", "a@" + "d" * 250 + ".example", "a@d..example", "a@-d.example", "a@d.example> SIZE=1",
                     ".a@d.example", "a..b@d.example", '"a\r\nb"@d.example']
        self.rows(addresses + ["good@d.example"])
        self.campaign()
        sandbox = self.sandbox()
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.sluice("send", "campaign.toml")
        totals = self.report()["totals"]
        self.assertEqual(totals["delivered"], 1)
        self.assertEqual(totals["invalid"], len(addresses))
        self.assertEqual(list(sandbox.end()), ["good@d.example"])

    def test_a_nul_byte_is_named(self):
        self.path("rows.csv").write_bytes(b"email,first_name\na@d.example,good\nb@d.example,\0\n")
        self.campaign()
        self.config()
        done = self.sluice("send", "campaign.toml", code=3)
        self.assertIn("rows.csv:3", done.stderr)

    def test_a_line_that_is_not_utf8_is_named(self):
        self.path("rows.csv").write_bytes(b"email,first_name\na@d.example,good\nb@d.example,\xff\xfe\n")
        self.campaign()
        self.config()
        done = self.sluice("send", "campaign.toml", code=3)
        self.assertIn("rows.csv:3", done.stderr)


def speak(connection, how):
    """One hostile server's side of a connection."""
    connection.settimeout(3)
    try:
        if how == "endless line":
            while True:
                connection.sendall(b"220 " + b"x" * 65536)
        if how == "endless reply":
            while True:
                connection.sendall(b"220-more\r\n" * 1000)
        if how == "garbage":
            connection.sendall(bytes(range(256)) * 10)
            return
        if how == "http":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        if how == "silence":
            connection.recv(1 << 20)
            connection.recv(1 << 20)
            return
        if how == "every reply at once":
            connection.sendall(b"220 hi\r\n250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n")
            connection.recv(1 << 20)
            return
        connection.sendall(b"220 hi\r\n")
        connection.recv(4096)
        if how == "STARTTLS answered before it is asked":
            connection.sendall(b"250-x\r\n250 STARTTLS\r\n220 go\r\n")
            connection.recv(4096)
            return
        if how == "leaves after EHLO":
            connection.sendall(b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
            return
        if how == "nul bytes":
            connection.sendall(b"250-\x00\x00\r\n250 PIPELINING\x00\r\n")
            connection.recv(4096)
            connection.sendall(b"\x00\x00\x00\x00\r\n")
            return
        connection.sendall(b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
        connection.recv(1 << 20)
        if how == "huge refusals":
            while True:
                connection.sendall(b"450-" + b"later " * 160 + b"\r\n")
        if how == "byte by byte":
            for byte in b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n":
                connection.sendall(bytes([byte]))
            return  # And never a word about the message.
        if how == "silent after mail":
            connection.sendall(b"250 2.1.0 ok\r\n")
            connection.recv(1 << 20)
    except OSError:
        pass
    finally:
        connection.close()


class HostileServersTest(Lab):
    BEHAVIOURS = ("endless line", "endless reply", "garbage", "http", "silence", "nul bytes", "huge refusals",
                  "byte by byte", "silent after mail", "every reply at once", "leaves after EHLO",
                  "STARTTLS answered before it is asked")

    def serve(self, address, how):
        listener = socket.create_server((address, 2525))
        self.addCleanup(listener.close)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                self.connections[how] = self.connections.get(how, 0) + 1
                threading.Thread(target=speak, args=(connection, how), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()

    def test_they_keep_nobody_from_the_mail_and_make_nobody_delivered(self):
        zones = {}
        self.connections = {}
        for number, how in enumerate(self.BEHAVIOURS):
            self.serve(f"127.0.0.{number + 2}", how)
            zones[f"h{number}.test"] = f"@ MX 10 mx\nmx A 127.0.0.{number + 2}"
        folder = pathlib.Path(self.path("nsd"))
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, zones))
        self.rows([f"user{n}@h{number}.test" for number in range(len(zones)) for n in range(3)])
        self.campaign(delivery='max_age = "6s"')
        shaping = '["default"]\nconnection_limit = 2\n' + "".join(
            f'{name}_timeout = "2s"\n' for name in ("connect", "banner", "ehlo", "mail_from", "rcpt_to", "data", "data_dot", "rset", "idle"))
        self.config(dns="127.0.0.1:5300", port=2525, shaping=shaping)
        process = self.start("send", "campaign.toml", "--progress", "off")
        peaks = []

        def everybody_ended(report):
            status = pathlib.Path(f"/proc/{process.popen.pid}/status").read_text()
            if "VmHWM:" in status:  # It has no memory any more where the campaign is over.
                peaks.append(int(status.split("VmHWM:", 1)[1].split()[0]))
            return (report["totals"]["expired"] + report["totals"]["in_doubt"] + report["totals"]["bounced"] +
                    report["pending"]["held"] == len(zones) * 3)
        try:
            self.wait_for_report("an end for everybody", everybody_ended, timeout=90)
        finally:
            code = process.stop()
        self.assertIn(code, (0, 4), process.text())
        self.assertLess(max(peaks), 300_000, "kB: what a server says gathers in memory")
        report = self.report()
        self.assertEqual(report["totals"]["delivered"], 0)
        self.assertLess(max(self.connections.values()), 60, f"connected over and over: {self.connections}")
        by_domain = {}
        for event in self.events():
            if "recipient" in event:
                by_domain.setdefault(event["recipient"].split("@")[1], set()).add(event["type"])
        for number, how in enumerate(self.BEHAVIOURS):
            if how in ("byte by byte", "silent after mail"):
                self.assertIn("InDoubt", by_domain[f"h{number}.test"], how)
            else:
                self.assertNotIn("InDoubt", by_domain.get(f"h{number}.test", set()), how)
        self.sluice("ledger", "verify", "test")
