# What the scripts about fuzzing share; meant to be sourced after lib.sh, whose working directory it keeps.
# shellcheck shell=bash

# The toolchain that cargo-fuzz needs.
readonly FUZZ_TOOLCHAIN=${FUZZ_TOOLCHAIN:-nightly}
# More codegen units than cargo-fuzz takes by itself: half the time to build, and a few percent of speed.
readonly FUZZ_UNITS=${FUZZ_UNITS:-8}

# Every target that needs no live kernel, one a line.
fuzz_targets() {
  sed -n 's/^name = "\([a-z0-9_]*\)"$/\1/p' fuzz/Cargo.toml | grep -vxE 'netassay-fuzz|empty|every|linux_differential'
}

# Folder of what cargo-fuzz builds.
fuzz_output() {
  printf 'fuzz/target/%s/release' "$(rustc "+$FUZZ_TOOLCHAIN" -vV | sed -n 's/^host: //p')"
}

# Builds the binaries named, each with AddressSanitizer; without a name the one that is all targets, and gives it all
# their names in fuzz/target/run/.
build_fuzz_targets() {
  local binary target
  for binary in "${@:-every}"; do
    cargo "+$FUZZ_TOOLCHAIN" fuzz build --codegen-units "$FUZZ_UNITS" "$binary"
  done
  [[ $# == 0 ]] || return 0
  mkdir -p fuzz/target/run
  for target in $(fuzz_targets); do
    ln -f "$(fuzz_output)/every" "fuzz/target/run/$target"
  done
}

# Path of the binary of target $1. Given files it replays them; given folders it fuzzes.
fuzz_binary() { printf 'fuzz/target/run/%s' "$1"; }

# The options of target $1 as libFuzzer takes them on the command line, one a line.
fuzz_options() {
  sed -n -e 's|^dict = \(.*\)$|-dict=fuzz/dictionaries/\1|p' -e 's/^\([a-z_]*\) = \([0-9]*\)$/-\1=\2/p' \
    "fuzz/options/$1.options"
}
