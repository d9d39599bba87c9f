/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* VYRE_API marks what libvyre.so exports; everything else is hidden. */
#define VYRE_API __attribute__ ((visibility ("default")))
