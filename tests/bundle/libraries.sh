# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the scripts that collect executables for a machine without a build.

# bundle_libraries BUILD FOLDER FILE...: the libraries that the files need but
# libc's, into FOLDER/lib, and what run.sh there sources before it runs them.
bundle_libraries() {
  (
    runtime=$(cd "$1" && pwd)/runtime
    to=$2
    shift 2
    mkdir -p "$to/lib"
    cp "$(dirname "$0")/../bundle/environment.sh" "$to/"
    LD_LIBRARY_PATH=$runtime ldd "$@" |
      sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
      grep -vE '/(libc|libm|libdl|librt|libpthread|ld-linux[^/]*)\.so' |
      while read -r library; do
        cp -L "$library" "$to/lib/"
      done
  )
}
