#!/bin/sh
# Runs clang-tidy over the compile database, in parallel; what passed and did not change is not looked at again.
# Usage: tests/tidy/clang_tidy.sh BUILD_FOLDER [PATH_PREFIX...]
set -eu
exec python3 -B "$(dirname "$0")/clang_tidy.py" "$@"
