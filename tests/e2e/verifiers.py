"""Two DKIM verifiers that are not ours: dkimpy (python3-dkim) and Mail::DKIM (libmail-dkim-perl). Public keys come from the caller, not from
a name server: `records` maps names, without the dot at the end, to what their TXT records say.

Each message has all of its signatures checked. `assert_verified` is what most tests want. Debian 12's Mail::DKIM knows RSA only: Ed25519 is
dkimpy's to judge."""

import email
import json
import pathlib
import subprocess
import tempfile

DKIMPY = r"""
import json, pathlib, sys, dkim
work = json.load(sys.stdin)
records = {name.encode() + b".": text.encode() for name, text in work["records"].items()}
for path in work["paths"]:
    message = pathlib.Path(path).read_bytes()
    verdicts = []
    for index in range(len([1 for name, _ in dkim.DKIM(message).headers if name.lower() == b"dkim-signature"])):
        try:
            good = dkim.DKIM(message).verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name))
            verdicts.append("pass" if good else "fail")
        except dkim.DKIMException as error:
            verdicts.append(f"fail ({error})")
    print(json.dumps(verdicts))
"""

MAIL_DKIM = r"""
use strict; use warnings;
use JSON::PP; use Net::DNS; use Mail::DKIM::Verifier; use Mail::DKIM::DNS;
{
    package TableResolver;  # Answers from a table, as Net::DNS::Resolver would from the network.
    sub new { my ($class, $records) = @_; return bless { records => $records }, $class }
    sub errorstring { return 'NOERROR' }
    sub send {
        my ($self, $name, $type) = @_;
        my $packet = Net::DNS::Packet->new($name, $type);
        my $text = $self->{records}{$name};
        $packet->header->rcode(defined $text ? 'NOERROR' : 'NXDOMAIN');
        $packet->push(answer => Net::DNS::RR->new(owner => $name, type => 'TXT', txtdata => [$text =~ /(.{1,255})/gs])) if defined $text;
        return $packet;
    }
}
my $work = decode_json(do { local $/; <STDIN> });
Mail::DKIM::DNS::resolver(TableResolver->new($work->{records}));
for my $path (@{ $work->{paths} }) {
    open my $file, '<:raw', $path or die "$path: $!";
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT(do { local $/; <$file> });
    $verifier->CLOSE;
    print encode_json([map { $_->result eq 'pass' ? 'pass' : $_->result_detail } $verifier->signatures]), "\n";
}
"""

# Debian's interpreters: they see Debian's packages, whatever runs this test.
NO_ED25519 = "invalid (unsupported algorithm ed25519-sha256)"  # Mail::DKIM
VERIFIERS = {"dkimpy": ["/usr/bin/python3", "-c", DKIMPY], "Mail::DKIM": ["/usr/bin/perl", "-e", MAIL_DKIM]}


def verify(messages, records: dict) -> dict:
    """What each verifier says, by its name: for every message a list with one verdict for each signature, "pass" or what is wrong."""
    with tempfile.TemporaryDirectory(prefix="sluice-verify-") as folder:
        paths = []
        for number, message in enumerate(messages):
            path = pathlib.Path(folder, str(number))
            path.write_bytes(message)
            paths.append(str(path))
        work = json.dumps({"paths": paths, "records": records})
        said = {}
        for name, command in VERIFIERS.items():
            done = subprocess.run(command, input=work, capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                raise AssertionError(f"{name} failed: {done.stderr[-2000:]}")
            said[name] = [json.loads(line) for line in done.stdout.splitlines()]
        return said


def assert_verified(test, messages, records: dict, signatures=1):
    """Every message (bytes, lines ended by CR LF) has so many signatures, and each verifier accepts all of them that it knows."""
    messages = list(messages)
    test.assertTrue(messages, "there is no message to verify")
    for name, verdicts in verify(messages, records).items():
        test.assertEqual(len(verdicts), len(messages), name)
        for message, verdict in zip(messages, verdicts):
            subject = email.message_from_bytes(message).get("Subject")
            known = ["pass" if said == NO_ED25519 and name == "Mail::DKIM" else said for said in verdict]
            test.assertEqual(known, ["pass"] * signatures, f"{name} on {subject!r}:\n{message[:3000].decode(errors='replace')}")
