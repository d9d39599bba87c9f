/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers that the kernels and the engine share beyond the ring's own.
 * Included by C and by GLSL, hence nothing but #defines.
 */
#ifndef VYRE_ENGINE_LAUNCH_H
#define VYRE_ENGINE_LAUNCH_H

/* Specialisation constants: lanes of a workgroup, which is one subgroup (every
 * kernel), and the class of the megakernel. */
#define VYRE_SPEC_LANES 0
#define VYRE_SPEC_CLASS 1

/* Kernel classes: each can run the programs of those below. Devices that
 * execute every case of a switch run the least one that will do. */
#define VYRE_KERNEL_INTEGER 0
#define VYRE_KERNEL_FLOAT 1
#define VYRE_KERNEL_ALL 2
#define VYRE_KERNEL_CLASSES 3

/* The start-up probe's words: the host's doorbell, and the answers. */
#define VYRE_PROBE_DOORBELL 0
#define VYRE_PROBE_RUNNING 0
#define VYRE_PROBE_PASSES 1
#define VYRE_PROBE_SEEN 2
#define VYRE_PROBE_WORDS 4

#endif
