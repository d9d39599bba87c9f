/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreinterp.h"
#include "gstvyresrc.h"
#include "gstvyrestats.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean any = FALSE;

  any |= GST_ELEMENT_REGISTER (vyresrc, plugin);
  any |= GST_ELEMENT_REGISTER (vyreinterp, plugin);
  any |= GST_ELEMENT_REGISTER (vyrestats, plugin);
  return any;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, vyre,
    "GPU stream processing with programs as data", plugin_init, PACKAGE_VERSION,
    "LGPL", PACKAGE, "Unknown package origin")
