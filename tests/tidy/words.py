"""Words that may not stand in the project's files, each with what to write instead."""

import re

# pattern, what to write instead, files that may have it (and why)
CODE_WORDS = [
    (r"\bco_(await|yield|return)\b", "callbacks: g++ 12 miscompiles coroutines", []),
    (r"\bthrow\b", "absl::Status, an enum or CHECK", []),
    (r"\bstd::(views|ranges::views)\b", "a loop: clang 14 rejects views", []),
    (r"\b\w+_clock::now\b", "io::Clock, read once per turn", ["engine/io/*", "bench/*"]),
    (r"\babsl::string_view\b", "std::string_view and base::AbslView", ["engine/base/*"]),
    (r"\bstd::source_location\b", "__FILE__ and __LINE__: clang 14 has none", []),
    (r"\bthread_local\b", "a member of the object that needs it", []),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.])sleep\(", "a timer, or the event that is waited for", []),
]
PYTHON_WORDS = [
    # One bounded wait for what another process does; it says what did not happen.
    (r"\bsleep\(", "wait_until of tests/e2e", ["tests/e2e/servers.py"]),
]
SHELL_WORDS = [
    (r"(^|[;&|]|\bdo\b|\bthen\b)\s*sleep\b", "waiting for the event itself, with a limit", []),
]
# In every text file, comments and documents included.
TEXT_WORDS = [
    (r"\b(TODO|FIXME|XXX|HACK)\b", "do it, or leave it out", []),
    (r"\b[Ff]or now\b", "say what holds", []),
    (r"\b[Dd]ummy\b", "its name in the field", []),
]
# Where the project was made is nobody's business.
MACHINE_PATHS = [
    (r"(?<![\w.$}~-])/(work|root)/[\w.]", "a path relative to the repository"),
    (r"(?<![\w.$}~-])/(home|Users)/\w", "a path relative to the repository"),
    (r"(?<![\w.$}~-])/tmp/(b|brief|bash_jobs)\b", "a path in the build folder"),
]
RELATIVE_INCLUDE = (r'^\s*#\s*include\s+"\.\.?/', "the full path from the repository root")


def compiled(table):
    return [(re.compile(entry[0], re.MULTILINE), *entry[1:]) for entry in table]
