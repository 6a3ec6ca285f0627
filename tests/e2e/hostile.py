"""Texts that break mail software, for every place of a message that a recipient's data can reach."""

import itertools
import re

# A few characters of each of the 17 planes of Unicode: first, last, and some between, noncharacters left out.
PLANES = ["".join(chr(plane * 0x10000 + offset) for offset in (0x0021, 0x00E9, 0x2603, 0x9FFF, 0xE000, 0xFFFD)) for plane in range(17)]
SCRIPTS = "Grüße · Ελληνικά · Русский · עברית · العربية · हिन्दी · 日本語 · 한국어 · ภาษาไทย · 👩‍👩‍👧‍👦 · 🏳️‍🌈 · e\u0301 · \u202eabc\u202c"

BODIES = [
    "", ".", "..", "...", ".\n.\n", "a\n.\nb", "a\r\n.\r\nQUIT\r\n", "\n.\n", "\r\n.\r\n", "\n.\r", "\r.\n", "\r.\r", "\r\n.\n", "\r\n.\r",
    "\r\n\x00.\r\n", ".\rMAIL FROM:<a@b.c>\r", "x" * 998, "x" * 999, ("y" * 998 + "\n") * 3, "." + "z" * 997, ". " + "z " * 600, "word" * 5000,
    "From the start\nFrom: me\n>From there\nfrom here", "trailing space \ntrailing tab\t\n \n\t\n", "bare\rCR and bare\nLF and both\r\nends\n\r",
    "NUL \x00 inside, ESC \x1b[31m, DEL \x7f, C1 \x85\x9b", "=?utf-8?q?not_decoded?= =20 =\n=3D=", "Subject: not a header\nTo: nobody\n\nbody",
    "--\n--=_\n--=_a--\nContent-Type: text/html\n\n<b>", "<script>alert('&amp;\"')</script> & < > \" '", "{{first_name}} {{{email}}} {{/x}}",
    "\u2028line\u2029paragraph\u0085next", "\ufeffmark", SCRIPTS, SCRIPTS * 40, *PLANES, "".join(PLANES) * 10,
]
SUBJECTS = [
    "", " ", "plain", "=?utf-8?q?not_decoded?=", "=?utf-8?b?bm90?= =?utf-8?b?ZGVjb2RlZA==?=", "=? half of =?utf-8?x", "two  spaces   here",
    "end\r\nBcc: victim@example.org\r\n\r\nbody", "bare\rBcc: x", "bare\nBcc: x", "NUL\x00NUL", "tab\ttab", " leading and trailing ", SCRIPTS,
    "long " * 400, "w" * 76, "w" * 900, "w" * 3000, "ü" * 1000, "🎉" * 300, "e\u0301" * 200, "a" * 60 + " " + "ü" * 60 + " " + "b" * 60,
    "Re: \"quoted\" <tag> (comment); a, b: c", "\\backslash\\", "\x1b[2J", "\u2028x\u2029", *PLANES,
]
NAMES = [
    "", "Plain Name", 'Quote "Q" Name', "Comma, Name", "O'Brien; Group: x", "back\\slash", "=?utf-8?q?not_decoded?=", "=?=?=", "a@b.c",
    "<other@example.org>", "(comment) name", "CR\r\nBcc: victim@example.org", "bare\rCR", "bare\nLF", "NUL\x00", "Jörg Müller, \"Chef\"",
    SCRIPTS, "n" * 70, "n" * 500, "ñ" * 300, "Dots. In. Name.", "@", ",", '"', "\\", "'", "Ünï \"Q\" <a@b>, c", "  spaces   inside  ", *PLANES,
]


def rows(domain: str):
    """One recipient per hostile text: as many rows as the longest list, and every list to its end, over and over."""
    count = max(len(BODIES), len(SUBJECTS), len(NAMES))
    texts = zip(itertools.cycle(BODIES), itertools.cycle(SUBJECTS), itertools.cycle(NAMES))
    return [{"email": f"r{number}@{domain}", "body": body, "title": title, "name": name}
            for number, (body, title, name) in enumerate(itertools.islice(texts, count))]


def as_header(text: str) -> str:
    """What arrives of a text in a header: a run of control characters and line ends is one space, and no space is at the ends."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip(" ")


def as_lines(text: str) -> str:
    """What arrives of a text in a body: every kind of line end as one."""
    return re.sub(r"\r\n|\r|\n", "\n", text)
