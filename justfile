# The recipes that continuous integration runs too (tests/run).

# every recipe
default:
    @just --list

# format and lints
check:
    cargo fmt --all -- --check
    cargo clippy --all-targets -- -D warnings

# everything that the tests need, and all tests
test:
    tests/run

# the demo: an order is paid and shipped through the gateway
demo *ARGS:
    cargo run --example orders -- {{ARGS}}

# kills everything under load, then compares every yes with the histories
ledger *ARGS:
    tests/ledger.sh {{ARGS}}

# feeds every parser with libFuzzer (needs a nightly toolchain)
fuzz *ARGS:
    tests/fuzz.sh {{ARGS}}

# ratios against baselines, side by side in one run
bench *ARGS:
    cargo bench --bench pipeline -- {{ARGS}}

# licenses, banned crates, duplicates (needs cargo-deny)
deny:
    cargo deny check
