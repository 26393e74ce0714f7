#!/bin/bash -eu
# Called by ClusterFuzzLite with $SRC, $OUT and $WORK set.
cd "$SRC/netassay"
exec ci/fuzz-package
