#!/bin/bash -eu
# Called by OSS-Fuzz with $SRC, $OUT and $WORK set.
cd "$SRC/netassay"
exec ci/fuzz-package
