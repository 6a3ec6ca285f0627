"""The layer table: which module may include which. It is the table of engine/README.md, and check.py holds every #include line to it.

MODULES is searched from the top; the first pattern that matches a file decides its module. A module may include itself, what is listed,
and nothing else of the project. "*" matches across folders.
"""

from fnmatch import fnmatchcase

# module, its files, what else it may include
MODULES = [
    # Layer 0
    ("base", ["engine/base/*"], []),
    # Layer 1: pure, on base only
    ("config", ["engine/config/*"], ["base"]),
    ("campaign", ["engine/campaign/*"], ["base"]),
    ("message", ["engine/message/*"], ["base"]),
    ("dkim", ["engine/dkim/*"], ["base", "message"]),
    ("smtp", ["engine/smtp/*"], ["base"]),
    ("tls", ["tls/*"], ["base"]),
    ("ledger_records", ["engine/ledger/record*"], ["base"]),
    ("dns_cares", ["dns/cares_*"], ["base", "dns", "dns_driver", "io"]),                       # Layer 3
    ("dns_driver", ["dns/cached_resolver*"], ["base", "dns", "io"]),         # Layer 3: timers and clocks
    ("dns", ["dns/*"], ["base"]),
    # Layer 2: the only code that knows the kernel
    ("io", ["engine/io/*"], ["base"]),
    # Layer 3
    ("ledger", ["engine/ledger/*"], ["base", "io", "ledger_records"]),
    ("roster", ["engine/roster/*"], ["base", "campaign", "message", "io"]),
    ("report", ["engine/report/*"], ["base", "message", "io", "ledger", "ledger_records", "roster"]),
    # Layer 4
    ("preflight", ["engine/preflight/*"], ["base", "dns", "dkim"]),
    ("delivery", ["engine/delivery/*"], [
        "base", "config", "campaign", "message", "dkim", "smtp", "tls", "dns", "dns_driver", "io", "ledger", "ledger_records", "roster"]),
    # Layer 5
    ("engine", ["engine/*"], ["*"]),
    # Layer 6. The sandbox stands in for the world outside: it shares no code with what it judges.
    ("sandbox", ["tools/sandbox/*"], ["base", "io", "dns"]),
    ("tools", ["tools/*"], ["*"]),
    ("bench", ["bench/*"], ["*"]),
    ("tests", ["tests/*"], ["*"]),
]

# Modules of the upper layers, which "*" opens to the ones above them only.
UPPER = {"engine": [], "tools": ["engine", "sandbox"], "bench": ["engine", "sandbox", "tools"],
         "tests": ["engine", "sandbox", "tools", "bench"]}

# header, the only files that may include it
RESERVED_HEADERS = [
    # The simulator runs the shard on its own kernel and its own DNS.
    ("engine/io/uring_*", ["engine/*", "tests/unit/io/*", "tools/*", "bench/*"]),
    ("engine/io/epoll_*", ["engine/*", "tests/unit/io/*", "tools/*", "bench/*"]),
    ("dns/cares_*", ["dns/cares_*", "engine/*", "tests/unit/dns/*", "tools/*", "bench/*"]),
    # Third-party libraries each have one home.
    ("ares*.h", ["dns/cares_*"]),
    ("liburing*", ["engine/io/uring_*"]),
    ("openssl/*", ["tls/*", "engine/dkim/*", "engine/smtp/scram_keys*", "engine/campaign/*", "engine/roster/*", "tools/*", "tests/unit/*",
                   "bench/*"]),
    ("idn-free.h", ["engine/smtp/sasl_prep*"]),
    ("stringprep.h", ["engine/smtp/sasl_prep*"]),
    ("pcre2.h", ["engine/base/pattern*"]),
    ("toml++/*", ["engine/config/*", "engine/campaign/*", "tools/*", "tests/unit/*"]),
    ("CLI/*", ["tools/*", "bench/*"]),
    ("curl/*", ["tls/*"]),
]

# The kernel's headers: only io, the tools, and the files named here know it.
KERNEL_HEADERS = ["sys/*", "linux/*", "netinet/*", "net/*", "arpa/*", "fcntl.h", "unistd.h", "poll.h", "netdb.h", "dirent.h", "ifaddrs.h",
                  "sched.h", "pthread.h", "termios.h", "signal.h", "csignal", "dlfcn.h", "spawn.h"]
KERNEL_USERS = [
    "engine/io/*", "tools/*", "bench/*", "tests/*",
    "engine/base/ip_address.cc",      # inet_pton: no system call
    "engine/campaign/*source*",       # a file descriptor as a stream of bytes
    "dns/cares_*",                    # sockets and addresses in c-ares' interface
]
# ... and among the tests, the simulator does not.
KERNEL_NEVER = ["tests/sim/*"]


def matches(path, patterns):
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def module_of(path):
    for name, patterns, _ in MODULES:
        if matches(path, patterns):
            return name
    return None


def include_fault(path, header):
    """What is wrong with `path` including `header` (as written between the quotes or brackets); None: nothing."""
    for pattern, users in RESERVED_HEADERS:
        if fnmatchcase(header, pattern) and not matches(path, users):
            return f"{header} may be included only by {', '.join(users)}"
    if matches(header, KERNEL_HEADERS) and (matches(path, KERNEL_NEVER) or not matches(path, KERNEL_USERS)):
        return f"{header} is the kernel's: only engine/io and the tools may know it; go through engine/io"
    source, target = module_of(path), module_of(header)
    if target is None or source is None or source == target:
        return None
    allowed = next(uses for name, _, uses in MODULES if name == source)
    if target in allowed or ("*" in allowed and (target not in UPPER or target in UPPER[source])):
        return None
    return f"{source} may not include {header}: it may use {', '.join(allowed) or 'nothing'}"
