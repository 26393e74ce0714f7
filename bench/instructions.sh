#!/bin/bash
# Instructions per time of each case whose name contains $1, as callgrind counts them: (I(2N) - I(N)) / N. They do not
# depend on the machine's load. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."
bench=target/release/netassay-bench
cargo build --quiet --release -p netassay-bench
times=2000

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" --count "$1" --times "$2" 2>&1 |
        awk '/Collected/ { print $NF }'
}

"$bench" --list | grep -F -- "${1:-}" | grep -v '^flows 1.*000/' | while read -r name; do
    once=$(count "$name" $times)
    twice=$(count "$name" $((2 * times)))
    printf '%-44s %9d\n' "$name" $(((twice - once) / times))
done
