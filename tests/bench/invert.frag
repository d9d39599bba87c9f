/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inverts an image; inputs as vulkanshaderspv documents them. */
#version 450

layout(location = 0) in vec2 inTexCoord;
layout(set = 0, binding = 0) uniform ShaderFilter {
  float time;
  float width;
  float height;
};
layout(set = 0, binding = 1) uniform sampler2D inTexture;
layout(location = 0) out vec4 outColor;

void
main ()
{
  outColor = vec4 (1.0) - texture (inTexture, inTexCoord);
}
