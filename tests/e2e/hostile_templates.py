"""Random templates and rows that break mail software, each with what must arrive. A template is made as a tree; its Mustache text and what it
renders to both come from the tree, so that no reader of templates is needed to judge one."""

import dataclasses
import random

import hostile

# Where in a template the tags of a section stand on lines of their own is a matter of tests/unit; here something stands beside them.
FIELDS = ("a", "b", "c", "short")
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
BIG = 900_000  # Octets; a row may have a million.


def any_text(chance: random.Random, longest=400) -> str:
    """A text of all planes of Unicode, of control characters, line ends, lone dots, long lines, or a known troublemaker."""
    kind = chance.randrange(8)
    if kind == 0:
        return chance.choice(hostile.BODIES + hostile.SUBJECTS + hostile.NAMES)[:longest * 8]
    if kind == 1:
        return "".join(chr(chance.choice((chance.randrange(0xD800), chance.randrange(0xE000, 0x110000)))) for _ in range(chance.randrange(60)))
    if kind == 2:
        return "".join(chance.choice(("\r\n", "\n", "\r", ".", "..", " ", "\t", "a", "\x00", "From ", "--", "=", "\x85", "\u2028")) for _ in range(60))
    if kind == 3:
        return f"x\r\nBcc: victim@example.org\r\n\r\n.\r\n{chance.randrange(1000)}\r\n"
    if kind == 4:
        return chance.choice("xé漢") * chance.choice((76, 998, 999, 2000))
    if kind == 5:
        return " ".join("wörter" if chance.randrange(9) == 0 else "words" for _ in range(chance.randrange(longest)))
    return f"Person {chance.randrange(10 ** 6)}"


