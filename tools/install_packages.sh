#!/bin/sh
# Installs the Debian packages that are missing: tools/install_packages.sh build|test
# `build` is what the program needs, `test` adds what the tests and the sanitizers need. Needs root or sudo only if something is missing.
set -eu

build="g++ cmake ninja-build pkg-config liburing-dev libssl-dev libc-ares-dev libabsl-dev libtomlplusplus-dev libcli11-dev
nlohmann-json3-dev libsimdjson-dev libidn-dev libidn2-dev libjemalloc-dev libpcre2-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev python3 openssl"
test="$build libgtest-dev libgmock-dev libbenchmark-dev clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14 git
iproute2 util-linux python3-dkim libmail-dkim-perl php-cli python3-jsonschema valgrind linux-perf"

case "${1:-}" in
  build) wanted=$build ;;
  test) wanted=$test ;;
  *) echo "usage: $0 build|test" >&2; exit 2 ;;
esac

missing=""
for package in $wanted; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "$0: these Debian packages are missing, and there is no apt-get to install them:$missing" >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then
  sudo=""
elif command -v sudo >/dev/null; then
  sudo=sudo
else
  echo "$0: installing needs root or sudo; missing:$missing" >&2
  exit 1
fi
echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # words are wanted
if ! { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
    >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "$0: installing failed:$missing" >&2
  exit 1
fi
