#!/usr/bin/env bash
# Releases a copy of an example against servers inside longshore, or has it built by the service: `tools/demo.sh PATH-OF-LONGSHORE [further arguments of rehearse]`.
# EXAMPLE chooses it (harbor, fleet or service); BASES is a layout with fleet's base images.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
example=${EXAMPLE:-harbor}
if [ ! -d "examples/$example" ] || [ ! -e "tools/demo/$example.sh" ]; then
    echo "no example is called \`$example\`; there are $(basename -a examples/* | paste -sd ' ')" >&2
    exit 2
fi
longshore=$(realpath "$1")
[ -z "${BASES:-}" ] || BASES=$(realpath "$BASES")
shift
arguments=("$@")

folder=$(mktemp -d)
finish() { :; }
trap 'finish; rm -rf "$folder"' EXIT
cp -R "examples/$example" "$folder/$example"
rm -rf "$folder/$example/target"
cd "$folder/$example"
# shellcheck source=/dev/null
. "$root/tools/demo/$example.sh"
version=$(version)
prepare

# A fixed date and identity: every run of the demo makes the same commit, so the same plan and the same archive names.
export GIT_AUTHOR_NAME=${example^} GIT_AUTHOR_EMAIL=$example@example.com GIT_AUTHOR_DATE=2026-01-01T00:00:00Z
export GIT_COMMITTER_NAME=${example^} GIT_COMMITTER_EMAIL=$example@example.com GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init --quiet --initial-branch=main
git add --all
git commit --quiet --message "$example $version"
git tag "v$version"

if declare -F serve > /dev/null; then
    serve
    exit
fi

export GITHUB_REPOSITORY=$example-works/$example
# A tag or a job's variables of the machine that runs the demo say nothing about the example.
unset GITHUB_REF GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_TOKEN CI
echo "$example $version, commit $(git rev-parse --short HEAD), tag v$version"
echo "\$ longshore rehearse --serve${arguments[*]:+ ${arguments[*]}}"
log=$folder/log
"$longshore" rehearse --serve ${arguments[@]+"${arguments[@]}"} > >(tee -a "$log") 2> >(tee -a "$log" >&2) &
rehearsal=$!
trap 'kill "$rehearsal" 2> /dev/null || true; finish; rm -rf "$folder"' EXIT
until grep --quiet 'until Ctrl-C' "$log" 2> /dev/null; do
    kill -0 "$rehearsal" 2> /dev/null || { wait "$rehearsal"; exit; }
    sleep 0.2
done
sleep 0.5
show
kill -INT "$rehearsal"
wait "$rehearsal"
