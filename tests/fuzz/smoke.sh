#!/bin/sh
# Builds every fuzz target and runs each for a few seconds: tests/fuzz/smoke.sh [SECONDS [PRESET]]
# PRESET: fuzz, or asan, which has the fuzz targets beside the tests. A crash leaves its input in build/PRESET/findings; run the target with
# that file to see it again.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-4}
preset=${2:-fuzz}
build=build/$preset

cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" --target fuzz_targets
mkdir -p "$build/findings"
seed() {  # seed TARGET FILE [PREFIX]: a file that is right, for the fuzzer to begin with
  mkdir -p "$build/corpus/$1"
  { printf %s "${3:-}"; cat "$2"; } > "$build/corpus/$1/seed"
}
seed campaign_fuzz tools/examples/weekly.toml 0
seed config_fuzz tools/examples/quickstart.toml
seed shaping_fuzz tools/examples/quickstart-shaping.toml
record() {  # record TARGET TEXT: the same for a text
  mkdir -p "$build/corpus/$1"
  printf %s "$2" > "$build/corpus/$1/seed"
}
record spf_fuzz 'v=spf1 +a:%{ir}.example.com/24//64 ?mx ~include:_spf.%{d2} -ptr ip4:192.0.2.0/24 ip6:2001:db8::/32 exists:%{L1r-}.%{p} redirect=%{o} exp=a.b'
record dmarc_fuzz 'v=DMARC1; p=none; sp=reject; np=none; adkim=s; aspf=r; psd=n; t=y; pct=50; rua=mailto:d@example.com'
record html_fuzz '<a class=x href="https://example.com/u?a=1&amp;b=2">unsubscribe</a><!-- x --><img alt=y>'
for target in "$build"/tests/fuzz/*_fuzz; do
  name=$(basename "$target")
  mkdir -p "$build/corpus/$name"
  if ! "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=60 -print_final_stats=1 -verbosity=0 \
      -artifact_prefix="$build/findings/$name." "$build/corpus/$name" 2> "$build/$name.log"; then
    cat "$build/$name.log"
    echo "fuzz: $name failed" >&2
    exit 1
  fi
  echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log") inputs"
done
echo "fuzz: all targets passed"
