# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by a bundle's run.sh, which has set $here to the bundle's folder.
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export VYRE_PROGRAMS_PATH="$here/programs"
