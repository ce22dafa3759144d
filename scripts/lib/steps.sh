# shellcheck shell=bash
# Runs the steps of scripts/test, some side by side, and tells how they went. Sourced by it.
#
# A step NAME is the function step_NAME. It runs in a process of its own (scripts/test --inside NAME), so that `set -e`
# holds in it and what it changes stays there. What it prints goes to STEPS_DIR/NAME.log.

STEPS_DIR=target/test

# Runs one step, and prints its output when it is done: all of it where the step failed, else the lines that count.
run_step() {
    local name=$1 status=0 times
    echo "-- $name begins ($SECONDS s)"
    rm -f "$STEPS_DIR/$name".{log,result}
    TIMEFORMAT='%R %U %S'
    { time "$BASH" "$0" --inside "$name" >"$STEPS_DIR/$name.log" 2>&1 </dev/null; } 2>"$STEPS_DIR/$name.time" || status=$?
    times=$(tail -n 1 "$STEPS_DIR/$name.time")
    echo "$status $times $(count_tests "$STEPS_DIR/$name.log")" >"$STEPS_DIR/$name.result.new"
    # Only then is it there, and whole, for a step that waits for it.
    mv "$STEPS_DIR/$name.result.new" "$STEPS_DIR/$name.result"
    (
        # One at a time, or the outputs would mix.
        flock 9
        if [ "$status" -eq 0 ]; then
            printf '\n== %s passed (%s s)\n' "$name" "${times%% *}"
            closing_lines "$STEPS_DIR/$name.log"
        else
            printf '\n== %s FAILED with %s (%s s)\n' "$name" "$status" "${times%% *}"
            cat "$STEPS_DIR/$name.log"
        fi
    ) 9>"$STEPS_DIR/lock"
    return "$status"
}

# Runs steps one after the other. A step that fails keeps no other one from running.
run_lane() {
    local name
    for name in "$@"; do
        run_step "$name" || true
    done
}

# Waits until another lane is done with a step; whether it went well.
wait_for_step() {
    local status
    while [ ! -e "$STEPS_DIR/$1.result" ]; do sleep 0.2; done
    read -r status _ <"$STEPS_DIR/$1.result"
    [ "$status" -eq 0 ] || {
        echo "not run, because the step $1 failed"
        return 1
    }
}

# The lines in which a test runner says how it went, and what was left out.
closing_lines() {
    grep -E '^(test result: |ℹ (pass|fail) |Ran [0-9]+ test|[0-9]+ passed, [0-9]+ failed$|NOT [A-Z]+:|SKIPPED )|left out' "$1" || true
}

# Prints how many tests passed and how many failed, summed from what the runners in this output say of themselves:
# cargo's, node's, Python's, and our own programs' "N passed, N failed".
count_tests() {
    awk '
        /^test result: / { for (i = 1; i < NF; i++) { if ($(i+1) == "passed;") p += $i; if ($(i+1) == "failed;") f += $i } }
        /^ℹ pass / { p += $3 }
        /^ℹ (fail|cancelled) / { f += $3 }
        /^Ran [0-9]+ tests? in / { p += $2 }
        /^FAILED \(/ { n = 0; line = $0; while (match(line, /(failures|errors)=[0-9]+/)) {
            split(substr(line, RSTART, RLENGTH), part, "="); n += part[2]; line = substr(line, RSTART + RLENGTH) }
            p -= n; f += n }
        /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
        END { print p + 0, f + 0 }
    ' "$1"
}

# Prints the names of the tests that failed in this output, as the runners write them.
failed_tests() {
    sed -nE \
        -e 's/^test (.*) \.\.\. FAILED$/\1/p' \
        -e '/^✖ failing tests:/b' \
        -e 's/^ *✖ (.*) \([0-9.]+ms\)$/\1/p' \
        -e 's/^(FAIL|ERROR): (.*)$/\2/p' \
        -e 's/^FAILED ([a-z][a-z-]*) +[0-9].*$/\1/p' \
        -e 's/^([a-z_]+) +FAILED: .*$/\1/p' \
        "$1" | sort -u
}

# Prints the first lines of why tests failed, of this output: whoever sees nothing but the end of a run needs no more.
failure_reasons() {
    awk '
        function begin(name) { left = 9; print "  | " name }
        /^---- .* stdout ----$/ { begin($2); next }
        /^✖ failing tests:/ { told = 1; next }
        told && /^ *✖ / { sub(/^ *✖ /, ""); begin($0); next }
        /^(FAIL|ERROR): / { begin($2); next }
        /^thread .* panicked at / && left <= 0 { begin("a panic") }
        /^WRONG: / && left <= 0 { begin("what was wrong") }
        /^ +at / || /^ *$/ { next }
        left > 0 { left--; print "  |   " substr($0, 1, 200) }
    ' "$1" | head -n 40
}

# Prints where the time went, what failed, and the totals; whether all went well. A step that failed while no test of it
# did counts as one that failed.
tell_all() {
    local name status real user sys passed failed verdict total_passed=0 total_failed=0 wrong=()
    printf '\n%-10s %-8s %9s %9s %7s %7s\n' step verdict seconds cpu passed failed
    for name in "$@"; do
        status=1 real=0 user=0 sys=0 passed=0 failed=0
        [ ! -e "$STEPS_DIR/$name.result" ] || read -r status real user sys passed failed <"$STEPS_DIR/$name.result"
        verdict=passed
        if [ "$status" -ne 0 ]; then
            verdict=FAILED
            wrong+=("$name")
            [ "$failed" -gt 0 ] || failed=1
        fi
        total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
        printf '%-10s %-8s %9.1f %9.1f %7d %7d\n' "$name" "$verdict" "$real" \
            "$(awk -v u="$user" -v s="$sys" 'BEGIN { print u + s }')" "$passed" "$failed"
    done
    printf '%-10s %-8s %9d   (steps ran side by side; cpu: user and system time of the step'\''s processes)\n' all '' "$SECONDS"
    for name in "${wrong[@]}"; do
        [ ! -e "$STEPS_DIR/$name.log" ] || failure_reasons "$STEPS_DIR/$name.log"
    done
    for name in "${wrong[@]}"; do
        printf '\nFAILED: %s (%s)\n' "$name" "$STEPS_DIR/$name.log"
        [ ! -e "$STEPS_DIR/$name.log" ] || failed_tests "$STEPS_DIR/$name.log" | sed 's/^/    /'
    done
    printf '\n%d passed, %d failed\n' "$total_passed" "$total_failed"
    [ "${#wrong[@]}" -eq 0 ]
}
