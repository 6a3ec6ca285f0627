#!/bin/sh
# Installs what is missing, builds, and rehearses a campaign of 100,000 recipients against the built-in sandbox: no mail leaves this machine.
# Then it compares, recipient by recipient, what the ledger says with what the sandbox's mail exchangers saw. usage: tools/quickstart.sh [ROWS]
set -eu
cd "$(dirname "$0")/.."
rows=${1:-100000}
case "$rows" in '' | *[!0-9]*) echo "usage: tools/quickstart.sh [ROWS]" >&2; exit 2 ;; esac

tools/install_packages.sh build
cmake --preset release -DBUILD_TESTING=OFF -B build/quickstart >/dev/null
cmake --build build/quickstart --target sluice
exec python3 tools/examples/rehearse.py --sluice build/quickstart/sluice --rows "$rows" --personality faultfree --openssl
