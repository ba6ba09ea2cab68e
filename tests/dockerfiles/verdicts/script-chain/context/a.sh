#!/bin/sh
set -eu
export LEVEL=info
exec /b.sh "$@"
