#!/usr/bin/env python3
"""Writes a realistic recipients list for rehearsals, and what a correct sender must count in it.

    generate_recipients.py --rows 100000 --seed 1 --out DIR

writes DIR/recipients.csv (RFC 4180, UTF-8) and DIR/unsubscribed.txt, and prints one JSON object:
rows, invalid, duplicate, suppressed, recipients, domains. The same seed gives the same files.
Nobody is written to: the names are those of real providers, for the sandbox, which serves every domain.
"""
import argparse
import csv
import json
import os
import random
import sys

# Share of the recipients in per mille; what is left goes to many small domains.
LARGE = [("gmail.com", 310), ("outlook.com", 45), ("hotmail.com", 95), ("yahoo.com", 85), ("icloud.com", 35), ("aol.com", 20),
         ("live.com", 15), ("gmx.de", 22), ("web.de", 20), ("orange.fr", 15), ("wanadoo.fr", 7), ("yahoo.co.uk", 10), ("me.com", 8),
         ("gmx.net", 6), ("googlemail.com", 6), ("ymail.com", 4), ("msn.com", 6), ("hotmail.co.uk", 8), ("hotmail.fr", 9),
         ("yahoo.fr", 8), ("yahoo.de", 5), ("mac.com", 2)]
DOMAINS = 2000
WORDS = ("alpine amber arbor atlas bakery birch blue bright cedar city clear cloud coast copper craft crown delta dental eagle east elm "
         "ember fair farm field forest garden global gold granite green harbor hill home iron island jade lake law light linen maple "
         "market meadow media metal mill modern north oak ocean olive orchard park pearl pine plain prime quartz quick river rock rose "
         "sage school sea shore silver sky smart solar south spring star stone studio summit sun swift tech terra tower trade union "
         "urban valley view vine vision water west wild wind wood works yard young").split()
TLDS = ["com", "com", "com", "net", "org", "de", "co.uk", "fr", "io", "nl", "it", "es", "com.br", "co.jp", "pl", "se"]

# First and last names that belong together; the address is made of the ASCII ones.
NAMES = {
    "latin": (["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ines", "James", "Kate", "Liam", "Maria", "Noah",
               "Olivia", "Paul", "Quinn", "Rosa", "Simon", "Tara"],
              ["Adams", "Baker", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Hughes", "Jones", "Klein", "Lopez", "Miller",
               "Novak", "O'Brien", "Peters", "Rossi", "Smith", "Taylor", "Van der Berg", "Walker"]),
    "accents": (["Jürgen", "Zoë", "François", "Søren", "Łukasz", "Núria", "Çağla", "Žofie"],
                ["Müller", "Nguyễn", "Gonçalves", "Ångström", "Kowalčuk", "Peña", "Özdemir", "Dvořák"]),
    "greek": (["Ελένη", "Γιώργος", "Μαρία"], ["Παπαδόπουλος", "Νικολάου", "Δημητρίου"]),
    "cyrillic": (["Анна", "Дмитро", "Ольга"], ["Иванова", "Шевченко", "Петрова"]),
    "han": (["小明", "静", "伟"], ["王", "李", "張"]),
    "kana": (["さくら", "ハルト", "ゆい"], ["田中", "すずき", "高橋"]),
    "hangul": (["민준", "서연", "지우"], ["김", "이", "박"]),
    "arabic": (["فاطمة", "محمد", "ليلى"], ["الحسن", "حداد", "منصور"]),
    "hebrew": (["נועה", "איתן", "תמר"], ["כהן", "לוי", "מזרחי"]),
    "devanagari": (["आरव", "प्रिया", "अनन्या"], ["शर्मा", "पटेल", "सिंह"]),
    "thai": (["สมชาย", "มาลี"], ["ใจดี", "ศรีสุข"]),
    "emoji": (["Sam 🌻", "Alex ☕"], ["Reed", "Stone"]),
}
SCRIPTS = ["latin"] * 60 + ["accents"] * 14 + ["greek", "cyrillic", "cyrillic", "han", "han", "kana", "hangul", "arabic", "hebrew",
                                                "devanagari", "thai", "emoji"]
CITIES = ["Berlin", "Lyon", "São Paulo", "Zürich", "大阪", "Αθήνα", "Київ", "Washington, D.C.", 'The "Big" Apple',
          "1 Long Road\nFlat 2\nLeeds", "New York", "Kraków", "القاهرة", "Cork"]
SEGMENTS = ["news", "offers", "sport", "culture"]

