#!/bin/sh
if [ "$1" = serve ]; then
  shift
  exec /harbor "$@"
fi
exec "$@"
