"""What holds at a receiving site: limits, the blocks of single domains, sources of another family, domains that do not exist."""

import json
import pathlib
import socket
import threading
import time

from lab import BUILD, SHAPING, Lab
from servers import Nsd, Sink, wait_until, wait_until_free


class SitesTest(Lab):
    def zones(self, zones):
        folder = pathlib.Path(self.path("nsd"))
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, zones))

    def sink(self):
        saved = self.path("saved")
        saved.mkdir()
        self.started(Sink(BUILD, self.folder, options=["--save", saved]))

    def arrivals(self):
        """When each recipient's message was written, in order."""
        found = []
        for envelope in self.path("saved").glob("*.json"):
            recipient = json.loads(envelope.read_text())["recipients"][0]
            found.append((envelope.stat().st_mtime, recipient))
        return sorted(found)

    def test_explain_says_what_holds_and_where_it_is_written(self):
        self.zones({"small.test": "@ MX 10 mx\nmx A 127.0.0.1", "large.test": "@ MX 10 mx1.google.com.\n@ MX 20 mx2.google.com."})
        self.config(shaping='["default"]\nconnection_limit = 7\nmax_message_rate = "3/s"\n'
                    '[["small.test".automation]]\nregex = "slow"\ntrigger = {Threshold="2/h"}\n'
                    'action = {SetConfig={name="connection_limit", value=1}}\nduration = "1h"\n')

        def explain(domain):
            told = json.loads(self.sluice("config", "explain", domain, "--json").stdout)
            return told, told["sources"][0]["settings"]

        small, settings = explain("small.test")
        self.assertEqual((small["hosts"], small["provider"]), (["mx.small.test"], "other"))
        self.assertEqual(settings["connection_limit"], {"value": "7", "from": f"{self.path('shaping.toml')}:2"})
        self.assertEqual(settings["data_dot_timeout"]["value"], '"10m"')
        self.assertRegex(settings["data_dot_timeout"]["from"], r"^built-in:\d+$")
        self.assertEqual(small["automation"], [{"regex": "slow", "trigger": "2/h", "action": "connection_limit = 1", "duration": "1h",
                                                "from": f"{self.path('shaping.toml')}:4"}])
        self.assertIn("on slow (2/h): connection_limit = 1 for 1h", self.sluice("config", "explain", "small.test").stdout)
        large, settings = explain("large.test")
        self.assertEqual(large["automation"], [])
        self.assertEqual((large["hosts"], large["provider"]), (["mx1.google.com", "mx2.google.com"], "google"))
        self.assertEqual(settings["provider_connection_limit"]["value"], "5")
        self.assertEqual(settings["max_message_rate"], {"value": '"3/s"', "from": f"{self.path('shaping.toml')}:3"})
        self.sluice("config", "explain", "not a domain", code=3)

    def test_providers_are_known_by_the_addresses_of_their_mail_exchangers(self):
        self.zones({"one.test": "@ MX 10 mx\nmx A 127.0.0.1", "two.test": "@ MX 10 a\n@ MX 20 b\na A 127.0.0.1\nb A 127.0.0.1",
                    "mixed.test": "@ MX 10 a\n@ MX 20 b\na A 127.0.0.1\nb A 127.0.0.2", "implicit.test": "@ A 127.0.0.1",
                    "six.test": "@ MX 10 mx\nmx A 127.0.0.2\nmx AAAA 2001:db8::25"})
        self.sink()
        self.rows([f"user{number}@{name}.test" for name in ("one", "two", "mixed", "implicit") for number in range(5)])
        self.campaign()
        self.config(shaping=SHAPING + '[provider.here]\nmatch = [{MXAddress="127.0.0.1"}]\nmax_deliveries_per_connection = 2\n'
                    '[provider.six]\nmatch = [{MXAddress="2001:db8::/32"}]\n')
        told = {name: json.loads(self.sluice("config", "explain", f"{name}.test", "--json").stdout)
                for name in ("one", "two", "mixed", "implicit", "six")}
        providers = {"one": "here", "two": "here", "mixed": "other", "implicit": "here", "six": "six"}
        self.assertEqual({name: explained["provider"] for name, explained in told.items()}, providers)
        self.assertEqual(told["two"]["addresses"], {"a.two.test": ["127.0.0.1"], "b.two.test": ["127.0.0.1"]})
        self.assertEqual(told["one"]["sources"][0]["settings"]["max_deliveries_per_connection"]["value"], "2")
        self.assertIn("mx.one.test      127.0.0.1", self.sluice("config", "explain", "one.test").stdout)
        plan = json.loads(self.sluice("plan", "campaign.toml", "--json").stdout)
        self.assertEqual({provider["provider"]: provider["recipients"] for provider in plan["providers"]}, {"here": 15, "other": 5})
        self.sluice("send", "campaign.toml")
        events = self.events("test", "--type", "Delivery")
        self.assertEqual({(event["recipient"].split("@")[1], event.get("provider_name", "other")) for event in events},
                         {(f"{name}.test", providers[name]) for name in ("one", "two", "mixed", "implicit")})
        self.assertEqual(max(event["conn_use"] for event in events if event.get("provider_name") == "here"), 2)

    def test_s15_equal_mail_exchangers_are_chosen_by_chance(self):
        self.zones({"two.test": "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 20 mx3\nmx1 A 127.0.0.1\nmx2 A 127.0.0.1\nmx3 A 127.0.0.1"})
        self.sink()
        self.config(shaping='["default"]\nconnection_limit = 1\nmax_deliveries_per_connection = 1\n')
        self.rows([f"user{number}@two.test" for number in range(40)])
        first = set()
        for identity in ("one", "two", "three", "four", "five"):
            self.campaign(identity=identity)
            seeded = identity == "one"
            said = self.sluice("send", "campaign.toml", "--log-level", "debug", *(["--seed", "7"] if seeded else [])).stderr
            (self.assertNotIn if seeded else self.assertIn)("equal mail exchangers are chosen as by --seed ", said)
            hosts = [event["peer_address"]["name"] for event in self.events(identity) if event["type"] == "Delivery"]
            self.assertEqual(set(hosts), {"mx1.two.test", "mx2.two.test"})
            self.assertNotIn(hosts, ([name, other] * 20 for name, other in (("mx1.two.test", "mx2.two.test"), ("mx2.two.test", "mx1.two.test"))))
            first.add(tuple(hosts))
        self.assertEqual(len(first), 5)

    def test_shaping_files_are_read_again_while_it_runs(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.rows([f"user{n}@d.test" for n in range(200)])
        self.campaign()
        self.config(shaping='["default"]\nmax_message_rate = "2/s"\nmax_ready = 10\n')
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("the first mail", lambda report: report["totals"]["delivered"] > 0)
        self.write("shaping.toml", '["default"]\nmax_message_rat = "5/s"\n')
        wait_until("a word about the mistake", lambda: "max_message_rate" in process.text())
        self.assertLess(self.report()["totals"]["delivered"], 100)
        self.write("shaping.toml", '["default"]\nmax_message_rate = "1000/s"\nopenssl_options = "x"\nmax_ready = 10\n')
        process.wait_for_end(0)
        self.assertIn("the shaping files have changed", process.text())
        self.assertEqual([process.text().count(f"{key} is known") for key in ("max_ready", "openssl_options")], [1, 1])
        self.assertEqual(self.report()["totals"]["delivered"], 200)

    def test_a_campaigns_or_a_tenants_suspension_leaves_another_campaign_alone(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.rows([f"b{n}@d.test" for n in range(30)])
        for action, scope in (("SuspendCampaign", "campaign:a-campaign"), ("SuspendTenant", "tenant:acme")):
            with self.subTest(action=action):
                self.config(shaping='["default"]\nmax_message_rate = "20/s"\n[["default".automation]]\nregex = "as its name says"\n'
                            f'action = "{action}"\nduration = "1h"\n')
                identity, other = (f"{which}-{scope.split(':')[0]}" for which in "ab")
                self.rows(["tempfail@d.test"] + [f"a{n}@d.test" for n in range(30)], name="a.csv")
                for name, which, rows in (("a", identity, "a.csv"), ("b", other, "rows.csv")):
                    text = self.campaign(which, name=f"{name}.toml").read_text().replace("rows.csv", rows)
                    self.write(f"{name}.toml", text + ('[meta]\ntenant = "acme"\n' if name == "a" else ""))
                process = self.start("send", "a.toml", "b.toml", "--progress", "off")
                try:
                    wait_until("the suspension", lambda: f"is suspended for {scope}" in process.text())
                    wait_until("the end of the other campaign", lambda: json.loads(
                        self.sluice("report", other, "--format", "json", code=None).stdout or "{}").get("state") == "finished")
                finally:
                    process.stop()  # The next one needs its source.
                self.assertEqual(self.report(other)["totals"]["delivered"], 30)
                self.assertGreater(self.report(identity)["pending"]["unattempted"], 0)
                self.assertEqual([suspended["scope"] for suspended in self.report(identity)["suspended"]], [scope])

    def test_what_a_rule_has_set_holds_for_other_campaigns_and_after_a_crash_until_resume(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.config(shaping='["default"]\nmax_message_rate = "100/s"\n[["default".automation]]\nregex = "as its name says"\n'
                    'action = {SetConfig={name="max_message_rate", value="6/min,max_burst=1"}}\nduration = "1h"\n')
        self.rows(["tempfail@d.test"] + [f"a{n}@d.test" for n in range(30)], name="a.csv")
        self.rows([f"b{n}@d.test" for n in range(8)], name="b.csv")
        for name in "ab":
            self.write(f"{name}.toml", self.campaign(name, name=f"{name}.toml").read_text().replace("rows.csv", f"{name}.csv"))
        host = self.path("state/host/limits-any")
        process = self.start("send", "a.toml", "--progress", "off")
        wait_until("the rule to be written down", lambda: host.exists() and "\nset\t" in host.read_text())
        process.popen.kill()
        process.popen.wait()
        begin = time.monotonic()
        process = self.start("send", "b.toml", "--progress", "off")
        wait_until("two deliveries", lambda: self.sluice("events", "b", "--type", "Delivery", code=None).stdout.count("\n") >= 2)
        process.stop()
        self.assertGreater(time.monotonic() - begin, 9, "one in ten seconds")
        self.assertIn("\nset\t", host.read_text())
        self.assertIn("what rules have set, hold no more", self.sluice("resume", "a").stdout)
        self.assertNotIn("\nset\t", host.read_text())
        begin = time.monotonic()
        self.sluice("send", "b.toml")
        self.assertLess(time.monotonic() - begin, 45, "six of them would need a minute")

    def test_a_campaigns_retries_count_more_than_the_configurations(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.rows(["tempfail@d.test"])
        self.campaign(delivery='retry = {intervals = ["2h"], class = {TransientFailure = {intervals = ["1s", "2h"]}}}')
        self.config(intervals='["1h"]')
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("two deferrals", lambda report: report["attempts"]["deferred"] == 2)
        process.stop()
        first, second = (event["timestamp"] for event in self.events("test", "--type", "TransientFailure"))
        self.assertLess(second - first, 10)
        self.campaign(delivery="retry = {class = {Busy = {intervals = ['1s']}}}")
        self.assertIn('delivery.retry.class.Busy: "Busy" is no class', self.sluice("send", "campaign.toml", code=3).stderr)

    def test_a_rate_goes_on_where_the_session_ends_while_the_gate_is_shut(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.rows([f"user{n}@d.test" for n in range(7)])
        self.campaign()
        self.config(shaping='["default"]\nmax_message_rate = "5/s"\nmax_deliveries_per_connection = 2\n')
        begin = time.monotonic()
        self.sluice("send", "campaign.toml", timeout=60)
        self.assertEqual(self.report()["totals"]["delivered"], 7)
        self.assertGreater(time.monotonic() - begin, 1.1, "six intervals of 200 ms")

    def test_a_domains_block_holds_for_its_site_whichever_domain_came_first(self):
        self.zones({"big.test": "@ MX 10 mx.one.test.\n", "slow.test": "@ MX 10 mx.one.test.\n", "one.test": "mx A 127.0.0.1",
                    "alone.test": "@ MX 10 mx.one.test.\n"})
        self.sink()
        self.rows([f"user{n}@big.test" for n in range(20)] + [f"user{n}@slow.test" for n in range(10)] +
                  [f"user{n}@alone.test" for n in range(6)])
        self.campaign()
        self.config(shaping='["default"]\nconnection_limit = 5\n["slow.test"]\nmax_message_rate = "4/s"\n'
                            '["alone.test"]\nmx_rollup = false\nmax_message_rate = "2/s"\n')
        self.sluice("send", "campaign.toml", timeout=60)
        self.assertEqual(self.report()["totals"]["delivered"], 36)
        by_domain = {}
        for when, recipient in self.arrivals():
            by_domain.setdefault(recipient.split("@")[1], []).append(when)
        # Without a limit it takes less than a tenth of a second; the first ones may be written late.
        self.assertGreater(by_domain["slow.test"][-1] - by_domain["slow.test"][0], 1, "nine intervals of 250 ms")
        self.assertGreater(by_domain["alone.test"][-1] - by_domain["alone.test"][0], 1, "five intervals of 500 ms")
        self.assertIn("alone.test", [site["site"] for site in self.report()["sites"]])

    def test_a_domains_block_holds_for_the_others_at_its_mail_exchangers_too(self):
        self.zones({"named.test": "@ MX 10 mx.one.test.\n", "other.test": "@ MX 10 mx.one.test.\n", "one.test": "mx A 127.0.0.1"})
        self.sink()
        self.rows([f"user{n}@other.test" for n in range(6)])
        self.campaign()
        self.config(shaping='["named.test"]\nmax_message_rate = "4/s"\nenable_tls = "Disabled"\n')
        explained = json.loads(self.sluice("config", "explain", "other.test", "--json").stdout)["sources"][0]["settings"]
        self.assertEqual(explained["max_message_rate"], {"value": '"4/s"', "from": f"{self.path('shaping.toml')}:2"})
        self.sluice("send", "campaign.toml", timeout=60)
        arrivals = self.arrivals()
        self.assertEqual(len(arrivals), 6)
        self.assertGreater(arrivals[-1][0] - arrivals[0][0], 0.8, "five intervals of 250 ms")

    def test_mail_exchangers_that_nobody_knows_leave_a_block_to_its_name_and_are_told(self):
        self.zones({"other.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.rows(["user@other.test"])
        self.campaign()
        self.config(shaping='["named.example"]\nconnection_limit = 2\n')
        done = self.sluice("send", "campaign.toml", timeout=60)
        self.assertIn("named.example", done.stderr)
        self.assertEqual(self.report()["totals"]["delivered"], 1)

    def test_a_source_of_another_family_leaves_the_mail_to_the_next_source(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.rows([f"user{n}@d.test" for n in range(40)])
        self.campaign()
        self.config()
        with self.path("sluice.toml").open("a") as config:
            config.write('[sources.six]\nsource_address = "::1"\n[sources.four]\nsource_address = "127.0.0.1"\n')
        self.sluice("send", "campaign.toml", timeout=60)
        self.assertEqual(self.report()["totals"]["delivered"], 40)

    def test_without_a_source_of_the_hosts_family_nobody_bounces(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.rows(["user@d.test"])
        self.campaign()
        self.config()
        with self.path("sluice.toml").open("a") as config:
            config.write('[sources.six]\nsource_address = "::1"\n')
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("two deferrals", lambda report: report["attempts"]["deferred"] >= 2)
        self.assertEqual(process.stop(), 4)
        self.assertEqual(self.report()["totals"]["pending"], 1)
        self.assertEqual({event["bounce_classification"] for event in self.events("test", "--type", "TransientFailure")}, {"RoutingErrors"})

    def test_a_source_address_that_this_machine_does_not_have_is_named(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.rows(["user@d.test"])
        self.campaign()
        self.config(engine="shards = 1")
        with self.path("sluice.toml").open("a") as config:
            config.write('[sources.one]\nsource_address = "192.0.2.77"\n')
        line = len(self.path("sluice.toml").read_text().splitlines()) - 1
        named = f"sluice.toml:{line}: source_address 192.0.2.77 of one cannot be used"
        self.assertIn(named, self.sluice("check", "campaign.toml", code=5).stdout)
        self.assertIn(named, self.sluice("send", "campaign.toml", code=5).stderr)
        process = self.start("send", "campaign.toml", "--progress", "off", "--force")

        def held():
            done = self.sluice("status", "test", "--json", code=None)
            return done.returncode == 0 and any("192.0.2.77" in one["reason"] for one in json.loads(done.stdout).get("held", []))
        wait_until("the status to name the address", held)
        self.assertEqual(process.stop(), 4)
        self.assertEqual(process.text().count("source one cannot be used"), 1, process.text())

    def test_a_resumed_campaign_trusts_the_resolver_and_bounces_the_domains_that_do_not_exist(self):
        self.zones({"good.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        self.sink()
        self.rows([f"user@missing{n}.good.test" for n in range(130)] + ["user@good.test"])
        self.campaign()
        self.config()
        done = self.sluice("send", "campaign.toml", code=6)
        self.assertIn("resolver suspect", done.stdout + done.stderr)
        self.sluice("resume", "test")
        self.sluice("send", "campaign.toml", code=0)
        totals = self.report()["totals"]
        self.assertEqual((totals["delivered"], totals["bounced"]), (1, 130))

    def test_a_server_that_hangs_up_at_mail_is_not_connected_to_for_each_recipient(self):
        self.zones({"d.test": "@ MX 10 mx\nmx A 127.0.0.1"})
        wait_until_free("127.0.0.1", 2525)  # An earlier test's sink.
        listener = socket.create_server(("127.0.0.1", 2525))
        self.addCleanup(listener.close)
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)  # It goes first, and ends the accept that waits.
        connections = []

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                connection.sendall(b"220 hi\r\n")
                connection.recv(4096)
                connection.sendall(b"250-x\r\n250 PIPELINING\r\n")
                connection.recv(4096)
                connection.close()
        threading.Thread(target=serve, daemon=True).start()
        self.rows([f"user{n}@d.test" for n in range(200)])
        self.campaign()
        self.config(intervals='["30s"]', shaping=SHAPING + "consecutive_connection_failures_before_delay = 5\n")
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("everybody to wait", lambda report: report["pending"]["deferred"] == 200)
        self.assertEqual(process.stop(), 4)
        self.assertLess(len(connections), 30)
