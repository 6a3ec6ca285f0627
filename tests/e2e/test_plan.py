"""`sluice plan`: what it predicts is what a rehearsal then takes, and it sends nothing."""

import datetime
import json
import re
import resource
import subprocess
import time

from lab import Lab
from servers import wait_until

PERSONALITY = """format = 1
name = "three"
[provider.rated]
domains = ["rated1.test", "rated2.test"]
mx = ["mx.rated.test"]
[provider.opened]
domains = ["opened.test"]
[provider.far]
domains = ["far.test"]
reply_delay = "150ms"
[provider.rest]
weight = 1
"""
FAR = """format = 1
name = "far"
[provider.far]
weight = 1
reply_delay = "150ms"
[provider.dead]
domains = ["dead.test"]
unreachable = 1
"""
SHAPING = """["default"]
connection_limit = 20
[provider.rated]
match = [{MXSuffix = ".rated.test"}]
max_message_rate = "100/s,max_burst=20"
[provider.opened]
match = [{MXSuffix = ".opened.test"}]
max_connection_rate = "4/s"
max_deliveries_per_connection = 5
[provider.far]
match = [{MXSuffix = ".far.test"}]
connection_limit = 2
max_deliveries_per_connection = 20
"""


class PlannedTest(Lab):
    def setUp(self):
        super().setUp()
        # In memory: how long a disk takes is part of a plan, and may be another the next moment.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(self.folder)], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.folder)], check=True)

    def check_times(self, compare, least=0.85, most=1.15):
        """Within 15 %, or as given. Limits or delays of receivers decide, by far, how long it takes; what a busy machine adds it does not add each time.
        `compare(state)`: plans, and sends with that state folder. Returns, by name, how long it took and what was planned, in seconds."""
        as_planned = set()
        for number in range(3):
            times = compare(self.path(f"rehearsal.{number}"))
            as_planned |= {name for name, (took, planned) in times.items() if least * planned < took < most * planned}
            if as_planned == set(times):
                return
        self.fail(f"took and planned: {times}; as planned: {as_planned}")


class PlanTest(PlannedTest):
    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(PERSONALITY)
        rated = [f"user{n}@rated{1 + n % 2}.test" for n in range(820)]
        opened = [f"user{n}@opened.test" for n in range(120)]
        far = [f"user{n}@far.test" for n in range(44)]
        self.rows(rated + opened + far)
        self.campaign()
        self.config(shaping=SHAPING, engine="shards = 2")

    def plan(self, *options):
        return json.loads(self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready, "--json", *options).stdout)

    def test_a_rehearsal_takes_as_long_as_predicted(self):
        self.check_times(self.compare)

    def compare(self, state):
        plan = self.plan()
        self.assertEqual((plan["recipients"], plan["domains"], plan["sites"], plan["not_connected_to"]), (984, 4, 3, 0))
        providers = {provider["provider"]: provider for provider in plan["providers"]}
        self.assertEqual({name: provider["limited_by"] for name, provider in providers.items()},
                         {"rated": "max_message_rate", "opened": "max_connection_rate", "far": "connection_limit"})
        self.assertEqual(plan["limited_by"], "max_message_rate")
        self.assertTrue(plan["in_time"])
        self.assertFalse(self.path("state/campaigns").exists())
        self.assertFalse(list(self.path("state/plans").iterdir()))

        self.sluice("send", "campaign.toml", "--sandbox-at", self.receivers.ready, "--state", state)
        elapsed = json.loads(self.sluice("report", "test", "--json", "--state", state).stdout)["elapsed_s"]
        ends = {}
        for event in self.events("test", "--type", "Delivery", "--state", state):
            at = datetime.datetime.fromisoformat(event["event_time"]).timestamp()
            ends[event["provider_name"]] = max(ends.get(event["provider_name"], at), at)
        return {"all": (elapsed, plan["seconds"]),
                **{name: (elapsed - (max(ends.values()) - end), providers[name]["seconds"]) for name, end in ends.items()}}

    def test_it_sends_nothing_and_says_it_in_text(self):
        text = self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready).stdout
        self.assertRegex(text, r"^test: 984 recipients at 4 domains, 3 sites; about 0:00:0\d, because of ")
        self.assertIn("provider rated", text)
        self.assertEqual(self.receivers.end(), {})

    def test_an_end_that_comes_too_early_is_told(self):
        with self.path("campaign.toml").open("a") as campaign:
            campaign.write('max_message_rate = "1/s"\nfinish_by = 2026-01-01T00:00:00Z\n')
        plan = self.plan()
        self.assertEqual((plan["limited_by"], plan["seconds"]), ("campaign_rate", 983))
        self.assertFalse(plan["in_time"])

    def test_limits_of_a_provider_count_over_its_sites(self):
        per_provider = SHAPING.replace('max_message_rate = "100/s,max_burst=20"', 'provider_max_message_rate = "50/s"')
        self.config(shaping=per_provider)
        plan = self.plan()
        self.assertEqual((plan["limited_by"], plan["seconds"]), ("provider_max_message_rate", 16.38))
        # Another provider that matches, and is not the one that the sites belong to.
        for limit, name in (('provider_max_message_rate = "20/s"', "provider_max_message_rate"), ('total_message_rate = "20/s"', "total_message_rate")):
            with self.subTest(limit):
                self.config(shaping=f'[provider.all]\nmatch = [{{DomainSuffix = ".test"}}]\n{limit}\n' + per_provider)
                plan = self.plan()
                self.assertNotIn("all", [provider["provider"] for provider in plan["providers"]])
                self.assertEqual((plan["limited_by"], plan["seconds"]), (name, 49.15))

    def test_the_work_of_the_machine_is_foreseen(self):
        def machine():
            (limit,) = (limit for limit in self.plan("--round-trip", "1ms")["campaign_limits"] if not limit["limited_by"].startswith("dns"))
            return limit["limited_by"], limit["seconds"]

        name, unsigned = machine()
        self.assertEqual(name, "machine")
        self.assertGreaterEqual(unsigned, 820 * 17e-6 - 0.001)  # Of the largest site, on one core.
        self.sign_with(self.dkim_keys(*["rsa2048"] * 3))
        name, signed = machine()
        self.assertEqual(name, "signing")
        self.assertGreater(signed, unsigned + 3 * 984 * 10e-6, "no machine makes 100,000 signatures per second on one core")


