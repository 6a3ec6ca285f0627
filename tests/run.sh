#!/bin/sh
# Installs what is missing, builds, and runs the tests: tests/run.sh [--soak]
# --soak adds what is too long for every change: many more simulation seeds, and the large campaigns.
set -eu
cd "$(dirname "$0")/.."

soak=""
case "${1:-}" in
  "") ;;
  --soak) soak=--soak ;;
  *) echo "usage: tests/run.sh [--soak]" >&2; exit 2 ;;
esac

tools/install_packages.sh test
cmake --preset release >/dev/null
cmake --build --preset release
ctest --preset release --parallel "$(nproc)"
python3 tests/e2e/run.py --build build/release $soak
if [ -n "$soak" ]; then
  share=$((20000 / $(nproc)))
  simulations=""
  for i in $(seq "$(nproc)"); do
    build/release/tests/sim/simulate --seed $(((i - 1) * share + 1)) --seeds $share --quiet &
    simulations="$simulations $!"
  done
  for simulation in $simulations; do wait "$simulation"; done
  build/release/tests/sim/simulate --hidden-limits --seeds 2000 --quiet
  bench/run.py --build build/release --domains
  SLUICE_SOAK=9 build/release/tests/dkim_test --gtest_filter='BatchRsa*'
  if grep -q avx512ifma /proc/cpuinfo; then SLUICE_SOAK=9 build/release/tests/constant_time_avx512; fi
fi
echo "tests/run.sh: all passed"
