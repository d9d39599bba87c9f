/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As compiled-frame.comp, where the arena can be read as texels. */
#version 460
#define VYRE_COMPILED 1
#define VYRE_TEXELS 1
#include "megakernel.glsl"
