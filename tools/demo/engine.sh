# shellcheck shell=bash disable=SC2154
# The engine of the demos that need one; sourced by them.

# The BuildKit of the test tools, for this demo alone.
buildkit() {
    place=$(mktemp -d "${TMPDIR:-/tmp}/$example-XXXXXX")
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
    cat >&2 <<TEXT
examples/$example needs a program that builds Dockerfiles, and this machine has none that answers:
  buildctl       with a running buildkitd, and its address in BUILDKIT_HOST; as root, \`make tools\` installs both
  docker buildx  with a running Docker engine
  buildah        apt-get install buildah
  podman         apt-get install podman
TEXT
    return 1
}
