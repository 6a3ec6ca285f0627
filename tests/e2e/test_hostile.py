"""Hostile rows and hostile servers: nothing of a row becomes a header or a command, and no server brings the program down."""

import contextlib
import datetime
import email
import email.policy
import pathlib
import subprocess

from lab import BUILD, Lab
from malicious_server import BEHAVIOURS, MaliciousServer
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


class MaliciousServersTest(Lab):
    # Those whose mail arrives all the same, and those who may have a message of which they said nothing that counts.
    DELIVERS = {"ehlo-nonsense", "ehlo-two-codes", "ehlo-nuls", "bare-line-ends", "mail-258", "rcpt-two-replies", "content-drips", "content-two-yes",
                "content-then-fin", "quit-silence", "quit-megabytes", "reads-slowly", "bdat-502", "starttls-454", "starttls-garbage", "starttls-fin"}
    IN_DOUBT = {"dot-fin", "dot-reset", "dot-silence", "dot-354", "content-fin", "content-reset", "content-silence", "content-letters",
                "content-never-ends", "mail-drips", "mail-silence", "rcpt-999", "rcpt-reset", "rcpt-fin-after-yes",
                "bdat-half", "rset-silence"}
    # Whether the whole message has left before the end of the connection is seen, nobody can tell beforehand.
    MAYBE_IN_DOUBT = {"data-go-on-reset", "data-go-on-fin"}
    EACH = 3

    def test_the_ledger_agrees_with_what_each_of_them_accepted_and_none_holds_up_the_others(self):
        servers, zones = {}, {}
        for number, behaviour in enumerate(BEHAVIOURS, 1):
            servers[behaviour.name] = MaliciousServer(behaviour, f"127.0.2.{number}")
            self.addCleanup(servers[behaviour.name].close)
            zones[f"{behaviour.name}.test"] = f"@ MX 10 mx\nmx A 127.0.2.{number}"
        self.assertGreaterEqual(len(servers), 40)
        self.path("nsd").mkdir()
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, zones))
        addresses = {name: [f"user{n}@{name}.test" for n in range(self.EACH)] for name in servers}
        self.rows([addresses[name][n] for n in range(self.EACH) for name in servers])
        end = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=28)).isoformat(timespec="seconds")
        self.campaign(delivery=f'finish_by = {end}\n[delivery.budget]\nbounce = "off"\nblocked = "off"')
        self.config(dns="127.0.0.1:5300", port=2525, intervals='["1s", "2s", "4s"]', shaping='["default"]\nconnection_limit = 2\n' + "".join(
            f'{name}_timeout = "3s"\n' for name in ("connect", "banner", "ehlo", "mail_from", "rcpt_to", "data", "data_dot", "rset", "idle")))
        process = self.start("send", "campaign.toml", "--progress", "off")
        most = 0
        while process.popen.poll() is None:
            status = pathlib.Path(f"/proc/{process.popen.pid}/status").read_text()
            if "VmHWM:" in status:  # It has no memory any more where it is about to be gone.
                most = max(most, int(status.split("VmHWM:", 1)[1].split()[0]))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(timeout=0.2)
        self.assertEqual(process.popen.returncode, 0, process.text())
        self.assertLess(most, 300_000, "kB: what a server says gathers in memory")
        finals = self.final_events()
        for name, server in servers.items():
            with self.subTest(name):
                told = {address: finals[address][0] for address in addresses[name]}
                for address, final in told.items():
                    if final == "Delivery":
                        self.assertEqual(server.accepted[address], 1, f"{address} is delivered")
                    elif final == "InDoubt":
                        self.assertLessEqual(server.accepted[address] + server.perhaps[address], 1, address)
                    else:
                        self.assertEqual(server.accepted[address], 0, f"{address}: {final}")
                self.assertEqual(set(told.values()) == {"Delivery"}, name in self.DELIVERS, told)
                if name not in self.MAYBE_IN_DOUBT:
                    self.assertEqual("InDoubt" in told.values(), name in self.IN_DOUBT, told)
                self.assertLess(server.connections, 60, "connected over and over")
        self.sluice("ledger", "verify", "test")
