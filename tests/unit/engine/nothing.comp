/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel that can be launched with any constants. */
#version 460

layout(local_size_x_id = 0) in;

void
main ()
{
}
