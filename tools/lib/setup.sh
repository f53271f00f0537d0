# What tools/demo, tools/test and tools/portable share: packages, CUDA, configure, build. Sourced, never run.
# Everything here is idempotent: what is there is not fetched again, and with everything there no network is needed.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
export DEBIAN_FRONTEND=noninteractive

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 3
}

# The packages that a part needs, as Debian 12 and Ubuntu 24.04 both name them.
build_packages=(g++ cmake ninja-build libfmt-dev libcli11-dev nlohmann-json3-dev libssl-dev libxxhash-dev zlib1g-dev catch2 python3)
clang_packages=(clang-19 libclang-rt-19-dev llvm-19)
cpu_packages=(llvm-19-dev)  # for the cpu device; everything else builds without it
fleet_packages=(libhiredis-dev redis-server openssl)  # for the cache's tier on a server (BSGEN_REDIS) and its tests
pip_packages=(python3-pip ca-certificates)

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -n "$@" || sudo "$@"
  else
    die "installing packages needs root or sudo; run as root: $*"
  fi
}

# install_packages NAME...: asks apt only for what dpkg does not know as installed.
install_packages() {
  command -v dpkg-query >/dev/null || die "this script knows Debian's and Ubuntu's packages; elsewhere install $* and build with cmake"
  local missing=() package
  for package; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  note "installing ${missing[*]}"
  mkdir -p build
  if ! { as_root apt-get update && as_root apt-get install -y --no-install-recommends "${missing[@]}"; } >build/apt.log 2>&1; then
    tail -n 20 build/apt.log >&2
    die "apt-get could not install ${missing[*]} (build/apt.log)"
  fi
}

# has_nvrtc DIR: DIR holds NVRTC 12.4 or newer and nvJitLink.
has_nvrtc() {
  local builtins version
  for builtins in "$1"/libnvrtc-builtins.so.[0-9]*; do
    [ -e "$builtins" ] || continue
    version=$(basename "$builtins" | sed 's/^libnvrtc-builtins\.so\.\([0-9]*\)\.\([0-9]*\).*/\1 \2/')
    # shellcheck disable=SC2086
    set -- "$1" $version
    if (($2 * 100 + $3 >= 1204)) && ls "$1"/libnvrtc.so.* "$1"/libnvJitLink.so.* >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

# The folder of a CUDA toolkit's libraries; nothing where there is none that will do.
find_toolkit() {
  local home
  for home in "${BSGEN_CUDA_DIR:-}" "${CUDA_PATH:-}" "${CUDA_HOME:-}" /usr/local/cuda /usr/local/cuda-*; do
    [ -n "$home" ] || continue
    for dir in "$home/lib64" "$home/lib" "$home/targets/$(uname -m)-linux/lib" "$home"; do
      if has_nvrtc "$dir"; then
        echo "$dir"
        return 0
      fi
    done
  done
}

# Sets cuda_note and cmake_cuda. A toolkit where one is found, else NVIDIA's wheels in build/wheels.
provide_cuda() {
  local toolkit wheels=$root/build/wheels
  toolkit=$(find_toolkit)
  cmake_cuda=(-DBSGEN_CUDA_WHEELS="$wheels" -DBSGEN_CUDA12_WHEELS="$root/build/wheels-12.4")
  if [ -n "$toolkit" ]; then
    cuda_note="NVRTC and nvJitLink from $toolkit"
  else
    fetch_wheels "$wheels" cuda 'nvidia-cuda-nvrtc==13.0.*' 'nvidia-nvjitlink==13.0.*' ||
      die "no CUDA toolkit 12.4 or newer was found and NVIDIA's wheels could not be fetched (build/pip.log); set CUDA_PATH"
    cuda_note="NVRTC and nvJitLink 13.0 from NVIDIA's PyPI wheels in build/wheels"
  fi
  # The disassembler serves --emit sass alone, so a machine without it is told and nothing more.
  if ! command -v nvdisasm >/dev/null && [ ! -x "${toolkit:+$toolkit/../bin/nvdisasm}" ] &&
    ! fetch_wheels "$wheels" nvdisasm 'nvidia-cuda-nvdisasm==13.2.*'; then
    cuda_note+="; no nvdisasm, so no SASS listings"
  fi
}

# fetch_wheels DIR NAME REQUIREMENT...: unpacks wheels into DIR once.
fetch_wheels() {
  local wheels=$1 name=$2
  shift 2
  [ "$(cat "$wheels/$name.complete" 2>/dev/null)" = "$*" ] && return 0
  python3 -m pip --version >/dev/null 2>&1 || install_packages "${pip_packages[@]}"
  note "fetching $*"
  mkdir -p "$wheels"
  # --target keeps out of the system's Python, which PEP 668 asks for. A folder of its own first: NVIDIA's wheels share
  # theirs, and pip puts the new one in the old one's place.
  rm -rf "$wheels/$name.tmp"
  PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore python3 -m pip install --no-input --no-deps \
    --only-binary=:all: --target "$wheels/$name.tmp" "$@" >build/pip.log 2>&1 || return 1
  cp -a "$wheels/$name.tmp/." "$wheels/"
  rm -rf "$wheels/$name.tmp"
  printf '%s\n' "$*" >"$wheels/$name.complete"
}

# configure PRESET [CMAKE ARGUMENT...]: build/ for release, build-PRESET/ for the others. ccache is used where it is.
configure() {
  local preset=$1 log
  shift
  log=build/configure-$preset.log
  command -v ccache >/dev/null && set -- "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  mkdir -p build
  if ! cmake --preset "$preset" "${cmake_cuda[@]}" "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "configuring $preset failed ($log)"
  fi
}

# build_targets DIR TARGET...: quiet unless it fails or warns.
build_targets() {
  local dir=$1 log=build/build-$(basename "$1").log
  shift
  if ! nice cmake --build "$dir" --target "$@" -j "$(nproc)" >"$log" 2>&1; then
    grep -B 2 -A 30 -E 'FAILED:|error:' "$log" | head -n 120 >&2
    die "building $dir failed ($log)"
  fi
  if grep -n 'warning:' "$log"; then note "warnings in $dir ($log)"; fi
}
