"""A certificate authority of the test's own, and certificates for its servers."""

import dataclasses
import pathlib

from machine import run


@dataclasses.dataclass(frozen=True)
class Certificate:
    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    def __init__(self, folder: pathlib.Path):
        folder.mkdir()
        self.folder = folder
        self.file = folder / "ca.crt"  # What a client must trust.
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
            "-keyout", folder / "ca.key", "-out", self.file)

    def certificate(self, name: str, address="127.0.0.1", algorithm="ec", others=(), days=2) -> Certificate:
        """For a server of that name, and of these others, with an "ec" (P-256) or "rsa:2048" key. `days`: -1: it has expired."""
        made = Certificate(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        extensions = self.folder / f"{name}.ext"
        names = ",".join(f"DNS:{one}" for one in (name, *others))
        extensions.write_text(f"subjectAltName={names},IP:{address}\nextendedKeyUsage=serverAuth\n")
        request = self.folder / f"{name}.csr"
        curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if algorithm == "ec" else []
        run("openssl", "req", "-newkey", algorithm, *curve, "-nodes", "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.folder / "ca.key", "-days", days, "-extfile", extensions,
            "-out", made.certificate)
        return made
