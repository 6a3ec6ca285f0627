"""DANE (RFC 7672): zones that Knot signs and Unbound validates, and mail exchangers whose certificates keep to their TLSA records or not."""

import hashlib
import json
import subprocess

from certificates import Authority
from lab import BUILD, SHAPING, Lab
from machine import run
from name_servers import Knot, Unbound
from servers import Nginx, Sink, wait_until

SELF_SIGNED, WRONG_NAME, IN_CLEAR, TRUSTED, WEB = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.28", "127.0.0.30"
ALIAS, DOMAIN_NAME, RENAMED, OF_DOMAIN = "127.0.0.25", "127.0.0.26", "127.0.0.27", "127.0.0.24"


def public_key(certificate) -> bytes:
    pem = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], check=True, capture_output=True, input=pem).stdout


def whole(certificate) -> bytes:
    return subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"], check=True, capture_output=True).stdout


class DaneTest(Lab):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.path("authority"))
        self.zones, self.signed = {}, set()

    def sink(self, address, *options):
        self.started(Sink(BUILD, self.folder, address, options))

    def sinks(self):
        """One with an expired certificate that nobody has signed, one with the authority's for another host, and one without TLS."""
        certificate, key, request = self.path("own.crt"), self.path("own.key"), self.path("own.csr")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=whatever", "-keyout", key,
            "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-out", certificate)
        self.sink(SELF_SIGNED, "--tls", "--cert", certificate, "--key", key)
        self.own = certificate
        self.anchored("mx.anchor.test", WRONG_NAME)
        self.anchored("by-domain.test", OF_DOMAIN)
        self.sink(IN_CLEAR)

    def anchored(self, name, address):
        """A sink whose certificate is the authority's, for this name."""
        made = self.authority.certificate(name, address)
        chain = self.path(f"chain.{address}.crt")
        chain.write_text(made.certificate.read_text() + self.authority.file.read_text())
        self.sink(address, "--tls", "--cert", chain, "--key", made.key)

    def domain(self, name, address, tlsa="", signed=True):
        records = "".join(f"_2525._tcp.mx TLSA {record}\n" for record in ([tlsa] if isinstance(tlsa, str) else tlsa) if record)
        self.zones[name] = f"@ MX 10 mx\nmx A {address}\n{records}"
        if signed:
            self.signed.add(name)

    def begin(self, shaping=SHAPING, trust=True, wrong_anchors=(), others=()):
        for name in ("knot", "unbound"):
            self.path(name).mkdir()
        knot = self.started(Knot(BUILD, self.path("knot"), "127.0.0.1", 5301, self.zones, self.signed))
        anchors = [knot.key(zone) for zone in sorted(self.signed) if zone not in wrong_anchors]
        anchors += [knot.key("right.test").replace("right.test.", f"{zone}.") for zone in wrong_anchors]
        self.started(Unbound(BUILD, self.path("unbound"), "127.0.0.1", 5300, "127.0.0.1@5301", self.zones, anchors))
        self.rows([f"user@{name}" for name in [*self.zones, *others]])
        self.campaign()
        self.config(ca_file=self.authority.file, shaping=shaping)
        if trust:
            config = self.path("sluice.toml").read_text()
            self.write("sluice.toml", config.replace("[dns]\n", "[dns]\ntrust_ad = true\n"))

    def outcome(self, delivered, deferred, held=0):
        process = self.start("send", "campaign.toml", "--progress", "off")

        def counts():
            done = self.sluice("report", "test", "--format", "json", code=None)
            report = json.loads(done.stdout) if done.returncode == 0 else {"totals": {"delivered": 0}, "pending": {"deferred": 0}}
            return report["totals"]["delivered"], report["pending"]["deferred"]
        wait_until("every outcome", lambda: process.popen.poll() is not None or
                   counts() == (delivered, deferred) and process.text().count("DNS gives no answer") >= held, timeout=60)
        code = process.stop()
        self.assertEqual(counts(), (delivered, deferred), process.text())
        self.assertEqual(code, 4 if deferred + held else 0, process.text())
        events = self.events()
        return ({event["recipient"].split("@")[1]: event for event in events if event["type"] == "Delivery"},
                {event["recipient"].split("@")[1]: event for event in events if event["type"] == "TransientFailure"}, process.text())

    def test_d01_to_d05_tlsa_records_hold(self):
        self.sinks()
        key = hashlib.sha256(public_key(self.own)).hexdigest()
        anchor = hashlib.sha256(whole(self.authority.file)).hexdigest()
        wrong = hashlib.sha256(b"another").hexdigest()
        self.domain("right.test", SELF_SIGNED, f"3 1 1 {key}")                                       # D04: neither name nor dates
        self.domain("whole.test", SELF_SIGNED, f"3 0 2 {hashlib.sha512(whole(self.own)).hexdigest()}")
        self.domain("one-of-two.test", SELF_SIGNED, [f"3 1 1 {wrong}", f"3 1 1 {key}"])
        self.domain("anchor.test", WRONG_NAME, f"2 0 1 {anchor}")                                     # Its certificate is for mx.anchor.test.
        self.domain("unusable.test", SELF_SIGNED, [f"1 1 1 {wrong}", f"0 0 1 {wrong}", f"3 1 9 {wrong}"])  # D03: any certificate
        self.domain("no-records.test", IN_CLEAR)
        self.domain("unsigned.test", IN_CLEAR, f"3 1 1 {wrong}", signed=False)                        # D01
        self.domain("wrong.test", SELF_SIGNED, f"3 1 1 {wrong}")
        self.domain("wrong-name.test", WRONG_NAME, f"2 0 1 {anchor}")                                 # D04: of an anchor the name counts
        self.domain("clear.test", IN_CLEAR, f"3 1 1 {key}")                                           # D05
        self.domain("unusable-clear.test", IN_CLEAR, f"1 1 1 {wrong}")                                # D03: TLS is a must
        self.domain("hidden.test", IN_CLEAR)                                                          # D02
        self.zones["hidden.test"] += "_tcp.mx NS ns.nowhere\nns.nowhere A 127.0.0.99\n"
        self.domain("bogus.test", IN_CLEAR)
        self.begin(wrong_anchors=["bogus.test"])
        delivered, deferred, log = self.outcome(delivered=7, deferred=5, held=1)
        encrypted = {name: event.get("tls_protocol_version") for name, event in delivered.items()}
        self.assertEqual(encrypted, {"right.test": "TLSv1.3", "whole.test": "TLSv1.3", "one-of-two.test": "TLSv1.3", "anchor.test": "TLSv1.3",
                                     "unusable.test": "TLSv1.3", "no-records.test": None, "unsigned.test": None})
        reasons = {name: event["response"]["content"] for name, event in deferred.items()}
        self.assertEqual(sorted(reasons), ["clear.test", "hidden.test", "unusable-clear.test", "wrong-name.test", "wrong.test"])
        self.assertEqual({event["bounce_classification"] for event in deferred.values()}, {"TlsRequired"})
        self.assertIn("STARTTLS is not offered", reasons["clear.test"])
        self.assertIn("STARTTLS is not offered", reasons["unusable-clear.test"])
        self.assertIn("the TLSA records of mx.hidden.test cannot be had", reasons["hidden.test"])
        self.assertIn("TLSA", reasons["wrong.test"])
        self.assertIn("DNS gives no answer for bogus.test", log)
        results = {entry["domain"]: entry for entry in self.report()["tls_results"] if entry["policy"] == "tlsa"}
        self.assertEqual((results["right.test"]["success"], results["right.test"]["failures"]), (1, {}))
        self.assertEqual(list(results["hidden.test"]["failures"]), ["dnssec-invalid"])
        self.assertEqual(list(results["clear.test"]["failures"]), ["starttls-not-supported"])
        self.assertEqual((results["unusable.test"]["success"], results["unusable.test"]["failures"]), (0, {"tlsa-invalid": 1}))  # R01
        self.assertRegex(results["right.test"]["day"], r"^20\d\d-\d\d-\d\d$")
        self.assertEqual(list(results["wrong-name.test"]["failures"]), ["certificate-host-mismatch"])

    def test_d04_a_certificate_for_the_domains_name_is_for_its_mail_alone(self):
        """RFC 7672 section 3.2.2. Both domains have the same mail exchanger, and so share a site."""
        self.sinks()
        self.domain("by-domain.test", OF_DOMAIN, f"2 0 1 {hashlib.sha256(whole(self.authority.file)).hexdigest()}")
        self.zones["guest.test"] = "@ MX 10 mx.by-domain.test."
        self.signed.add("guest.test")
        self.begin(shaping=SHAPING.replace("connection_limit = 20", "connection_limit = 1"))
        self.rows([f"user{number}@{name}" for number in range(10) for name in ("by-domain.test", "guest.test")])
        delivered, deferred, _ = self.outcome(delivered=10, deferred=10)
        self.assertEqual((list(delivered), list(deferred)), (["by-domain.test"], ["guest.test"]))
        self.assertEqual(deferred["guest.test"]["bounce_classification"], "TlsRequired")
        self.assertEqual(delivered["by-domain.test"]["tls_protocol_version"], "TLSv1.3")

    def test_d02_to_d05_aliases_and_names_of_domains(self):
        self.sinks()
        self.anchored("real.alias-anchor.test", ALIAS)
        self.anchored("domain-name.test", DOMAIN_NAME)
        self.anchored("renamed.test", RENAMED)
        key = hashlib.sha256(public_key(self.own)).hexdigest()
        anchor = hashlib.sha256(whole(self.authority.file)).hexdigest()

        def alias(name, at, address=IN_CLEAR, record=f"3 1 1 {key}", leads_to="real"):
            self.zones[name] = f"@ MX 10 mx\nmx CNAME {leads_to}\nreal A {address}\n_2525._tcp.{at} TLSA {record}"
            self.signed.add(name)
        alias("alias.test", at="real")
        alias("alias-own.test", at="mx")
        alias("alias-out.test", at="mx", leads_to="real.unsigned.test.")
        alias("alias-anchor.test", at="real", address=ALIAS, record=f"2 0 1 {anchor}")
        self.zones["unsigned.test"] = f"@ MX 10 mx\nmx CNAME real\nreal A {IN_CLEAR}\n_2525._tcp.real TLSA 3 1 1 {key}"
        # One mail exchanger for two: its certificate is for the one domain's name.
        self.domain("domain-name.test", DOMAIN_NAME, f"2 0 1 {anchor}")
        self.zones["stranger.test"] = "@ MX 10 mx.domain-name.test."
        self.signed.add("stranger.test")
        self.domain("renamed.test", RENAMED, f"2 0 1 {anchor}")
        self.zones["renamed.test"] += "old CNAME renamed.test.\n"
        self.begin(others=["old.renamed.test"])
        delivered, deferred, _ = self.outcome(delivered=5, deferred=4)
        encrypted = {name: event.get("tls_protocol_version") for name, event in delivered.items()}
        self.assertEqual(encrypted, {"alias-anchor.test": "TLSv1.3", "unsigned.test": None, "domain-name.test": "TLSv1.3",
                                     "renamed.test": "TLSv1.3", "old.renamed.test": "TLSv1.3"})
        reasons = {name: event["response"]["content"] for name, event in deferred.items()}
        for name in ("alias.test", "alias-own.test", "alias-out.test"):
            self.assertIn("STARTTLS is not offered", reasons[name])
        self.assertIn("certificate", reasons["stranger.test"])
        results = {entry["domain"]: entry for entry in self.report()["tls_results"] if entry["policy"] == "tlsa"}
        self.assertEqual((results["domain-name.test"]["success"], results["domain-name.test"]["failures"]), (1, {}))
        self.assertEqual(list(results["stranger.test"]["failures"]), ["certificate-host-mismatch"])

    def test_m09_a_policy_of_mta_sts_that_would_do_makes_up_for_no_tlsa_record(self):
        made = self.authority.certificate("mx.good.test", TRUSTED)
        self.sink(TRUSTED, "--tls", "--cert", made.certificate, "--key", made.key)
        policy = "return 200 'version: STSv1\\r\\nmode: enforce\\r\\nmx: mx.good.test\\r\\nmax_age: 86400\\r\\n';"
        sites = {f"mta-sts.{name}": (self.authority.certificate(f"mta-sts.{name}"), policy) for name in ("good.test", "other.test")}
        self.path("nginx").mkdir()
        self.nginx = self.started(Nginx(BUILD, self.path("nginx"), WEB, sites))
        sts = f'_mta-sts TXT "v=STSv1; id=1;"\nmta-sts A {WEB}\n'
        self.domain("good.test", TRUSTED, f"3 1 1 {hashlib.sha256(b'another').hexdigest()}")
        self.zones["good.test"] += sts
        self.domain("other.test", TRUSTED)  # Its MX is not signed: the same host, and the policy alone counts.
        self.zones["other.test"] = f"@ MX 10 mx.good.test.\n{sts}"
        self.signed.remove("other.test")
        self.begin()
        delivered, deferred, _ = self.outcome(delivered=1, deferred=1)
        self.assertEqual(delivered["other.test"]["tls_protocol_version"], "TLSv1.3")
        self.assertEqual(deferred["good.test"]["bounce_classification"], "TlsRequired")
        self.assertIn("TLSA", deferred["good.test"]["response"]["content"])
        self.assertEqual(sorted(self.nginx.asked()), ["mta-sts.good.test", "mta-sts.other.test"])

    def test_without_trust_in_the_resolver_and_where_it_is_off_the_records_mean_nothing(self):
        self.sinks()
        self.domain("right.test", SELF_SIGNED, f"3 1 1 {hashlib.sha256(b'another').hexdigest()}")
        self.begin(trust=False)
        self.outcome(delivered=1, deferred=0)
        self.campaign(identity="off", name="off.toml")
        self.config(shaping=SHAPING + "enable_dane = false\n")
        config = self.path("sluice.toml").read_text()
        self.write("sluice.toml", config.replace("[dns]\n", "[dns]\ntrust_ad = true\n"))
        self.sluice("send", "off.toml")
        self.assertEqual(self.tls_of_deliveries("off"), {"TLSv1.3"})
