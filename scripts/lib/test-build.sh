# shellcheck shell=bash
# What cargo is told wherever tests run: with other flags it would build most of the program once more. Sourced.

# shellcheck disable=SC2034 # used by whoever sources this
TEST_BUILD=(--workspace --locked --features fault-injection,grpc)
