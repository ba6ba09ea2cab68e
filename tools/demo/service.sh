# shellcheck shell=bash disable=SC2154
# What the demo does for examples/service only; sourced by tools/demo.sh.

# shellcheck source=tools/demo/engine.sh
. "$root/tools/demo/engine.sh"

version() {
    echo 1.0.0
}

prepare() {
    engine || exit 1
    for program in registry busybox curl; do
        command -v "$program" > /dev/null || { echo "\`$program\` is missing: \`make tools\` installs it" >&2; exit 1; }
    done
    cp "$(command -v busybox)" .
}

# Instead of a release: the service builds the repository.
serve() {
    python3 "$root/tools/demo/service.py" "$longshore" "$folder/$example"
}
