#!/bin/sh
# Builds every fuzz target and runs each for a few seconds: tests/fuzz/smoke.sh [SECONDS]
# A crash leaves its input in build/fuzz/findings; run the target with that file to see it again.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-4}

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzz_targets
mkdir -p build/fuzz/findings
seed() {  # seed TARGET FILE [PREFIX]: a file that is right, for the fuzzer to begin with
  mkdir -p "build/fuzz/corpus/$1"
  { printf %s "${3:-}"; cat "$2"; } > "build/fuzz/corpus/$1/seed"
}
seed campaign_fuzz tools/examples/weekly.toml 0
seed config_fuzz tools/examples/quickstart.toml
seed shaping_fuzz tools/examples/quickstart-shaping.toml
for target in build/fuzz/tests/fuzz/*_fuzz; do
  name=$(basename "$target")
  mkdir -p "build/fuzz/corpus/$name"
  if ! "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -verbosity=0 \
      -artifact_prefix="build/fuzz/findings/$name." "build/fuzz/corpus/$name" 2> "build/fuzz/$name.log"; then
    cat "build/fuzz/$name.log"
    echo "fuzz: $name failed" >&2
    exit 1
  fi
  echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") inputs"
done
echo "fuzz: all targets passed"
