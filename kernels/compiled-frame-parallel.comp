/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As compiled-frame.comp, for devices with many workgroups. */
#version 460
#define VYRE_COMPILED 1
#define VYRE_PARALLEL 1
#include "megakernel.glsl"
