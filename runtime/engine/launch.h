/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers that the kernels and the engine share beyond the ring's own.
 * Included by C and by GLSL, hence nothing but #defines.
 */
#ifndef VYRE_ENGINE_LAUNCH_H
#define VYRE_ENGINE_LAUNCH_H

/* Specialisation constants: lanes of a subgroup (every kernel), what the
 * megakernel can do, and the invocations of its hardware workgroup. */
#define VYRE_SPEC_LANES 0
#define VYRE_SPEC_FEATURES 1
#define VYRE_SPEC_SIZE 2
/* What a program needs of the kernel, and a kernel has, beyond integers.
 * Devices that execute every case of a switch run a kernel that has no more
 * than what is in flight needs. */
#define VYRE_KERNEL_FLOAT 1u
#define VYRE_KERNEL_TRANSCENDENTAL 2u
#define VYRE_KERNEL_ATOMIC 4u
#define VYRE_KERNEL_ALL 7u
#define VYRE_KERNELS 8

/* The start-up probe's words: the host's doorbell, and the answers. */
#define VYRE_PROBE_DOORBELL 0
#define VYRE_PROBE_RUNNING 0
#define VYRE_PROBE_PASSES 1
#define VYRE_PROBE_SEEN 2
#define VYRE_PROBE_WORDS 4

#endif
