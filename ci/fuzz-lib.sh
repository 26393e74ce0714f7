# What the scripts about fuzzing share; meant to be sourced after lib.sh, whose working directory it keeps.
# shellcheck shell=bash

# The toolchain that cargo-fuzz needs.
readonly FUZZ_TOOLCHAIN=${FUZZ_TOOLCHAIN:-nightly}
# `release` runs fast, `dev` is built fast.
readonly FUZZ_PROFILE=${FUZZ_PROFILE:-release}
# How targets are built. More codegen units than cargo-fuzz takes by itself are half the time to build, for a few
# percent of speed. Comparisons are not traced: that costs a third of the speed, and what it would find (numbers that
# the stack looks for) stands in the dictionaries and in the generators.
case $FUZZ_PROFILE in
  dev) readonly FUZZ_BUILD=(--dev --no-trace-compares) FUZZ_FOLDER=debug FUZZ_RUN=fuzz/target/smoke ;;
  *) readonly FUZZ_BUILD=(--codegen-units "${FUZZ_UNITS:-8}" --no-trace-compares) FUZZ_FOLDER=release FUZZ_RUN=fuzz/target/run ;;
esac

# The fuzzer's own code is not what is tested: instrumented, it would take half of the time of a fast target.
export CXXFLAGS="${CXXFLAGS:-} -fno-sanitize=all"

# Every target that needs no live kernel, one a line.
fuzz_targets() {
  sed -n 's/^name = "\([a-z0-9_]*\)"$/\1/p' fuzz/Cargo.toml | grep -vxE 'netassay-fuzz|empty|every|linux_differential'
}

# Folder of what cargo-fuzz builds.
fuzz_output() {
  printf 'fuzz/target/%s/%s' "$(rustc "+$FUZZ_TOOLCHAIN" -vV | sed -n 's/^host: //p')" "$FUZZ_FOLDER"
}

# Builds the binaries named, each with AddressSanitizer; without a name the one that is all targets, and gives it all
# their names.
build_fuzz_targets() {
  local binary target
  for binary in "${@:-every}"; do
    cargo "+$FUZZ_TOOLCHAIN" fuzz build "${FUZZ_BUILD[@]}" "$binary"
  done
  [[ $# == 0 ]] || return 0
  mkdir -p "$FUZZ_RUN"
  for target in $(fuzz_targets) linux_differential; do
    ln -f "$(fuzz_output)/every" "$FUZZ_RUN/$target"
  done
}

# Path of the binary of target $1. Given files it replays them; given folders it fuzzes.
fuzz_binary() { printf '%s/%s' "$FUZZ_RUN" "$1"; }

# The options of target $1 as libFuzzer takes them on the command line, one a line.
fuzz_options() {
  sed -n -e 's|^dict = \(.*\)$|-dict=fuzz/dictionaries/\1|p' -e 's/^\([a-z_]*\) = \([0-9]*\)$/-\1=\2/p' \
    "fuzz/options/$1.options"
}

# Folder of the seeds of target $1.
fuzz_corpus() {
  case $1 in
    linux_differential) printf 'corpus/stack_sequence' ;;
    *) printf 'corpus/%s' "$1" ;;
  esac
}
