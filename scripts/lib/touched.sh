# shellcheck shell=bash
# What `scripts/test --quick` runs beside the unit and store tests: chosen by the files that were changed. Sourced by it.

# Prints the files that differ from where this branch left main (on main itself: from the last commit), and new ones.
touched_files() {
    local base
    base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
    if [ "$base" = "$(git rev-parse HEAD)" ] && [ -z "$(git status --porcelain)" ]; then
        base=$(git rev-parse --quiet --verify HEAD~1 || echo "$base")
    fi
    git diff --name-only "$base"
    git ls-files --others --exclude-standard
}

# Reads names of files, and prints a line for each thing that is to be run: `it FILTER`, `browser FILE` or `step NAME`.
# What no line here names is covered by what always runs.
chosen_by_files() {
    local file name
    while read -r file; do
        name=$(basename "$file")
        case $file in
            src/http/accounts/* | docs/openapi.json)
                printf 'it %s\n' accounts:: http:: docs:: figures:: && echo 'step api'
                ;;
            src/http/*) printf 'it %s\n' http:: page:: limits:: docs:: ;;
            src/moving/* | crates/moving/* | crates/store/src/moving/*) printf 'it %s\n' moving:: house:: ;;
            src/moderation/* | crates/moderation/*) printf 'it %s\n' moderation:: admin_api:: docs:: house:: ;;
            src/session/*) printf 'it %s\n' frames:: bad_input:: heartbeat:: upgrade:: slow_reader:: ;;
            crates/rooms/*) printf 'it %s\n' p1_ p2_ p3_ p4_ presence:: rooms:: ;;
            crates/store/* | migrations/*) printf 'it %s\n' p1_ p7_ backup:: ;;
            crates/wire/* | crates/domain/*) printf 'it %s\n' docs:: frames:: p4_ && echo 'step fuzz' ;;
            proto/* | crates/grpc/*) echo 'it doors::' && echo 'step proto' ;;
            crates/load/*) printf 'it %s\n' load:: ;;
            crates/metrics/*) printf 'it %s\n' figures:: alerts:: ;;
            src/doors/* | src/app/grpc.rs) printf 'it %s\n' doors:: house:: ;;
            src/webhooks/* | src/amqp_client*) printf 'it %s\n' webhook amqp:: house:: ;;
            src/*) printf 'it %s\n' start:: secrets:: operations:: docs:: p6_ ;;
            static/embed*) printf 'browser tests/browser/%s.test.mjs\n' embed spa ;;
            static/*) printf 'browser tests/browser/%s.test.mjs\n' page chat connection ;;
            tests/browser/*.test.mjs) [ ! -e "$file" ] || echo "browser $file" ;;
            tests/browser/*) printf 'browser tests/browser/%s.test.mjs\n' page chat ;;
            tests/it/support/*) printf 'it %s\n' p1_ p3_ p7_ ;;
            tests/it/doors/*) echo 'it doors::' ;;
            tests/it/moving/*) echo 'it moving::' ;;
            tests/it/main.rs) ;;
            tests/it/*.rs) echo "it ${name%.rs}::" ;;
            tests/faults/*) echo 'it history_checker::' ;;
            docs/* | README.md) printf 'it %s\n' docs:: figures:: limits:: ;;
            monitoring/*) printf 'it %s\n' alerts:: figures:: && echo 'step manifests' ;;
            scripts/grpc-code) echo 'step proto' ;;
            k8s/* | terraform/* | docker/* | .github/* | scripts/* | deploy/*) printf 'step %s\n' manifests image ;;
            fuzz/*) echo 'step fuzz' ;;
        esac
    done | sort -u
}
