"""Zones with DNSSEC: Knot signs and serves them, Unbound validates."""

import pathlib
import subprocess

import packages
from servers import Process, accepts, wait_until, wait_until_free


class Knot(Process):
    """`zones` by name; those in `signed` are signed with keys of their own."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, address: str, port: int, zones: dict, signed):
        self.root, self.folder = packages.fetch(build, "knot"), folder
        lines = [f'server:\n  listen: {address}@{port}\n  rundir: "{folder}"\nlog:\n  - target: stderr\n    any: warning\n'
                 f'database:\n  storage: "{folder}"\npolicy:\n  - id: own\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n'
                 f'template:\n  - id: default\n    storage: "{folder}"\n    zonefile-load: difference\n    zonefile-sync: -1\n'
                 "    journal-content: all\nzone:\n"]
        for zone, text in sorted(zones.items()):
            (folder / f"{zone}.zone").write_text(f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 900 86400 60\n@ NS ns\n"
                                                 f"ns A {address}\n{text}\n")
            signs = "    dnssec-signing: on\n    dnssec-policy: own\n" if zone in signed else ""
            lines.append(f"  - domain: {zone}\n    file: {zone}.zone\n{signs}")
        self.configuration = folder / "knot.conf"
        self.configuration.write_text("".join(lines))
        wait_until_free(address, port)
        super().__init__([str(self.root / "usr/sbin/knotd"), "-c", str(self.configuration)], folder / "knot.log",
                         env=packages.environment(self.root))
        self.wait_until_ready("knotd listening", lambda: accepts(address, port))

    def key(self, zone: str) -> str:
        """The zone's DNSKEY record."""
        def made():
            done = subprocess.run([str(self.root / "usr/sbin/keymgr"), "-c", str(self.configuration), zone, "dnskey"], capture_output=True,
                                  text=True, env=packages.environment(self.root))
            return done.stdout.strip() if done.returncode == 0 else ""
        return wait_until(f"a key of {zone}", made)


class Unbound(Process):
    """Asks the name server at `upstream` ("ADDRESS@PORT") for these zones; `anchors` are DNSKEY records that it trusts."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, address: str, port: int, upstream: str, zones, anchors):
        root = packages.fetch(build, "unbound")
        lines = [f'server:\n  interface: {address}@{port}\n  username: ""\n  chroot: ""\n  directory: "{folder}"\n  pidfile: ""\n'
                 "  use-syslog: no\n  verbosity: 1\n  do-not-query-localhost: no\n  module-config: \"validator iterator\"\n"
                 '  local-zone: "test." nodefault\n  val-permissive-mode: no\n  do-ip6: no\n  num-threads: 1\n',
                 *(f'  trust-anchor: "{anchor}"\n' for anchor in anchors), "remote-control:\n  control-enable: no\n",
                 *(f'stub-zone:\n  name: "{zone}"\n  stub-addr: {upstream}\n' for zone in zones)]
        (folder / "unbound.conf").write_text("".join(lines))
        wait_until_free(address, port)
        super().__init__([str(root / "usr/sbin/unbound"), "-d", "-c", str(folder / "unbound.conf")], folder / "unbound.log",
                         env=packages.environment(root))
        self.wait_until_ready("unbound listening", lambda: accepts(address, port))
