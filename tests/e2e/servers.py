"""Real servers for the tests, started from unpacked packages and stopped by pid. They listen on loopback inside the test's namespace."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import packages


class Process:
    """A program that the test started; ended at the latest when the test ends."""

    def __init__(self, command, log: pathlib.Path, **options):
        self.log = log
        with open(log, "wb") as out:
            self.popen = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **options)

    def stop(self, how=signal.SIGTERM, timeout=60) -> int:
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.popen.args[0]} did not end after {how!r}; its log: {self.text()[-2000:]}") from None

    def wait_for_end(self, code, timeout=60):
        """Waits until it has ended by itself, which must be with this exit code."""
        wait_until(f"the end of {self.popen.args[:2]}", lambda: self.popen.poll() is not None, timeout)
        if self.popen.returncode != code:
            raise AssertionError(f"{self.popen.args[:2]} ended with {self.popen.returncode}, not {code}; its log: {self.text()[-2000:]}")

    def wait_until_ready(self, what, condition, timeout=60.0):
        """For constructors of servers: waits until it serves. One that does not is ended: nobody else knows of it yet, and it may have a port."""
        def is_ready():
            if self.popen.poll() is not None:
                raise AssertionError(f"{self.popen.args[0]} has ended: {self.text()[-2000:]}")
            return condition() and self.popen.poll() is None
        try:
            wait_until(what, is_ready, timeout)
        except BaseException:
            self.stop()
            raise

    def text(self) -> str:
        return self.log.read_text(errors="replace")


def wait_until(what, condition, timeout=60.0, interval=0.01):
    """Waits for something that another process does. The only waiting there is: bounded, and it says what did not happen."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(interval)
    raise AssertionError(f"{what} did not happen within {timeout} s")


def accepts(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def wait_until_free(address: str, port: int):
    """A server that was stopped may leave a child, or work in the kernel, that listens for a moment: the next one could not bind, and nobody
    would notice."""
    wait_until(f"{address}:{port} to be free", lambda: not accepts(address, port), timeout=60)


class SmtpSink(Process):
    """Postfix's smtp-sink; keeps each message, with its envelope in X- lines, as a file."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, address: str, port: int, options=(), wait=True):
        """`options`: its faults. `wait`: until it listens; a connection may be what it counts."""
        root = packages.fetch(build, "postfix")
        self.kept = folder / "kept"
        self.kept.mkdir()
        os.chmod(self.kept, 0o777)
        super().__init__([str(root / "usr/sbin/smtp-sink"), "-u", "nobody", "-d", "%H%M%S.", *options, f"{address}:{port}", "1000"],
                         folder / "smtp-sink.log", env=packages.environment(root), cwd=self.kept)
        if wait:
            self.wait_until_ready("smtp-sink listening", lambda: accepts(address, port))

    def recipients(self) -> list:
        """The RCPT TO address of every message that it accepted, sorted."""
        found = []
        for path in self.kept.iterdir():
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith("X-Rcpt-Args: "):
                    found.append(line.split("<", 1)[1].split(">", 1)[0])
                if not line:
                    break
        return sorted(found)


class Sink(Process):
    """`sluice sink` on port 2525 of `address`; what it says goes to sink.ADDRESS in `folder`."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, address: str = "127.0.0.1", options=()):
        port_file = folder / f"port.{address}"
        port_file.unlink(missing_ok=True)  # An earlier one's.
        wait_until_free(address, 2525)
        super().__init__([str(build / "sluice"), "sink", "--listen", f"{address}:2525", "--port-file", str(port_file), *map(str, options)],
                         folder / f"sink.{address}", cwd=folder)
        self.wait_until_ready("the sink listening", port_file.exists)


class Nginx(Process):
    """Serves over HTTPS on port 443 of `address`: `sites` maps a host name to its certificate and the lines of its location."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, address: str, sites: dict):
        root = packages.fetch(build, "nginx-light")
        self.requests = folder / "access.log"
        servers = "".join(f"""server {{ listen {address}:443 ssl; server_name {name};
ssl_certificate {certificate.certificate}; ssl_certificate_key {certificate.key};
location / {{ {location} }} }}
""" for name, (certificate, location) in sites.items())
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""daemon off;
master_process off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
default_type text/plain;
{temporary}log_format names "$host $status";
access_log {self.requests} names;
{servers}}}
""")
        wait_until_free(address, 443)
        super().__init__([str(root / "usr/sbin/nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")],
                         folder / "nginx.log", env=packages.environment(root))
        self.wait_until_ready("nginx listening", lambda: accepts(address, 443))

    def asked(self) -> list:
        """The host names that were asked for, in order."""
        return [line.split()[0] for line in self.requests.read_text().splitlines()]