# No mailbox address by any reading of RFC 5321; format 1 refuses domain literals.
INVALID = ["", "no-at-sign", "two@@{d}", "@{d}", "dot..dot{n}@{d}", ".lead{n}@{d}", "trail{n}.@{d}", "space {n}@{d}", "user{n}@",
           "user{n}@-bad.{d}", "user{n}@{d}..com", "<user{n}@{d}>", "user{n}@[192.0.2.1]", "a" * 65 + "{n}@{d}", "user{n},x@{d}",
           "user{n}@" + "x" * 64 + ".com"]
INVALID_SHARE, DUPLICATE_SHARE, SUPPRESSED_SHARE = 0.004, 0.006, 0.005


def small_domains(rng, count):
    names = set()
    while len(names) < count:
        names.add("%s-%s.%s" % (rng.choice(WORDS), rng.choice(WORDS), rng.choice(TLDS)))
    return sorted(names)


class Domains:
    """Draws a domain: a large one by its share, else a small one, the n-th with weight 1 / (n + 20)."""

    def __init__(self, rng):
        self.rng = rng
        self.names = [name for name, _ in LARGE] + small_domains(rng, DOMAINS - len(LARGE))
        small = len(self.names) - len(LARGE)
        rest = 1000 - sum(weight for _, weight in LARGE)
        raw = [1 / (n + 20) for n in range(small)]
        total = sum(raw)
        weights = [float(weight) for _, weight in LARGE] + [value * rest / total for value in raw]
        self.cumulative = []
        at = 0.0
        for weight in weights:
            at += weight
            self.cumulative.append(at)

    def draw(self):
        return self.rng.choices(self.names, cum_weights=self.cumulative)[0]


def local_part(rng, number):
    first = rng.choice(NAMES["latin"][0]).lower()
    last = rng.choice(NAMES["latin"][1]).lower().replace("'", "").replace(" ", "")
    # The number makes each address unique; some have the other characters that addresses may have.
    form = rng.randrange(10)
    if form < 5:
        return "%s.%s%d" % (first, last, number)
    if form < 8:
        return "%s%s%d" % (first[0], last, number)
    if form == 8:
        return "%s+%s%d" % (first, rng.choice(SEGMENTS), number)
    return "%s_%s-%d" % (first, last, number)


def other_case(rng, address):
    """The same mailbox, typed differently."""
    changed = "".join(c.upper() if rng.random() < 0.5 else c for c in address)
    return changed if changed != address else address.upper()


def fields(rng):
    script = NAMES[rng.choice(SCRIPTS)]
    first = rng.choice(script[0]) if rng.random() > 0.05 else ""
    return [first, rng.choice(script[1]), rng.choice(CITIES), rng.choice(SEGMENTS)]


def generate(rows, rng, writer, suppression):
    counts = dict(rows=rows, invalid=0, duplicate=0, suppressed=0, recipients=0)
    domains = Domains(rng)
    used_domains = set()
    earlier = []  # Addresses that later rows may repeat: every row of them was valid and not suppressed.
    for row in range(1, rows + 1):
        kind = rng.random()
        if kind < INVALID_SHARE:
            address = rng.choice(INVALID).format(d=domains.draw(), n=row)
            counts["invalid"] += 1
        elif kind < INVALID_SHARE + DUPLICATE_SHARE and earlier:
            address = other_case(rng, rng.choice(earlier))
            counts["duplicate"] += 1
        else:
            domain = domains.draw()
            address = "%s@%s" % (local_part(rng, row), domain)
            if kind > 1 - SUPPRESSED_SHARE:
                suppression.append(address if rng.random() < 0.5 else other_case(rng, address))
                counts["suppressed"] += 1
            else:
                counts["recipients"] += 1
                used_domains.add(domain)
                if len(earlier) < 10000:
                    earlier.append(address)
        writer.writerow(["s%07d" % row, address] + fields(rng))
    counts["domains"] = len(used_domains)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default=".", metavar="DIR")
    arguments = parser.parse_args()
    if arguments.rows < 1:
        parser.error("--rows must be at least 1")
    os.makedirs(arguments.out, exist_ok=True)
    rng = random.Random(arguments.seed)
    suppression = []
    with open(os.path.join(arguments.out, "recipients.csv"), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)  # CRLF, quotes where needed: RFC 4180.
        writer.writerow(["subscriber_id", "email", "first_name", "last_name", "city", "segment"])
        counts = generate(arguments.rows, rng, writer, suppression)
    with open(os.path.join(arguments.out, "unsubscribed.txt"), "w", encoding="utf-8", newline="\n") as file:
        for address in suppression:
            file.write(address + "\n")
    json.dump(counts, sys.stdout)
    print()


if __name__ == "__main__":
    main()
