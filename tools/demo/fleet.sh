# shellcheck shell=bash disable=SC2154
# What the demo does for examples/fleet only; sourced by tools/demo.sh.

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

# The first that answers, as longshore chooses it.
engine() {
    if [ -n "${BUILDKIT_HOST:-}" ] && command -v buildctl > /dev/null; then
        buildctl debug workers > /dev/null && return
        echo "nothing answers at BUILDKIT_HOST=$BUILDKIT_HOST: start buildkitd, or unset it" >&2
        return 1
    fi
    if command -v docker > /dev/null && docker buildx inspect > /dev/null 2>&1; then return; fi
    if command -v buildah > /dev/null || command -v podman > /dev/null; then return; fi
    cat >&2 <<'TEXT'
examples/fleet needs a program that builds Dockerfiles, and this machine has none that answers:
  buildctl       with a running buildkitd, and its address in BUILDKIT_HOST
  docker buildx  with a running Docker engine
  buildah        apt-get install buildah
  podman         apt-get install podman
TEXT
    return 1
}

# What was published is what people get: each service out of the registry, started, and asked for its health.
show() {
    local registry
    registry=$(sed -n 's/.*Serving ghcr.io at \(.*\)$/\1/p' "$log")
    python3 "$root/tools/demo/fleet.py" "$registry" fleet-works "$version" "$folder"
}