class Nsd(Process):
    """NLnet Labs' name server with one zone file per zone."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, address: str, port: int, zones: dict):
        root = packages.fetch(build, "nsd")
        lines = [f'server:\n  ip-address: {address}@{port}\n  username: ""\n  chroot: ""\n  zonesdir: "{folder}"\n'
                 f'  pidfile: "{folder}/nsd.pid"\n  database: ""\n  xfrdfile: "{folder}/xfrd.state"\n  xfrdir: "{folder}"\n  zonelistfile: "{folder}/zone.list"\n'
                 "remote-control:\n  control-enable: no\n"]
        for number, (zone, text) in enumerate(sorted(zones.items())):
            (folder / f"{number}.zone").write_text(f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 900 86400 60\n@ NS ns\n"
                                                   f"ns A {address}\n{text}\n")
            lines.append(f'zone:\n  name: "{zone}"\n  zonefile: "{number}.zone"\n')
        (folder / "nsd.conf").write_text("".join(lines))
        wait_until_free(address, port)
        super().__init__([str(root / "usr/sbin/nsd"), "-d", "-c", str(folder / "nsd.conf")], folder / "nsd.log",
                         env=packages.environment(root))
        self.wait_until_ready("nsd listening", lambda: accepts(address, port))


class Knot(Process):
    """CZ.NIC's name server: one zone file per zone, and the zones that change are read again."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, address: str, port: int, zones: dict, negative_ttl: int = 60):
        """`zones`: by name, the records beside SOA and NS, as a zone file has them. "" is the root, which makes everything else NXDOMAIN."""
        root = packages.fetch(build, "knot")
        self.folder, self.zones, self.serial, self.negative_ttl = folder / "knot", {}, 0, negative_ttl
        self.folder.mkdir()
        self.files = {zone: self.folder / f"{number}.zone" for number, zone in enumerate(sorted(zones))}
        self.write(zones)
        lines = [f'server:\n  rundir: "{self.folder}"\n  listen: {address}@{port}\n', "log:\n  - target: stderr\n    any: info\n",
                 f'database:\n  storage: "{self.folder}"\n', "zone:\n"]
        lines += [f'  - domain: "{zone}."\n    file: "{file}"\n    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n'
                  for zone, file in self.files.items()]
        (self.folder / "knot.conf").write_text("".join(lines))
        wait_until_free(address, port)
        super().__init__([str(root / "usr/sbin/knotd"), "-c", str(self.folder / "knot.conf")], folder / "knot.log",
                         env=packages.environment(root))
        self.wait_until_ready("knotd listening", lambda: accepts(address, port))
        self.wait_for_zones()

    def write(self, zones: dict):
        self.serial += 1
        for zone, text in zones.items():
            self.files[zone].write_text(f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns.knot.test. hostmaster.knot.test. {self.serial} 3600 900 86400 {self.negative_ttl}\n"
                                        f"@ NS ns.knot.test.\n{text}\n")
        self.zones.update(zones)

    def wait_for_zones(self):
        self.wait_until_ready("knotd to have loaded its zones", lambda: self.text().count(f"-> {self.serial}, ") >= len(self.files))

    def change(self, zones: dict):
        """Other records for zones that are there already."""
        self.write({**self.zones, **zones})
        self.popen.send_signal(signal.SIGHUP)
        self.wait_for_zones()
