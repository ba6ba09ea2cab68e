#!/bin/bash
set -e
mkdir -p /app/data
echo "opsml: starting in $APP_ENV on port $OPSML_SERVER_PORT"
exec /usr/local/bin/opsml-server "$@"
