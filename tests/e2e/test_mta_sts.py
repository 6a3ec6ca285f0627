"""MTA-STS (RFC 8461): policies that nginx serves, and what becomes of mail to domains that have one."""

import json
import socket
import ssl
import threading
import time
import unittest

from certificates import Authority
from lab import BUILD, SHAPING, SOAK, Lab
from servers import Nginx, Nsd, Sink, wait_until

GOOD, WRONG_NAME, IN_CLEAR, WEB = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.30"
EXPIRED, STRANGER, SILENT = "127.0.0.24", "127.0.0.25", "127.0.0.26"


def policy(mode, *exchangers, max_age=86400) -> str:
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in exchangers), f"max_age: {max_age}"]
    return "return 200 '" + "\\r\\n".join(lines) + "\\r\\n';"


class MtaStsTest(Lab):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.path("authority"))
        self.zones, self.sites = {}, {}

    def sink(self, address, *options):
        self.started(Sink(BUILD, self.folder, address, options))

    def sinks(self):
        """One whose certificate is for mx.good.test and other.good.test, one whose is for another host, and one without TLS."""
        for address, name, others in ((GOOD, "mx.good.test", ["other.good.test"]), (WRONG_NAME, "mx.elsewhere.test", [])):
            made = self.authority.certificate(name, address, others=others)
            self.sink(address, "--tls", "--cert", made.certificate, "--key", made.key)
        self.sink(IN_CLEAR)

    def domain(self, name, location, exchanger="@ MX 10 mx\nmx A 127.0.0.23", record='_mta-sts TXT "v=STSv1; id=1;"', certificate=None):
        """A domain with a policy host that answers with `location`."""
        host = f"mta-sts.{name}"
        self.zones[name] = f"{exchanger}\n{record}\nmta-sts A {WEB}"
        self.sites[host] = (certificate or self.authority.certificate(host), location)

    def begin(self, *others):
        folder = self.path("nginx")
        folder.mkdir()
        self.nginx = self.started(Nginx(BUILD, folder, WEB, self.sites))
        self.name_server()
        self.rows([f"user@{name}" for name in [*self.zones, *others]])
        self.campaign()
        self.config(ca_file=self.authority.file, shaping=SHAPING)

    def name_server(self):
        folder = self.path("nsd")
        folder.mkdir(exist_ok=True)
        self.nsd = self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, self.zones))

    def outcome(self, delivered, deferred, identity="test", **options):
        """Sends until so many are delivered and the others were deferred at least once."""
        process = self.start("send", options.pop("campaign", "campaign.toml"), "--progress", "off")
        wait_until("every outcome", lambda: self.counts(identity) == (delivered, deferred) or process.popen.poll() is not None, timeout=60)
        code = process.stop()
        self.assertEqual(self.counts(identity), (delivered, deferred), process.text())
        self.assertEqual(code, 4 if deferred else 0, process.text())
        events = self.events(identity)
        return ({event["recipient"].split("@")[1]: event for event in events if event["type"] == "Delivery"},
                {event["recipient"].split("@")[1]: event for event in events if event["type"] == "TransientFailure"})

    def counts(self, identity):
        done = self.sluice("report", identity, "--format", "json", code=None)
        report = json.loads(done.stdout) if done.returncode == 0 else {"totals": {"delivered": 0}, "pending": {"deferred": 0}}
        return report["totals"]["delivered"], report["pending"]["deferred"]

    @unittest.skipUnless(SOAK, "it takes the minute that a fetch may take")
    def test_m02_a_fetch_ends_after_a_minute_and_the_mail_goes(self):
        made = self.authority.certificate("mta-sts.slow.test")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.key)
        silent = context.wrap_socket(socket.create_server((SILENT, 443)), server_side=True)  # After the handshake.
        self.addCleanup(silent.close)
        clients = []
        threading.Thread(target=lambda: clients.append(silent.accept()), daemon=True).start()
        self.sink(IN_CLEAR)
        self.domain("slow.test", "", certificate=made)
        self.zones["slow.test"] = self.zones["slow.test"].replace(WEB, SILENT)
        self.begin()
        begin = time.monotonic()
        process = self.start("send", "campaign.toml", "--progress", "off")
        process.wait_for_end(0, timeout=100)
        self.assertEqual(len(clients), 1)
        self.assertEqual(self.counts("test"), (1, 0))
        self.assertGreater(time.monotonic() - begin, 60)
        self.assertIn("slow.test", process.text())

    def test_m01_to_m07_policies_are_found_fetched_and_kept_to(self):
        self.sinks()
        stranger = Authority(self.path("stranger"))
        for name, address, made in (("expired.test", EXPIRED, self.authority.certificate("mx.expired.test", EXPIRED, days=-1)),
                                    ("stranger.test", STRANGER, stranger.certificate("mx.stranger.test", STRANGER))):
            self.sink(address, "--tls", "--cert", made.certificate, "--key", made.key)
            self.domain(name, policy("enforce", f"mx.{name}"), f"@ MX 10 mx\nmx A {address}")
        self.domain("good.test", policy("enforce", "mx.good.test"), f"@ MX 10 mx\nmx A {GOOD}\nother A {GOOD}")
        self.domain("two.test", policy("enforce", "mx.good.test"), f"@ MX 10 mx\n@ MX 20 mx.good.test.\nmx A {IN_CLEAR}")
        # A host of its own: a session counts for the domain that it was opened for, and these two would share one.
        self.domain("wild.test", policy("enforce", "*.good.test"), "@ MX 10 other.good.test.")
        self.domain("name.test", policy("enforce", "mx.name.test"), f"@ MX 10 mx\nmx A {WRONG_NAME}")
        self.domain("clear.test", policy("enforce", "mx.clear.test"))
        self.domain("unlisted.test", policy("enforce", "*.other.test"), "@ MX 10 mx.good.test.")
        self.domain("testing.test", policy("testing", "mx.elsewhere.test"), f"@ MX 10 mx\nmx A {WRONG_NAME}")
        self.domain("testing-other.test", policy("testing", "mx.elsewhere.test"), "@ MX 10 mx.good.test.")
        self.domain("none.test", policy("none"))
        # Without a policy that can be had, as if there were none.
        self.domain("certificate.test", policy("enforce", "no.test"), certificate=self.authority.certificate("elsewhere.test"))
        self.domain("redirect.test", "return 301 https://mta-sts.good.test/.well-known/mta-sts.txt;")
        self.domain("missing.test", "return 404 'version: STSv1';")
        self.domain("type.test", "default_type text/html; " + policy("enforce", "no.test"))
        self.write("big.txt", "version: STSv1\nmode: enforce\nmax_age: 86400\nmx: no.test\n" + "x-comment: so that it is too long\n" * 2000)
        self.domain("big.test", f"root {self.folder}; try_files /big.txt =404;")
        self.domain("broken.test", "return 200 'version: STSv2\\nmode: enforce\\nmx: no.test\\nmax_age: 86400\\n';")
        self.domain("records.test", policy("enforce", "no.test"), record='_mta-sts TXT "v=STSv1; id=1;"\n_mta-sts TXT "v=STSv1; id=2;"')
        self.begin()
        delivered, deferred = self.outcome(delivered=13, deferred=5)
        self.assertEqual(sorted(deferred), ["clear.test", "expired.test", "name.test", "stranger.test", "unlisted.test"])
        self.assertEqual({event["bounce_classification"] for event in deferred.values()}, {"TlsRequired"})
        self.assertIn("STARTTLS is not offered", deferred["clear.test"]["response"]["content"])
        self.assertIn("mx.name.test", deferred["name.test"]["response"]["content"])
        self.assertIn("names none", deferred["unlisted.test"]["response"]["content"])
        self.assertEqual(delivered["two.test"]["peer_address"]["name"], "mx.good.test")
        for domain, event in delivered.items():
            encrypted = domain in ("good.test", "two.test", "wild.test", "testing.test", "testing-other.test")
            self.assertEqual(event.get("tls_protocol_version"), "TLSv1.3" if encrypted else None, domain)
        # R01
        results = {(entry["domain"], entry["policy"]): entry for entry in self.report()["tls_results"]}
        for domain in ("good.test", "wild.test"):
            self.assertIn((domain, "sts"), results, results)
            self.assertEqual((results[domain, "sts"]["failures"], results[domain, "sts"]["success"]), ({}, 1), domain)
        for domain, failure in (("expired.test", "certificate-expired"), ("stranger.test", "certificate-not-trusted"),
                                ("name.test", "certificate-host-mismatch"), ("testing.test", "certificate-host-mismatch"),
                                ("unlisted.test", "validation-failure"), ("testing-other.test", "validation-failure"),
                                ("clear.test", "starttls-not-supported"), ("certificate.test", "sts-webpki-invalid"),
                                ("redirect.test", "sts-policy-fetch-error"), ("broken.test", "sts-policy-invalid")):
            self.assertEqual(list(results[domain, "sts"]["failures"]), [failure])
            self.assertEqual(results[domain, "sts"]["success"], 0)
        # The mail exchanger that comes first and is not named, and the next.
        self.assertEqual((results["two.test", "sts"]["failures"], results["two.test", "sts"]["success"]), ({"validation-failure": 1}, 1))
        self.assertEqual(results["broken.test", "no-policy-found"]["failures"], {"starttls-not-supported": 1})
        asked = self.nginx.asked()
        self.assertEqual(sorted(set(asked)), sorted(asked), "each policy once")
        self.assertNotIn("mta-sts.records.test", asked)

    def test_m08_policies_outlive_the_program_their_record_and_their_host(self):
        self.sinks()
        self.domain("name.test", policy("enforce", "mx.name.test"), f"@ MX 10 mx\nmx A {WRONG_NAME}")
        self.domain("plain.test", "return 404 '';")
        self.begin()
        self.outcome(delivered=1, deferred=1)
        self.nginx.stop()
        self.nsd.stop()
        self.zones = {name: "\n".join(line for line in zone.splitlines() if "mta-sts" not in line) for name, zone in self.zones.items()}
        self.name_server()
        self.campaign(identity="again", name="again.toml")
        delivered, deferred = self.outcome(delivered=1, deferred=1, identity="again", campaign="again.toml")
        self.assertEqual((list(delivered), list(deferred)), (["plain.test"], ["name.test"]))
        self.assertEqual(deferred["name.test"]["bounce_classification"], "TlsRequired")

    def test_m06_a_new_policy_is_asked_for_before_the_next_try(self):
        self.sinks()
        zones = f"@ MX 10 mx\nmx A {WRONG_NAME}"
        self.domain("name.test", policy("enforce", "mx.name.test"), zones)
        self.begin()
        self.outcome(delivered=0, deferred=1)
        self.nginx.stop()
        self.nsd.stop()
        self.domain("name.test", policy("none"), zones, record='_mta-sts TXT "v=STSv1; id=2;"')
        folder = self.path("nginx.2")
        folder.mkdir()
        self.started(Nginx(BUILD, folder, WEB, self.sites))
        self.name_server()
        self.outcome(delivered=1, deferred=0)

    def test_m02_policy_hosts_that_are_slow_hold_up_nobody_else(self):
        self.sinks()
        self.write("slow.txt", "version: STSv1\nmode: enforce\nmx: mx.slow.test\nmax_age: 86400\n")
        numbers = range(40)  # More than are fetched at once.
        certificate = self.authority.certificate("slow.test", WEB, others=[f"mta-sts.slow{number}.test" for number in numbers])
        for number in numbers:
            self.domain(f"slow{number}.test", f"root {self.folder}; limit_rate 1; try_files /slow.txt =404;", certificate=certificate)
        self.domain("plain.test", "return 404 '';", record="")
        self.begin()
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the others' mail", lambda: self.counts("test") == (1, 0))
        self.assertEqual([event["recipient"] for event in self.events("test", "--type", "Delivery")], ["user@plain.test"])
        self.assertEqual(process.stop(), 4, process.text())
        self.assertEqual(self.report()["pending"]["unattempted"], 40)

    def test_d06_a_session_of_another_policy_carries_no_mail_of_an_enforced_one(self):
        """Both domains have the same mail exchanger, whose certificate is for another name, and one connection for all."""
        self.sinks()
        self.domain("strict.test", policy("enforce", "mx.strict.test"), f"@ MX 10 mx\nmx A {WRONG_NAME}")
        self.domain("lax.test", "return 404 '';", "@ MX 10 mx.strict.test.", record="")
        self.begin()
        self.config(ca_file=self.authority.file, shaping=SHAPING.replace("connection_limit = 20", "connection_limit = 1"))
        self.rows([f"user{number}@{name}" for number in range(10) for name in ("lax.test", "strict.test")])
        delivered, deferred = self.outcome(delivered=10, deferred=10)
        self.assertEqual((list(delivered), list(deferred)), (["lax.test"], ["strict.test"]))
        self.assertEqual(delivered["lax.test"]["tls_protocol_version"], "TLSv1.3")

    def test_enable_mta_sts_turns_it_off(self):
        self.sinks()
        self.domain("clear.test", policy("enforce", "mx.clear.test"))
        self.begin()
        self.config(ca_file=self.authority.file, shaping=SHAPING + "enable_mta_sts = false\n")
        self.outcome(delivered=1, deferred=0)
        self.assertEqual(self.nginx.asked(), [])
