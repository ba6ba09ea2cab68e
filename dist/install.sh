#!/usr/bin/env bash
# Finds or installs the longshore binary, then becomes `longshore action`. action.yml runs it; everything it is told
# stands in the environment. What is downloaded must have the digest that lies beside this script, else nothing is run.
set -euo pipefail

readonly RELEASES=https://github.com/longshore-release/longshore/releases/download
dist=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# fail TEXT: one annotation, and the exit code of bad input.
fail() {
  local text=$1
  text=${text//'%'/%25} text=${text//$'\r'/%0D} text=${text//$'\n'/%0A}
  printf '::error title=longshore::%s\n' "$text" >&2
  exit 2
}

# The target whose binary runs here; on Linux the static one, which asks for no libc.
target() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-amd64) echo x86_64-unknown-linux-musl ;;
    Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-musl ;;
    Darwin-x86_64) echo x86_64-apple-darwin ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) ;;
  esac
}

# known VERSION TARGET: what the table says. Sets `version` (the newest for an empty one), `sha256`, and `versions` for messages.
known() {
  version=$1 sha256='' versions=''
  local each of digest
  while read -r each of digest || [[ -n $each ]]; do
    [[ -z $each || $each == '#'* ]] && continue
    [[ " $versions " == *" $each "* ]] || versions="$versions $each"
    [[ -z $1 ]] && version=$each
  done <"$dist/checksums.txt"
  while read -r each of digest || [[ -n $each ]]; do
    if [[ $each == "$version" && $of == "$2" && $digest =~ ^[0-9a-f]{64}$ ]]; then sha256=$digest; fi
  done <"$dist/checksums.txt"
}

digest_of() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1"
  elif command -v shasum >/dev/null; then
    shasum -a 256 <"$1"
  fi | cut -d ' ' -f 1
}

# fetch FOLDER TARGET: downloads `version`, compares, unpacks, and names the binary.
fetch() {
  local name=longshore-$2.tar.gz base=${LONGSHORE_RELEASES:-$RELEASES} found
  local url=$base/v$version/$name
  local -a secure=(--proto '=https' --tlsv1.2)
  # Tests serve it themselves; nothing but this machine may do so without TLS.
  [[ $base =~ ^http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/|$) ]] && secure=(--proto '=http')
  command -v curl >/dev/null || fail "\`curl\` is missing: install it in an earlier step, or name a \`binary\`"
  curl "${secure[@]}" --fail --silent --show-error --location --retry 5 --connect-timeout 30 --max-time 600 \
    --output "$1/$name" -- "$url" || fail "cannot download $url: re-run the job, or name a \`binary\`"
  found=$(digest_of "$1/$name")
  [[ $found == "$sha256" ]] ||
    fail "$url has the sha256 '$found' and not $sha256, which this action pins: nothing was run; if re-running does not help, report it"
  tar -xzf "$1/$name" -C "$1" longshore || fail "$url holds no \`longshore\`: report it"
  binary=$1/longshore
}

# compile FOLDER: this action's own source, with its own toolchain, out of sight of the job's secrets.
compile() {
  command -v cargo >/dev/null || fail "\`fallback: cargo\` needs \`cargo\`: install Rust in an earlier step"
  (
    for name in $(compgen -e); do
      case $name in
        CARGO_*) ;;
        GITHUB_ENV | GITHUB_OUTPUT | GITHUB_PATH | GITHUB_STATE | GITHUB_STEP_SUMMARY) unset "$name" ;;
        *TOKEN* | *SECRET* | *PASSWORD* | *KEY*) unset "$name" ;;
      esac
    done
    cd -- "$source"
    cargo install --locked --quiet --path . --root "$1" --target-dir "$RUNNER_TEMP/longshore-cargo" >&2
  ) || fail "cargo could not compile longshore: see above"
  binary=$1/bin/longshore
}

install() {
  [[ -n ${RUNNER_TEMP:-} ]] || fail "\`RUNNER_TEMP\` is not set: this script is a step of action.yml"
  [[ ${LONGSHORE_ACTION_FALLBACK:-} == '' || ${LONGSHORE_ACTION_FALLBACK:-} == cargo ]] ||
    fail "the input \`fallback\` is 'cargo' or empty"
  local source=${GITHUB_ACTION_PATH:-$dist/..} asked=${LONGSHORE_ACTION_VERSION:-} here folder version sha256 versions
  asked=${asked#v}
  [[ $asked =~ ^[0-9A-Za-z.-]*$ ]] || fail "the input \`version\` is not a version, such as 1.2.3"
  here=$(target)
  known "$asked" "$here"
  folder=$(mktemp -d "$RUNNER_TEMP/longshore-binary.XXXXXX")
  if [[ -n $sha256 ]]; then
    fetch "$folder" "$here"
  elif [[ ${LONGSHORE_ACTION_FALLBACK:-} == cargo ]]; then
    local own
    own=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/Cargo.toml" | head -n 1)
    [[ -z $asked || $asked == "$own" ]] || fail "this action's source is longshore $own: \`fallback: cargo\` cannot make $asked"
    compile "$folder"
  elif [[ -z $here ]]; then
    fail "there is no longshore binary for $(uname -s) on $(uname -m): use \`fallback: cargo\` or name a \`binary\`"
  elif [[ -z $versions ]]; then
    fail "this commit of the action pins no binary: pin a commit after a release, use \`fallback: cargo\`, or name a \`binary\`"
  else
    fail "no checksum of longshore $version for $here is in this action (versions:$versions): pin a newer commit of the action, use \`fallback: cargo\`, or name a \`binary\`"
  fi
}

binary=${LONGSHORE_ACTION_BINARY:-${LONGSHORE_BINARY:-}}
if [[ -z $binary ]]; then
  install
fi
[[ $binary == */* ]] || binary=./$binary
[[ -f $binary && -x $binary ]] || fail "\`$binary\` is not there or not executable"
# In a job container git runs as another user than the one who checked out, and refuses until it is told whose folder that is.
if [[ -n ${GITHUB_WORKSPACE:-} && -z ${GIT_CONFIG_COUNT:-} ]]; then
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$GITHUB_WORKSPACE
fi
exec "$binary" action
