#!/bin/sh
cd /
exec /bin/harbor
