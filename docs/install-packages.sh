#!/bin/sh
# Installs the Debian packages named in the given lists that are missing.
#   docs/install-packages.sh docs/packages.txt [...]
set -eu
missing=
for package in $(cat "$@" | sed 's/#.*//'); do
  if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
      grep -q 'install ok installed'; then
    missing="$missing $package"
  fi
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "missing packages (install them as root):$missing" >&2
  exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing > /dev/null
