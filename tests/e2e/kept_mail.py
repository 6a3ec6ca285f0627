"""Messages as servers kept them: the envelope, the headers that the server added, and the bytes that it was sent."""

import dataclasses
import pathlib
import re

# What servers put before a message. Sluice never sends one of these (they are reserved in campaigns).
TRACE = re.compile(rb"(?:(?:Return-Path|X-Original-To|Envelope-to|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)*", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Message:
    sender: str
    recipient: str
    trace: str      # The headers that the server added.
    content: bytes  # What it was sent, lines ended by CR LF.


def parse(kept: bytes) -> Message:
    trace = TRACE.match(kept).group().decode("ascii", "surrogateescape")
    content = kept[len(trace.encode("ascii", "surrogateescape")):]
    fields = {name.lower(): value for name, value in re.findall(r"^([A-Za-z-]+): *<?([^>\r\n]*)>?\r?$", trace, re.MULTILINE)}
    recipient = next(fields[name] for name in ("envelope-to", "x-original-to", "delivered-to") if name in fields)
    # Maildirs have lines that end with LF alone.
    return Message(fields["return-path"], recipient, trace, re.sub(rb"\r?\n", b"\r\n", content))


def read(folder: pathlib.Path) -> list:
    """Every message of a maildir. Those that are still being written are in `tmp`, and are not read."""
    return [parse(path.read_bytes()) for path in sorted((folder / "new").iterdir())] if (folder / "new").exists() else []
