# shellcheck shell=bash
# What cargo is told wherever tests run: with other flags it would build most of the program once more. Sourced.

# shellcheck disable=SC2034 # used by whoever sources this
TEST_BUILD=(--workspace --locked --features "fault-injection,amqp,grpc")

# What helps the next build after a small change makes the first one longer, and fills 18 GB. Where somebody builds by
# hand it is there already and goes on: turning it off would build everything anew.
[ -d "${CARGO_TARGET_DIR:-target}/debug/incremental" ] || export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