def rows_of(chance: random.Random, count: int, domain: str, has_big: bool) -> list:
    rows = []
    for number in range(count):
        row = {"email": f"r{number}@{domain}", "a": any_text(chance), "b": any_text(chance), "c": any_text(chance),
               "short": any_text(chance)[:60], "yes": True, "no": False, "items": [any_text(chance, 40) for _ in range(chance.randrange(4))]}
        if has_big and number == 1:  # Few of these: other people's verifiers take a second for each.
            row["items"] = row["items"][:1]
            unit = chance.choice(("x", "words and more ", "line\n", ".\n", "漢", "\r\n"))
            row["c"] = unit * (BIG // len(unit.encode("unicode_escape")))
        rows.append(row)
    return rows


@dataclasses.dataclass(frozen=True)
class Text:
    text: str

    def source(self) -> str:
        return self.text

    def render(self, row, escaped) -> str:
        return hostile.as_lines(self.text)


@dataclasses.dataclass(frozen=True)
class Field:
    name: str
    raw: bool = False

    def source(self) -> str:
        return f"{{{{{{{self.name}}}}}}}" if self.raw else f"{{{{{self.name}}}}}"

    def render(self, row, escaped) -> str:
        value = hostile.as_lines(row.get(self.name, ""))  # By itself: a CR at its end and a LF behind it are two line ends.
        return "".join(ESCAPES.get(c, c) for c in value) if escaped and not self.raw else value


@dataclasses.dataclass(frozen=True)
class Section:
    name: str
    parts: tuple
    inverted: bool = False

    def source(self) -> str:
        return f"[{{{{{'^' if self.inverted else '#'}{self.name}}}}}{''.join(part.source() for part in self.parts)}{{{{/{self.name}}}}}]"

    def render(self, row, escaped) -> str:
        value = row.get(self.name)
        if self.inverted:
            rounds = [row] if not value else []
        elif isinstance(value, list):
            rounds = [{**row, ".": item} for item in value]
        else:
            rounds = [row] if value else []
        return "[" + "".join(part.render(scope, escaped) for scope in rounds for part in self.parts) + "]"


@dataclasses.dataclass(frozen=True)
class Partial:
    name: str
    parts: tuple

    def source(self) -> str:
        return f"({{{{> {self.name} }}}})"

    def render(self, row, escaped) -> str:
        return "(" + "".join(part.render(row, escaped) for part in self.parts) + ")"


def literal(chance: random.Random) -> Text:
    return Text(any_text(chance).replace("{", "(").replace("}", ")"))


def parts_of(chance: random.Random, partials=(), names=FIELDS, most=6, depth=0) -> tuple:
    parts = []
    for _ in range(chance.randrange(1, most)):
        kind = chance.randrange(7)
        if kind <= 1:
            parts.append(literal(chance))
        elif kind <= 4:
            parts.append(Field(chance.choice(names), chance.randrange(4) == 0))
        elif kind == 5 and partials:
            parts.append(chance.choice(partials))
        elif depth < 2:
            name = chance.choice(("yes", "no", "items", "absent"))
            inner = (Field("."),) if name == "items" else ()
            parts.append(Section(name, inner + parts_of(chance, partials, names, 4, depth + 1), chance.randrange(3) == 0 and name != "items"))
    return joined(*parts)


def joined(*parts) -> tuple:
    """The same with texts that follow each other as one."""
    out = []
    for part in parts:
        if out and isinstance(part, Text) and isinstance(out[-1], Text):
            out[-1] = Text(out[-1].text + part.text)
        else:
            out.append(part)
    return tuple(out)


def source(parts) -> str:
    return "".join(part.source() for part in parts)


def render(parts, row, escaped=False) -> str:
    return "".join(part.render(row, escaped) for part in parts)


class Template:
    """A message, as a campaign's keys and as what it must be for a row."""

    def __init__(self, number: int, seed: int):
        chance = random.Random(f"{seed} {number}")
        header_fields = ("a", "b", "short")
        self.partials = [Partial("one", parts_of(chance))]
        self.partials.append(Partial("two/b", parts_of(chance, self.partials)))
        end = (Text(chance.choice(("\n", "\r\n", "end.\n"))),)
        self.kind = ("both", "text", "html", "eml")[number % 4]
        self.text = joined(Text("Hello "), *parts_of(chance, self.partials, most=10), *end)
        self.html = joined(Text("<p>"), *parts_of(chance, self.partials, most=10), Text("</p>"), *end)
        self.subject = joined(Text("S "), *parts_of(chance, (), header_fields))
        self.note = joined(Text("N "), *parts_of(chance, (), header_fields))
        self.to_name = (Field(chance.choice(header_fields)),)
        self.from_name = chance.choice(hostile.NAMES).replace("{", "(")
        self.rows_miss_fields = number % 3 == 0
        if self.kind == "eml":
            self.text, self.html = ((Text("Hello "), Field("a"), Text(" — €\nand\n.\n"), Section("items", (Field("."),)), Field("c"), Text("\n")),
                                    (Text("<p title='é'>"), Field("b"), Partial("one", self.partials[0].parts), Text("</p>\n")))

    def fits_big_values(self) -> bool:
        """Whether the field that may be big stands in the message, and not so often that its readers take minutes."""
        keys = self.message_keys()
        return 1 <= sum(keys.get(key, "").count("c}}") for key in ("text", "html")) <= 2 and "c}}" not in str(keys["partials"])

    def message_keys(self) -> dict:
        keys = {"subject": source(self.subject), "on_missing": "empty", "headers": {"X-Note": source(self.note)},
                "partials": {partial.name: source(partial.parts) for partial in self.partials}}
        if self.kind == "eml":
            keys["eml"] = ("MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"b\"\n\n"
                           "--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + source(self.text) +
                           "\n--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + source(self.html) + "\n--b--\n")
            return keys
        if self.kind != "html":
            keys["text"] = source(self.text)
        if self.kind != "text":
            keys["html"] = source(self.html)
        return keys

    def texts(self, row) -> dict:
        """What arrives, by media type."""
        texts = {}
        if self.kind != "html":
            texts["text/plain"] = render(self.text, row)
        if self.kind != "text":
            texts["text/html"] = render(self.html, row, escaped=True)
        return texts
