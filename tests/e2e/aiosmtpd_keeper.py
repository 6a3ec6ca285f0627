#!/usr/bin/env python3
"""A server made with aiosmtpd that keeps what it accepts in a maildir. Runs with Debian's Python, which Debian's aiosmtpd is for."""

import argparse
import asyncio
import itertools
import pathlib
import ssl

from aiosmtpd.smtp import SMTP


class Keeper:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        for name in ("tmp", "new"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.numbers = itertools.count(len(list((folder / "new").iterdir())))

    async def handle_DATA(self, server, session, envelope):
        protocol = session.ssl["ssl_object"].version() if session.ssl else "none"
        trace = (f"Return-Path: <{envelope.mail_from}>\r\nX-Original-To: {','.join(envelope.rcpt_tos)}\r\n"
                 f"Received: from {session.host_name} by aiosmtpd with {'ESMTPS' if session.ssl else 'ESMTP'} (TLS: {protocol})\r\n")
        name = str(next(self.numbers))
        (self.folder / "tmp" / name).write_bytes(trace.encode() + envelope.original_content)
        (self.folder / "tmp" / name).rename(self.folder / "new" / name)
        return "250 2.0.0 kept"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True, help="ADDRESS:PORT")
    parser.add_argument("--keep", type=pathlib.Path, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--size", type=int, default=20000000, help="the largest message")
    options = parser.parse_args()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate, options.key)
    keeper = Keeper(options.keep)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    address, port = options.listen.rsplit(":", 1)

    def session():
        return SMTP(keeper, data_size_limit=options.size, enable_SMTPUTF8=True, decode_data=False, tls_context=context, loop=loop)
    loop.run_until_complete(loop.create_server(session, address, int(port)))
    loop.run_forever()


if __name__ == "__main__":
    main()
