#!/bin/sh
# Collects what vyre-bench needs in one folder, for a machine without a build:
# the libraries but libc's, GStreamer's plugins that it measures beside, and a
# script that runs it.
#
#   sh tests/bench/bundle.sh BUILD FOLDER     then, there:  sh FOLDER/run.sh
set -eu
[ $# = 2 ] || { sed -n '2,7p' "$0"; exit 2; }
build=$1
to=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../bundle/libraries.sh"
system=$(pkg-config --variable=pluginsdir gstreamer-1.0)

mkdir -p "$to/plugins" "$to/programs"
cp "$build/tests/bench/vyre-bench" "$build/tests/bench/libgstvyrebench.so" \
  "$build/gst/libgstvyre.so" "$build/runtime/cli/vyre" "$to/"
cp "$here"/../../runtime/programs/*.vyre "$to/programs/"
for plugin in app audiofx coreelements debugutilsbad opengl videofilter vulkan; do
  if [ -e "$system/libgst$plugin.so" ]; then
    cp "$system/libgst$plugin.so" "$to/plugins/"
  else
    echo "left out: $system/libgst$plugin.so is not installed" >&2
  fi
done
bundle_libraries "$build" "$to" "$to/vyre-bench" "$to"/*.so "$to"/plugins/*.so
strip "$to/vyre-bench" "$to/vyre" "$to"/*.so "$to"/lib/libvyre.so*

cat > "$to/run.sh" <<'SCRIPT'
#!/bin/sh
# All arguments go to vyre-bench; see vyre-bench --help.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/environment.sh"
export GST_PLUGIN_SYSTEM_PATH_1_0="$here/plugins"
export GST_REGISTRY_1_0="$here/registry.bin" GST_REGISTRY_FORK=no
exec "$here/vyre-bench" "$@"
SCRIPT
du -sh "$to"
