# Shared by the scripts beside it; meant to be sourced: `. "$(dirname "$0")/lib.sh"`.
# Leaves the caller in the root of the repository.
# shellcheck shell=bash
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Exit status of the command for "the environment lacks something", as the netassay command uses it.
readonly LACKING=3

# Says what is about to happen.
say() { printf '== %s\n' "$*"; }

# Says what went wrong, and where to go from there.
complain() { printf 'ci: %s\n' "$*" >&2; }

# Where cargo leaves what it builds.
target_dir() { printf '%s' "${CARGO_TARGET_DIR:-target}"; }

# The release build of the netassay command.
build_release() { cargo build --release --locked --package netassay; }

# Path of the netassay command in the release build.
netassay() { printf '%s/release/netassay' "$(target_dir)"; }

# The folders of captures and traces in the corpus: not the records of what Linux did with them, not seeds for fuzzing.
corpus_traces() {
  local folder
  for folder in captures probes regressions; do
    [[ ! -d corpus/$folder ]] || printf 'corpus/%s\n' "$folder"
  done
}
