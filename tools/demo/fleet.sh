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

# The BuildKit of the test tools, for this demo alone.
buildkit() {
    place=$(mktemp -d "${TMPDIR:-/tmp}/fleet-XXXXXX")
    export BUILDKIT_HOST=unix://$place/socket
    buildkitd --root "$place/root" --addr "$BUILDKIT_HOST" --oci-worker-binary runc --containerd-worker=false \
        > "$place/log" 2>&1 &
    buildkitd=$!
    for _ in $(seq 100); do
        ! buildctl debug workers > /dev/null 2>&1 || return 0
        kill -0 "$buildkitd" 2> /dev/null || break
        sleep 0.2
    done
    tail -n 5 "$place/log" >&2
    return 1
}

finish() {
    [ -z "${buildkitd:-}" ] || { kill "$buildkitd" && wait "$buildkitd"; } 2> /dev/null || true
    [ -z "${place:-}" ] || rm -rf "$place"
}

# The first that answers, as longshore chooses it.
engine() {
    if [ -n "${BUILDKIT_HOST:-}" ] && command -v buildctl > /dev/null; then
        buildctl debug workers > /dev/null && return
        echo "nothing answers at BUILDKIT_HOST=$BUILDKIT_HOST: start buildkitd, or unset it" >&2
        return 1
    fi
    if [ "$(id -u)" = 0 ] && command -v buildkitd > /dev/null && command -v buildctl > /dev/null && command -v runc > /dev/null; then
        buildkit && return
    fi
    if command -v docker > /dev/null && docker buildx inspect > /dev/null 2>&1; then return; fi
    if command -v buildah > /dev/null || command -v podman > /dev/null; then return; fi
    cat >&2 <<'TEXT'
examples/fleet needs a program that builds Dockerfiles, and this machine has none that answers:
  buildctl       with a running buildkitd, and its address in BUILDKIT_HOST; as root, `make tools` installs both
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
