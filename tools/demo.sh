#!/usr/bin/env bash
# Releases a copy of examples/harbor against servers inside longshore: `tools/demo.sh PATH-OF-LONGSHORE [further arguments of rehearse]`.
set -euo pipefail
cd "$(dirname "$0")/.."
longshore=$(realpath "$1")
shift

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -R examples/harbor "$folder/harbor"
rm -rf "$folder/harbor/target"
cd "$folder/harbor"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# A fixed date and identity: every run of the demo makes the same commit, so the same plan and the same archive names.
export GIT_AUTHOR_NAME=Harbor GIT_AUTHOR_EMAIL=harbor@example.com GIT_AUTHOR_DATE=2026-01-01T00:00:00Z
export GIT_COMMITTER_NAME=Harbor GIT_COMMITTER_EMAIL=harbor@example.com GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init --quiet --initial-branch=main
git add --all
git commit --quiet --message "harbor $version"
git tag "v$version"

export GITHUB_REPOSITORY=harbor-works/harbor
# A tag or a job's variables of the machine that runs the demo say nothing about harbor.
unset GITHUB_REF GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_TOKEN CI
echo "harbor $version, commit $(git rev-parse --short HEAD), tag v$version"
echo "\$ longshore rehearse${*:+ $*}"
"$longshore" rehearse "$@"
