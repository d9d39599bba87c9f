/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The megakernel around a compiled program: built into the library as text. */
#version 460
#define VYRE_COMPILED 1
#include "megakernel.glsl"