class BegunTest(PlannedTest):
    """Of a campaign that was begun, what is left is planned."""

    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(PERSONALITY + '[provider.grey]\ndomains = ["grey.test"]\ngreylist = "1s"\n')
        self.config(dns=self.receivers.dns, port=self.receivers.port, intervals='["16s"]', engine="shards = 2",
                    shaping=SHAPING.replace("100/s", "80/s") + '[provider.grey]\nmatch = [{MXSuffix = ".grey.test"}]\n')

    def plan(self, *options):
        return json.loads(self.sluice("plan", "campaign.toml", "--json", *options).stdout)

    def begin(self, identity):
        """Of the rated ones 240 go, five seconds are left; the others have been told to come later."""
        self.rows([f"{identity}{n}@rated1.test" for n in range(640)] + [f"{identity}{n}@grey.test" for n in range(30)])
        self.campaign(identity)
        sending = self.start("send", "campaign.toml", "--progress", "off")

        def some():
            done = self.sluice("report", identity, "--json", code=None)
            return done.returncode == 0 and json.loads(done.stdout)["totals"]["delivered"] >= 240
        wait_until("240 of them to be delivered", some)
        return sending

    def state_files(self, identity):
        folder = self.path(f"state/campaigns/{identity}")
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}

    def test_what_is_left_takes_as_long_as_predicted(self):
        self.check_times(self.compare)

    def compare(self, state):
        identity = f"c{state.suffix[1:]}"
        self.begin(identity).stop()
        before = self.state_files(identity)
        asked = time.time()
        plan = self.plan()
        self.assertEqual(self.state_files(identity), before)
        pending = json.loads(self.sluice("report", identity, "--json").stdout)["totals"]["pending"]
        self.assertEqual((plan["state"], plan["recipients"], plan["done"]), ("interrupted", pending, 670 - pending))
        planned = {provider["provider"]: provider for provider in plan["providers"]}
        self.assertEqual((planned["rated"]["recipients"], planned["grey"]["recipients"]), (pending - 30, 30))
        self.assertEqual((planned["rated"]["limited_by"], planned["grey"]["limited_by"], plan["limited_by"]),
                         ("max_message_rate", "retry", "retry"))

        self.sluice("send", "campaign.toml")
        ends = {}
        for event in self.events(identity, "--type", "Delivery"):
            ends.setdefault(event["provider_name"], []).append(datetime.datetime.fromisoformat(event["event_time"]).timestamp())
        self.assertEqual((self.plan()["state"], self.plan()["recipients"], self.plan()["seconds"]), ("finished", 0, 0))
        begun = min(end for end in ends["rated"] if end > asked)
        return {"rated": (max(ends["rated"]) - begun, planned["rated"]["seconds"]),
                "grey": (max(ends["grey"]) - asked, planned["grey"]["seconds"]), "all": (max(ends["grey"]) - asked, plan["seconds"])}

    def test_of_one_that_runs_what_is_left_is_planned(self):
        self.begin("test")
        plan = self.plan()
        self.assertEqual((plan["state"], plan["recipients"] + plan["done"]), ("running", 670))
        self.assertGreaterEqual(plan["done"], 240)

    def test_who_gets_nothing_any_more_is_not_planned(self):
        self.begin("test").stop()
        plan = self.plan("--round-trip", "1ms")
        self.assertRegex(self.sluice("plan", "test", "--round-trip", "1ms").stdout,
                         rf"(?m)^interrupted: of what is left, by its ledger; {plan['done']} recipients are done$")
        self.sluice("suppress", "@grey.test")
        self.assertEqual(self.plan("--round-trip", "1ms")["recipients"], plan["recipients"] - 30)
        self.assertEqual(json.loads(self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready, "--json").stdout)["state"], "new")
        self.sluice("cancel", "test")
        self.assertEqual(self.sluice("plan", "campaign.toml").stdout, "test: cancelled; nobody is left to send to\n")
        self.write("campaign.toml", self.path("campaign.toml").read_text().replace("Hello", "Goodbye"))
        self.assertIn("was started on", self.sluice("plan", "campaign.toml", code=3).stderr)


