# shellcheck shell=bash disable=SC2154
# What the demo does for examples/fleet only; sourced by tools/demo.sh.

# shellcheck source=tools/demo/engine.sh
. "$root/tools/demo/engine.sh"

version() {
    sed -n 's/^ *"version": "\(.*\)",/\1/p' apps/web/package.json
}

prepare() {
    engine || exit 1
    if [ -z "${BASES:-}" ]; then
        BASES=$root/target/bases/full
        [ -e "$BASES/index.json" ] || echo "base images from packages: a minute or two, once (or BASES=LAYOUT)"
        python3 "$root/tools/bases.py" full "$BASES" | tail -n 1
    fi
    arguments+=(--bases "$BASES")
}

# What was published is what people get: each service out of the registry, started, and asked for its health.
show() {
    local registry
    registry=$(sed -n 's/.*Serving ghcr.io at \(.*\)$/\1/p' "$log")
    python3 "$root/tools/demo/fleet.py" "$registry" fleet-works "$version" "$folder"
}
