/* SPDX-License-Identifier: LGPL-2.1-or-later */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "builtins.glsl"
