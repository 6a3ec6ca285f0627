"""Limits over several campaigns of one program, over programs, and through restarts."""

import json
import signal
import statistics

from lab import SHAPING, Lab
from servers import wait_until

WHOLE_HOST = '["default"]\nconnect_timeout = "5s"\nmax_message_rate = '


class HostLimitsTest(Lab):
    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox()

    def prepare(self, counts, shaping, deliveries=()):
        """Campaigns "a", "b"… with so many recipients, all at one domain."""
        self.config(dns=self.receivers.dns, port=self.receivers.port, shaping=shaping, engine="shards = 2")
        for number, count in enumerate(counts):
            name = "abc"[number]
            self.rows([f"{name}{n}@one.example" for n in range(count)], name=f"{name}.csv")
            text = self.campaign(name, delivery=deliveries[number] if deliveries else "", name=f"{name}.toml").read_text()
            self.write(f"{name}.toml", text.replace("rows.csv", f"{name}.csv"))

    @staticmethod
    def time_of(event):
        return event["timestamp"] + int(event["event_time"].split(".")[1][:6]) / 1e6

    def times(self, *campaigns):
        """When each message was delivered, in seconds."""
        return sorted(self.time_of(event) for name in campaigns for event in self.events(name, "--type", "Delivery"))

    def times_in(self, state, name):
        return [self.time_of(event) for event in self.events(name, "--type", "Delivery", "--state", state)]

    def test_campaigns_that_are_sent_together_share_a_rate(self):
        self.prepare([20, 20], WHOLE_HOST + '"10/s,max_burst=1"\n')
        done = self.sluice("send", "a.toml", "b.toml")
        self.assertIn("a: finished", done.stdout)
        self.assertIn("b: finished", done.stdout)
        times = self.times("a", "b")
        self.assertEqual(len(times), 40)
        self.assertGreater(times[-1] - times[0], 3)  # 39 steps of a tenth of a second; alone each has half of them.
        gaps = [later - sooner for sooner, later in zip(times, times[1:])]
        self.assertLess(statistics.median(gaps), 0.16)  # With half the rate each it is 0.2.

    def check_rate(self, *campaigns):
        """Of five at once and then one every three seconds: the n-th leaves no earlier than 3 (n - 5) seconds after the first."""
        times = self.times(*campaigns)
        self.assertGreater(len(times), 5)
        for number, time in enumerate(times[5:], 6):
            self.assertGreater(time - times[0], 3 * (number - 5) - 1)

    def large_ones_among_the_urgent(self, count) -> int:
        """How many of the large campaign "a" were delivered between the first and the `count`th of the urgent "b", which ended before it."""
        large, urgent = self.times("a"), self.times("b")
        self.assertGreater(large[-1], urgent[-1])
        return sum(urgent[0] < time < urgent[count - 1] for time in large)

    def test_a_small_urgent_one_passes_a_large_one(self):
        # Connections for every four messages, as many as are wanted, and a rate that is slow beside what a message takes on a slow machine: some
        # of the urgent ones wait for it at any time, but for the last. (How shares come out where all that is slow, the simulator tests.)
        self.prepare([40, 24], WHOLE_HOST + '"10/s,max_burst=1"\nmax_deliveries_per_connection = 4\nadaptive = false\nconnection_limit = 20\n',
                     ["", "weight = 10"])
        self.sluice("send", "a.toml", "b.toml")
        self.assertLess(self.large_ones_among_the_urgent(20), 18)  # A tenth would be 2; with equal shares it is 20.

    def test_a_small_urgent_one_passes_a_large_one_where_connections_are_few(self):
        self.receivers = self.sandbox('format = 1\nname = "slow"\n[provider.all]\nweight = 1\nreply_delay = "2ms"\n')  # Nine seconds at least.
        self.prepare([3000, 400], '["default"]\nconnect_timeout = "5s"\nconnection_limit = 1\n', ["", "weight = 20"])
        self.sluice("send", "a.toml", "b.toml")
        self.assertLess(self.large_ones_among_the_urgent(400), 200)  # A twentieth would be 20, in turns of 20; with equal shares it is 400.

    def test_a_second_program_is_told_who_has_the_source(self):
        self.prepare([3000, 1], WHOLE_HOST + '"20/s"\n')
        first = self.start("send", "a.toml", "--progress", "off")
        wait_until("the first delivery", lambda: self.path("state/campaigns/a").exists() and
                   self.sluice("events", "a", "--type", "Delivery", code=None).stdout != "")
        done = self.sluice("send", "b.toml", code=1)
        self.assertRegex(done.stderr, rf"source default: .*process {first.popen.pid}.*sluice send A B")
        first.stop(signal.SIGTERM)
        self.sluice("send", "b.toml")

    def other_state_folder(self):
        config = self.path("sluice.toml")
        config.write_text(config.read_text().replace(str(self.path("state")), str(self.path("other"))))
        return config

    def test_a_second_program_with_another_state_folder_is_told_who_has_the_source(self):
        self.prepare([3000, 1], WHOLE_HOST + '"20/s"\n')
        first = self.start("send", "a.toml", "--progress", "off")
        wait_until("the first delivery", lambda: self.path("state/campaigns/a").exists() and
                   self.sluice("events", "a", "--type", "Delivery", code=None).stdout != "")
        config = self.other_state_folder()
        done = self.sluice("send", "b.toml", code=1)
        self.assertRegex(done.stderr, rf"source default: in use by process {first.popen.pid} of user 0")
        with config.open("a") as text:  # The first one may leave from this address, too.
            text.write('[sources.b]\nsource_address = "127.0.0.1"\n')
        done = self.sluice("send", "b.toml", "--force", code=1)
        self.assertRegex(done.stderr, rf"source b: whichever address the kernel chooses is in use by process {first.popen.pid} of user 0")
        first.stop(signal.SIGTERM)
        self.sluice("send", "b.toml", "--force")

    def test_the_next_program_pays_what_the_last_one_owes(self):
        for number, kill in enumerate((False, True)):
            with self.subTest(kill=kill):
                self.prepare([20, 3], WHOLE_HOST + '"20/min,max_burst=5"\n')
                self.path("state/host/limits-any").unlink(missing_ok=True)
                first = self.start("send", "a.toml", "--progress", "off")
                wait_until("five deliveries", lambda: self.sluice("events", "a", "--type", "Delivery", code=None).stdout.count("\n") >= 5)
                if kill:
                    wait_until("what is owed to be written down", self.path("state/host/limits-any").exists)
                    first.popen.kill()
                    first.popen.wait()
                else:
                    first.stop(signal.SIGTERM)
                self.sluice("send", "b.toml")
                self.check_rate("a", "b")
                for name in "ab":
                    self.sluice("cancel", name, code=None)
                    for path in (self.path(f"state/campaigns/{name}").rglob("*")):
                        if path.is_file():
                            path.unlink()

    def test_a_campaigns_rate_holds_through_a_restart(self):
        self.prepare([8], SHAPING, ['max_message_rate = "20/min,max_burst=5"'])
        first = self.start("send", "a.toml", "--progress", "off")
        wait_until("five deliveries", lambda: self.sluice("events", "a", "--type", "Delivery", code=None).stdout.count("\n") >= 5)
        first.stop(signal.SIGTERM)
        self.sluice("send", "a.toml")
        self.assertEqual(len(self.times("a")), 8)
        self.check_rate("a")

    def warmup_line(self):
        """Of the file that the program leaves: kind, source, name, days, day, sent, used, bad, suspended."""
        path = self.path("state/host/limits-any")
        lines = [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []
        return next((words for words in lines if words[0] == "warmup-site"), None)

    def waits_for_warmup(self):
        done = self.sluice("status", "a", "--json", code=None)
        if done.returncode != 0:
            return False
        limited = json.loads(done.stdout).get("limited", [])
        return [site["limited_by"] for site in limited] == ["warmup"]

    def test_a_warm_up_has_its_number_each_day_however_often_it_is_killed(self):
        self.prepare([60, 1], '["default"]\nconnect_timeout = "5s"\nwarmup = [24, 100]\n')
        explained = json.loads(self.sluice("config", "explain", "one.example", "--json").stdout)["sources"][0]["settings"]["warmup"]
        self.assertEqual(explained["value"].replace(" ", ""), "[24,100]")
        self.assertTrue(explained["from"].endswith("shaping.toml:3"), explained)
        for kills in (1, 2):
            sending = self.start("send", "a.toml", "--progress", "off")
            wait_until("some of the day's number to be sent", lambda: self.warmup_line() is not None and self.sluice(
                "events", "a", "--type", "Delivery", code=None).stdout != "")
            sending.popen.kill()
            sending.popen.wait()
            # An eighth that may have been sent, and another that has just been begun.
            self.assertLessEqual(int(self.warmup_line()[6]) - self.report("a")["attempts"]["total"], 2 * 3 * kills)
        sending = self.start("send", "a.toml", "--progress", "off")
        wait_until("the day's number to be used up", lambda: self.warmup_line()[6] == "24" and self.waits_for_warmup())
        sending.stop(signal.SIGTERM)
        attempts = self.report("a")["attempts"]["total"]
        self.assertLessEqual(attempts, 24)
        self.assertGreaterEqual(attempts, 24 - 2 * 2 * 3)
        plan = json.loads(self.sluice("plan", "a.toml", "--json").stdout)
        self.assertEqual(plan["limited_by"], "warmup")
        # A day later; and what the killed ones have sent without saying so was sent.
        words = self.warmup_line()
        self.assertEqual((words[3], words[6]), ("0", "24"))
        path = self.path("state/host/limits-any")
        path.write_text(path.read_text().replace("\t".join(words), "\t".join(
            words[:4] + [str(int(words[4]) - 1), "24"] + words[6:])))
        self.sluice("send", "a.toml")
        totals = self.report("a")["totals"]
        self.assertEqual(totals["delivered"] + totals["in_doubt"], 60)
        self.assertEqual(self.warmup_line()[3], "1")

    def prepare_two_sources(self, shaping, counts):
        """Campaign "a" from one address, "b" from another."""
        self.prepare(counts, shaping, ['pool = "a"', 'pool = "b"'])
        with self.path("sluice.toml").open("a") as config:
            for name, address in (("a", "127.0.0.2"), ("b", "127.0.0.3")):
                config.write(f'[sources.{name}]\nsource_address = "{address}"\nehlo_domain = "{name}.example.com"\n[pools.{name}]\n{name} = 1\n')

    def test_what_holds_over_all_sources_holds_over_programs(self):
        self.prepare_two_sources(WHOLE_HOST + '"20/s"\ntotal_connection_limit = 2\n', [3000, 1])
        first = self.start("send", "a.toml", "--progress", "off", "--force")
        wait_until("the first delivery", lambda: self.path("state/campaigns/a").exists() and
                   self.sluice("events", "a", "--type", "Delivery", code=None).stdout != "")
        done = self.sluice("send", "b.toml", "--force", code=1)
        self.assertRegex(done.stderr, rf"total_connection_limit and total_message_rate.*process {first.popen.pid}.*sluice send A B")
        self.other_state_folder()
        done = self.sluice("send", "b.toml", "--force", code=1)
        self.assertRegex(done.stderr, rf"over all sources: in use by process {first.popen.pid} of user 0.*sluice send A B")
        self.write("shaping.toml", WHOLE_HOST + '"20/s"\n')  # Without such limits they have nothing to do with each other.
        self.sluice("send", "b.toml", "--force")
        first.stop(signal.SIGTERM)

    def test_the_next_program_pays_what_the_last_one_owes_over_all_sources(self):
        self.prepare_two_sources('["default"]\nconnect_timeout = "5s"\ntotal_message_rate = "20/min,max_burst=5"\n', [20, 3])
        first = self.start("send", "a.toml", "--progress", "off", "--force")
        wait_until("five deliveries", lambda: self.sluice("events", "a", "--type", "Delivery", code=None).stdout.count("\n") >= 5)
        first.stop(signal.SIGTERM)
        self.sluice("send", "b.toml", "--force")
        self.check_rate("a", "b")

    def test_a_source_has_limits_over_all_receivers(self):
        self.prepare_two_sources('["default"]\nconnect_timeout = "5s"\n', [1, 1])
        config = self.path("sluice.toml")
        config.write_text(config.read_text().replace("[sources.a]\n", '[sources.a]\nmax_message_rate = "20/s,max_burst=1"\nconnection_limit = 20\n'))
        self.rows([f"a{n}@{domain}.example" for n in range(500) for domain in ("one", "two")], name="a.csv")
        explained = json.loads(self.sluice("config", "explain", "one.example", "--json").stdout)["sources"]
        settings = {source["source"]: source["settings"] for source in explained}
        self.assertEqual(settings["a"]["source_message_rate"]["value"], "20/s,max_burst=1")
        self.assertRegex(settings["a"]["source_connection_limit"]["from"], r"sluice.toml:\d+$")
        self.assertNotIn("source_message_rate", settings["b"])
        plan = json.loads(self.sluice("plan", "a.toml", "--json").stdout)
        self.assertEqual((plan["limited_by"], plan["seconds"]), ("source_message_rate", 49.95))
        sending = self.start("send", "a.toml", "--progress", "off", "--force")
        wait_until("both receivers to wait for the source's rate", lambda: self.limits_of("a") == {"source_message_rate": 2})
        limits = self.path("state/host/limits-127.0.0.2")
        wait_until("what it owes to be written down", lambda: limits.exists() and "\nsource\ta\tall\t" in limits.read_text())
        wait_until("some deliveries", lambda: self.sluice("events", "a", "--type", "Delivery", code=None).stdout.count("\n") >= 60)
        sending.stop()
        times = self.times("a")
        self.assertGreater(times[-1] - times[0], 0.7 * 0.05 * (len(times) - 1))  # Half of it, if each receiver had the rate for itself.
        self.assertLess(statistics.median(later - sooner for sooner, later in zip(times, times[1:])), 0.08)  # Half of it each: 0.1 s.

    def limits_of(self, name):
        """By which limit how many sites are held."""
        done = self.sluice("status", name, "--json", code=None)
        limited = [site["limited_by"] for site in json.loads(done.stdout).get("limited", [])] if done.returncode == 0 else []
        return {limit: limited.count(limit) for limit in limited}

    def test_several_campaigns_have_the_worst_exit_code(self):
        self.prepare([3, 3, 3], SHAPING)
        self.write("b.toml", "nonsense = 1\n")
        self.write("c.toml", "id = 3\n")
        done = self.sluice("send", "a.toml", "b.toml", "c.toml", code=3)
        self.assertIn("b.toml:1", done.stderr)
        self.assertIn("c.toml:1", done.stderr)
        self.assertFalse(self.path("state/campaigns/a").exists())
        self.sluice("send", "a.toml", "a.toml", code=3)
        self.assertEqual(self.sluice("send", "a.toml", "--state", "x", "b.toml", code=2).stdout, "")

    def test_what_is_wrong_with_one_stops_the_other_not(self):
        self.prepare([3, 3], SHAPING)
        self.path("a.csv").unlink()
        done = self.sluice("send", "a.toml", "b.toml", code=3)
        self.assertIn("a.csv", done.stderr)
        self.assertIn("b: finished", done.stdout)

    def test_several_are_rehearsed_and_their_progress_is_told_apart(self):
        self.prepare([200, 200], SHAPING)
        done = self.sluice("send", "a.toml", "b.toml", "--sandbox", "--personality", "faultfree", "--progress", "json")
        campaigns = {json.loads(line)["campaign"] for line in done.stderr.splitlines() if line.startswith("{")}
        self.assertLessEqual(campaigns, {"a", "b"})
        self.assertIn("sandbox: 400 messages accepted", done.stdout)

    def test_several_that_are_rehearsed_share_a_rate(self):
        self.prepare([40, 40], WHOLE_HOST + '"20/s,max_burst=1"\n')
        self.sluice("send", "a.toml", "b.toml", "--sandbox", "--personality", "faultfree")
        times = sorted(time for name in "ab" for time in self.times_in(f"state/rehearsals/campaigns/{name}", name))
        self.assertEqual(len(times), 80)
        self.assertGreater(times[-1] - times[0], 3)  # 79 steps of a twentieth of a second; alone each has half of them.
        self.assertFalse(self.path("state/host").exists())
