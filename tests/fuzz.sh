#!/usr/bin/env bash
# Every parser that strangers reach, fed by libFuzzer under AddressSanitizer: no panic, no hang, no growth.
#
#   tests/fuzz.sh [--seconds N] [--jobs N] [PARSER…]      all parsers, 600 s each, two at a time
#
# Needs a nightly toolchain (`rustup toolchain install nightly`); installs cargo-fuzz into target/. An input takes 10 s at
# most, and memory stays below 1 GiB. What was found lies in target/fuzz/artifacts; a second run goes on with the inputs of
# the first. Without nightly, tests/fuzz.rs feeds the same parsers.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.13.2
seconds=600 jobs=2 parsers=()
while (($#)); do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift 2 ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift 2 ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit ;;
    -*) echo "fuzz: $1 is no option (--help)" >&2; exit 2 ;;
    *) parsers+=("$1"); shift ;;
  esac
done
known=()
for file in fuzz/fuzz_targets/*.rs; do known+=("$(basename "$file" .rs)"); done
((${#parsers[@]})) || parsers=("${known[@]}")
for parser in "${parsers[@]}"; do
  [[ -f fuzz/fuzz_targets/$parser.rs ]] || { echo "fuzz: no parser \`$parser\`; there are: ${known[*]}" >&2; exit 2; }
done
cargo +nightly --version > /dev/null 2>&1 || { echo "fuzz: needs a nightly toolchain: rustup toolchain install nightly" >&2; exit 2; }

work=$PWD/target/fuzz
mkdir -p "$work"/{corpus,artifacts,logs}
if [[ $("$work/bin/cargo-fuzz" --version 2> /dev/null) != *" $version" ]]; then
  echo "fuzz: installing cargo-fuzz $version"
  cargo install --quiet --locked --root "$work" --target-dir "$work/tool" "cargo-fuzz@$version"
fi
echo "fuzz: writing what to start with"
SIGNALPOST_FUZZ_CORPUS=$work/seeds cargo test --quiet --test suite -- --exact fuzz::seeds_are_files_for_the_targets > /dev/null
echo "fuzz: building ${#parsers[@]} targets (the first time takes minutes)"
# The versions that the product is built with.
cp Cargo.lock fuzz/Cargo.lock
for parser in "${parsers[@]}"; do
  RUSTUP_TOOLCHAIN=nightly "$work/bin/cargo-fuzz" build --fuzz-dir fuzz --target-dir "$work/build" "$parser" > "$work/logs/build" 2>&1 \
    || { tail -n 30 "$work/logs/build" >&2; exit 1; }
done

feed() {
  local parser=$1 log=$work/logs/$1 binary
  binary=$(ls "$work"/build/*/release/"$parser")
  mkdir -p "$work/corpus/$parser" "$work/artifacts/$parser"
  if "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$work/artifacts/$parser/" "$work/corpus/$parser" "$work/seeds/$parser" > "$log" 2>&1; then
    printf '%s: %s inputs, at most %s MiB\n' "$parser" "$(stat_of number_of_executed_units "$log")" "$(stat_of peak_rss_mb "$log")"
  else
    printf '%s: FAILED, see %s and %s\n' "$parser" "$log" "$work/artifacts/$parser"
    return 1
  fi
}
stat_of() { sed -n "s/^stat::$1: *//p" "$2"; }

echo "fuzz: ${parsers[*]}: $seconds s each, $jobs at a time"
failed=0 running=0
for parser in "${parsers[@]}"; do
  if ((running == jobs)); then
    wait -n || failed=1
    running=$((running - 1))
  fi
  feed "$parser" &
  running=$((running + 1))
done
while ((running)); do
  wait -n || failed=1
  running=$((running - 1))
done
((failed)) && exit 1
echo "fuzz: nothing found"
