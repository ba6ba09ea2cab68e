#!/bin/sh
# What pnpm leaves: the built pages, and modules of which some are links.
set -eu
cd "$(dirname "$0")"
rm -rf build node_modules
mkdir -p build node_modules/.pnpm/render@1.0.0/render
cp src/index.html build/
echo "module.exports = (text) => text;" > node_modules/.pnpm/render@1.0.0/render/index.js
ln -s .pnpm/render@1.0.0/render node_modules/render