class SealedTest(PlannedTest):
    def test_signatures_that_are_sealed_cost_nothing(self):
        receivers = self.sandbox("faultfree")
        self.config(dns=receivers.dns, port=receivers.port, engine="shards = 2")
        self.rows([f"user{n}@d{n % 20}.test" for n in range(400)])
        self.campaign()
        keys = self.dkim_keys(*["rsa2048"] * 3)
        self.sign_with(keys)

        def machine():
            plan = json.loads(self.sluice("plan", "campaign.toml", "--round-trip", "1ms", "--json").stdout)
            (limit,) = (limit for limit in plan["campaign_limits"] if not limit["limited_by"].startswith("dns"))
            return plan["state"], limit["limited_by"], limit["seconds"]

        state, limit, signing = machine()
        self.assertEqual((state, limit), ("new", "signing"))
        self.sluice("seal", "campaign.toml")
        state, limit, sealed = machine()
        self.assertEqual((state, limit), ("prepared", "machine"))
        self.assertLess(sealed, signing - 3 * 400 * 10e-6 / 2, "no machine makes 100,000 signatures per second on one core")
        with self.path("state/campaigns/test/signatures.dat").open("r+b") as file:  # Of half of them.
            file.truncate(4096 + (file.seek(0, 2) - 4096) // 2)
            file.truncate(file.seek(0, 2) * 2 - 4096)
        state, limit, half = machine()
        self.assertEqual(limit, "signing")
        self.assertTrue(sealed < half < signing, (sealed, half, signing))


class MachineTest(PlannedTest):
    """Where the machine is the limit. Receivers are on the same one here: what is compared is the processor time of the sender, who has one shard."""

    def setUp(self):
        super().setUp()
        keys = self.dkim_keys(*["rsa2048"] * 4)
        self.receivers = self.sandbox("faultfree", keys=keys)
        self.config(dns=self.receivers.dns, port=self.receivers.port, engine='shards = 1\nsigner = "openssl"',
                    shaping='["default"]\nmax_deliveries_per_connection = 1000\n')
        self.sign_with(keys)

    def test_the_processor_time_of_signing_is_foreseen(self):
        self.check_times(self.compare, 0.7, 1.4)  # What runs beside it, and the clock rate, may differ; a key that is left out is found.

    def compare(self, state):
        identity = f"c{state.suffix[1:]}"
        self.rows([f"user{n}@d{n % 5}.test" for n in range(3000)])
        self.campaign(identity)
        plan = json.loads(self.sluice("plan", "campaign.toml", "--round-trip", "0s", "--json").stdout)
        self.assertEqual(plan["limited_by"], "signing")
        before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        self.sluice("send", "campaign.toml")
        return {"all": (sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before, plan["seconds"])}


class QuestionsTest(PlannedTest):
    def setUp(self):
        super().setUp()
        receivers = self.sandbox('format = 1\nname = "many"\n[provider.all]\nweight = 1\nmx = ["mx.all.test"]\n')
        self.rows([f"user@d{n}.test" for n in range(1500)])
        self.campaign()
        self.config(dns=receivers.dns, port=receivers.port, shaping='["default"]\nconnection_limit = 20\n', engine="shards = 1")
        config = self.path("sluice.toml")
        config.write_text(config.read_text().replace("max_queries_per_second = 20000", "max_queries_per_second = 500"))

    def test_the_questions_to_the_dns_are_foreseen(self):
        self.check_times(self.compare)

    def compare(self, state):
        plan = json.loads(self.sluice("plan", "campaign.toml", "--round-trip", "1ms", "--json").stdout)
        self.assertEqual(plan["limited_by"], "dns.max_queries_per_second")
        self.assertEqual({limit["limited_by"] for limit in plan["campaign_limits"]}, {"dns.max_queries_per_second", "machine"})
        self.sluice("send", "campaign.toml", "--state", state)
        report = json.loads(self.sluice("report", "test", "--json", "--state", state).stdout)
        self.assertEqual(report["totals"]["delivered"], 1500)
        return {"all": (report["elapsed_s"], plan["seconds"])}

    def test_the_questions_to_the_dns_are_told_while_they_hold_it_up(self):
        sending = self.start("send", "campaign.toml", "--progress", "off")

        def limited():
            done = self.sluice("status", "test", "--json", code=None)
            return json.loads(done.stdout).get("limited_domains") if done.returncode == 0 else None
        (limit,) = wait_until("somebody to say what holds it", limited)
        self.assertEqual(limit["limited_by"], "dns.max_queries_per_second")
        self.assertTrue(0 < limit["domains"] <= 1500, limit)
        text = re.compile(r"limited: by dns.max_queries_per_second \(\d+ domains")
        wait_until("the words for people", lambda: text.search(self.sluice("status", "test").stdout))
        sending.stop()


class DistanceTest(PlannedTest):
    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(FAR)
        self.rows([f"user{n}@far.test" for n in range(120)])
        self.campaign()
        self.config(shaping='["default"]\nconnection_limit = 4\nmax_deliveries_per_connection = 20\n', engine="shards = 1")

    def plan(self, *options):
        return json.loads(self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready, "--json", *options).stdout)

    def test_how_far_receivers_are_is_measured(self):
        self.check_times(self.compare)

    def compare(self, state):
        plan = self.plan()
        (site,) = plan["longest_sites"]
        self.assertEqual((plan["limited_by"], site["limited_by"]), ("connection_limit", "connection_limit"))
        self.assertGreaterEqual(site["round_trip_ms"], 150)
        assumed = self.plan("--round-trip", "10ms")
        self.assertLess(assumed["seconds"], plan["seconds"] / 3)
        self.assertNotIn("round_trip_ms", assumed["longest_sites"][0])

        self.sluice("send", "campaign.toml", "--sandbox-at", self.receivers.ready, "--state", state)
        report = json.loads(self.sluice("report", "test", "--json", "--state", state).stdout)
        return {"all": (report["elapsed_s"], plan["seconds"])}

    def test_one_that_cannot_be_reached_is_taken_to_be_somewhere(self):
        self.rows([f"user{n}@dead.test" for n in range(160)])
        plan = self.plan()
        self.assertNotIn("round_trip_ms", plan["longest_sites"][0])
        self.assertGreaterEqual(plan["seconds"], 40 * 0.05 + 2 * 0.3 + 0.05)  # And the disk.

    def test_centuries(self):
        self.config(shaping='["default"]\nmax_message_rate = "1/d,max_burst=1"\n')
        for rows, date, text in ((160, True, " 3816:00:00"), (200_000, False, "548 years")):
            with self.subTest(rows=rows):
                self.rows([f"user{n}@far.test" for n in range(rows)])
                plan = self.plan("--round-trip", "10ms")
                self.assertEqual(plan["seconds"], (rows - 1) * 86400)
                self.assertEqual(plan["finishes_at"] is not None, date)
                self.assertTrue(plan["in_time"])
                self.assertIn(text, self.sluice("plan", "campaign.toml", "--sandbox-at", self.receivers.ready, "--round-trip", "10ms").stdout)


class HostStateTest(Lab):
    def test_what_the_host_knows_of_receivers_is_planned_with(self):
        receivers = self.sandbox('format = 1\nname = "shut"\n[provider.shut]\ndomains = ["shut.test"]\n'
                                 '[[provider.shut.reply]]\nat = "mail"\nreply = "450 4.7.1 TS01 come back later"\n[provider.rest]\nweight = 1\n')
        self.config(dns=receivers.dns, port=receivers.port, shaping='["default"]\nconnect_timeout = "5s"\n["rated.test"]\n'
                    'max_message_rate = "1/min,max_burst=30"\n["total.test"]\ntotal_message_rate = "1/min,max_burst=30"\n'
                    '[["shut.test".automation]]\nregex = "TS01"\naction = "Suspend"\nduration = "2h"\n')
        self.rows([f"user{n}@{domain}.test" for domain in ("shut", "rated", "total") for n in range(20)])
        self.campaign()
        self.rows([f"user{n}@{domain}.test" for domain in ("shut", "rated", "total") for n in range(30)], name="next.csv")
        self.write("next.toml", self.campaign("next", name="next.toml").read_text().replace("rows.csv", "next.csv"))

        def plan(*options):
            told = json.loads(self.sluice("plan", "next.toml", "--json", *options).stdout)
            return told, {site["site"].split(".", 1)[1]: site for site in told["longest_sites"]}

        told, sites = plan("--round-trip", "10ms")
        self.assertEqual({site["limited_by"] for site in sites.values()}, {"round_trip"})
        self.assertLess(told["seconds"], 60)
        sending = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("all the mail that can go", lambda report: report["totals"]["delivered"] == 40)
        file = self.path("state/host/limits-any")
        wait_until("the suspension to be written down", lambda: file.exists() and "TS01" in file.read_text())
        told, sites = plan("--round-trip", "10ms")  # While that program has the source.
        self.assertEqual((told["limited_by"], sites["shut.test"]["limited_by"]), ("suspended", "suspended"))
        self.assertAlmostEqual(sites["shut.test"]["seconds"], 7200, delta=60)
        self.assertEqual([name for name, site in sites.items() if "suspended_until" in site], ["shut.test"])
        told, sites = plan()
        self.assertEqual(told["not_connected_to"], 3)
        self.assertFalse([name for name, site in sites.items() if "round_trip_ms" in site])
        self.assertIn("3 sites are not connected to", self.sluice("plan", "next.toml").stdout)
        self.assertIn("because of suspended", self.sluice("plan", "next.toml", "--round-trip", "10ms").stdout)
        sending.stop()
        before = file.read_text()
        told, sites = plan()  # Nobody has the source.
        self.assertEqual(told["not_connected_to"], 1)
        self.assertEqual(sorted(name for name, site in sites.items() if "round_trip_ms" in site), ["rated.test", "total.test"])
        told, sites = plan("--round-trip", "10ms")
        self.assertEqual(told["limited_by"], "suspended")
        self.assertEqual(sites["rated.test"]["limited_by"], "max_message_rate")
        self.assertAlmostEqual(sites["rated.test"]["seconds"], 20 * 60, delta=60)  # Twenty are owed.
        self.rows([f"user{n}@total.test" for n in range(30)], name="next.csv")
        told, _ = plan("--round-trip", "10ms")
        self.assertEqual(told["limited_by"], "total_message_rate")
        self.assertAlmostEqual(told["seconds"], 20 * 60, delta=60)
        self.assertEqual(file.read_text(), before)
