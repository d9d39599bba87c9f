/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words and numbers of the ring, the control block, window descriptors,
 * completion records and save areas. Included by C and by GLSL, hence nothing
 * but #defines. Ring and control words: ring-protocol.md sections 2 to 8.
 */
#ifndef VYRE_RING_WORDS_H
#define VYRE_RING_WORDS_H

/* --- ring slot ---------------------------------------------------------- */

#define VYRE_SLOT_WORDS 16
#define VYRE_SLOT_BYTES 64
#define VYRE_W_STATUS 0
#define VYRE_W_OPCODE 1
#define VYRE_W_TENANT 2
#define VYRE_W_PRIORITY 3
#define VYRE_W_ARG0 4
#define VYRE_ARGS_PER_SLOT 12

#define VYRE_ST_EMPTY 0
#define VYRE_ST_PUBLISHED 1
#define VYRE_ST_CLAIMED 2
#define VYRE_ST_DONE 3
#define VYRE_ST_WAIT_IO 4
#define VYRE_ST_YIELD 5
#define VYRE_ST_REQUEUE 6
#define VYRE_ST_FAULT 7

#define VYRE_PRI_CRITICAL 0
#define VYRE_PRI_HIGH 1
#define VYRE_PRI_NORMAL 2
#define VYRE_PRI_LOW 3
#define VYRE_PRI_IDLE 4
#define VYRE_PRI_LEVELS 5
#define VYRE_STARVATION_THRESHOLD 16
#define VYRE_TENANT_FAIRNESS_THRESHOLD 64

#define VYRE_OP_NOP 0x00000000u
#define VYRE_OP_STORE_U32 0x00000001u
#define VYRE_OP_ATOMIC_ADD 0x00000002u
#define VYRE_OP_LOAD_U32 0x00000003u
#define VYRE_OP_COMPARE_SWAP 0x00000004u
#define VYRE_OP_MEMCPY 0x00000005u
#define VYRE_OP_DFA_STEP 0x00000006u
#define VYRE_OP_BATCH_FENCE 0x00000007u
#define VYRE_OP_LOAD_MISS 0x0000FFFDu
#define VYRE_OP_PRINTF 0x0000FFFEu
#define VYRE_OP_PACKED_SLOT 0x80000001u
#define VYRE_OP_SHUTDOWN 0xFFFFFFFFu
/* System range besides the builtins (section 5.2). */
#define VYRE_OP_SYSTEM_MASK 0x80000000u
#define VYRE_OP_RESERVED_FIRST 0x0000FFF0u
#define VYRE_OP_RESERVED_LAST 0x0000FFFFu

/* A tenant's opcodes: base + id * window + local. Local 0 runs one tile of a
 * window; its args are the VYRE_A_* words below. */
#define VYRE_TENANT_OP_BASE 0x40000000u
#define VYRE_TENANT_OP_WINDOW 0x00100000u
#define VYRE_TENANT_OP_RUN_TILE 0u

/* Words that the kernel writes into the slot of a builtin, behind its three
 * arguments at most. Packed slots need all of theirs: what else the kernel must
 * know of a slot stands in VYRE_DOOR_SEQUENCES. */
#define VYRE_A_IO 7 /* LOAD_MISS that waits: its slot of the IO queue */

/* Word offsets in the slot of a tile (arg k stands at VYRE_W_ARG0 + k). */
#define VYRE_A_TICKET 4            /* publish batch */
#define VYRE_A_CLASS 5             /* 0 required, 1 look-ahead */
#define VYRE_A_DESCRIPTOR 6        /* index of the window descriptor */
#define VYRE_A_WINDOW_GENERATION 7 /* must equal the descriptor's */
#define VYRE_A_TILE_FIRST 8        /* first workgroup, linear, x fastest */
#define VYRE_A_TILE_COUNT 9        /* workgroups, or VYRE_TILE_STRIDED */
#define VYRE_A_RESIDENCY 10        /* kernels older than this leave it alone */
#define VYRE_A_SEQUENCE 11         /* goes into the completion record */
#define VYRE_A_SAVE_AREA 12        /* written by the kernel: area + 1 of a YIELD */
#define VYRE_A_KERNEL 13           /* VYRE_KERNEL_* features, or a compiled kernel */
#define VYRE_A_PROGRESS 14         /* kernel: looks at the host after steps, wraps */
#define VYRE_A_ERROR 15            /* written by the kernel: code of a FAULT */
/* In TILE_COUNT, for compiled kernels: the tile is every n-th batch from TILE_FIRST
 * to the end of the grid; the other bits say how many workgroups further the next
 * one begins. */
#define VYRE_TILE_STRIDED 0x80000000u

/* --- control block ------------------------------------------------------ */

#define VYRE_C_SHUTDOWN 0
#define VYRE_C_DONE_COUNT 1
#define VYRE_C_TENANT_BASE 2
#define VYRE_C_TENANT_MASK 3
#define VYRE_TENANT_MASK_SLOTS 29
#define VYRE_C_TENANT_QUOTA 32
#define VYRE_TENANT_QUOTA_SLOTS 32
#define VYRE_C_TENANT_FAIRNESS 64
#define VYRE_TENANT_FAIRNESS_SLOTS 32
#define VYRE_C_METRICS 96
#define VYRE_METRICS_SLOTS 32
#define VYRE_C_EPOCH 128
#define VYRE_C_PRI_OFFSETS 129
#define VYRE_PRI_OFFSET_SLOTS 6
#define VYRE_C_STARVATION 135
#define VYRE_C_PRI_FAIRNESS 136
#define VYRE_PRI_FAIRNESS_SLOTS 5
/* Words 141 to 159 are unassigned by the protocol; these are ours. The kernel
 * counts what the first two say; the others are filled in from the doorbell
 * and the runtime when a snapshot is taken. */
#define VYRE_C_EXITED 141     /* workgroups that have left, wraps */
#define VYRE_C_IDLE_POLLS 150 /* polls that found nothing, wraps */
#define VYRE_C_FAULTED 147    /* slots that became FAULT, wraps */
#define VYRE_C_TAIL 142       /* slots published, all levels, wraps */
#define VYRE_C_OLDEST 143     /* slots finished, all levels, wraps */
#define VYRE_C_CLAIMED 144    /* claims, wraps */
#define VYRE_C_YIELDED 145    /* tiles suspended with state, wraps */
#define VYRE_C_STEPS_LO 148   /* interpreted instructions (per subgroup) */
#define VYRE_C_STEPS_HI 149
#define VYRE_C_OBSERVABLE 160
#define VYRE_CONTROL_MIN_WORDS 160

/* TENANT_BASE points to the table of all tenants, behind the observables: one
 * array of VYRE_TENANTS words for each of these. Words 3 to 95 repeat the first
 * entries of MASK, QUOTA and FAIRNESS for telemetry. */
#define VYRE_TENANTS 1024
#define VYRE_T_MASK 0
#define VYRE_T_QUOTA 1024          /* slots it may hold claimed at once */
#define VYRE_T_HELD 2048           /* kernel: slots claimed now */
#define VYRE_T_FAIRNESS 3072       /* kernel: claims, wraps */
#define VYRE_T_DEFERRED 4096       /* kernel: claims put off by the quota, wraps */
#define VYRE_T_FUEL 5120           /* kernel: steps used, wraps */
#define VYRE_T_OBSERVABLE_FIRST 6144 /* its own window of observables: first
                                        word of the control block */
#define VYRE_T_OBSERVABLE_COUNT 7168
#define VYRE_T_TABLE_LO 8192 /* its transition table for DFA_STEP: address */
#define VYRE_T_TABLE_HI 9216
#define VYRE_T_TABLE_STATES 10240 /* of 256 words each */
#define VYRE_T_TIME 11264 /* kernel: fuel for its turn, wraps */
#define VYRE_TENANT_TABLE_WORDS 12288
#define VYRE_CONTROL_OBSERVABLES 1024 /* of a runtime's control block */
#define VYRE_CONTROL_TABLE (VYRE_C_OBSERVABLE + VYRE_CONTROL_OBSERVABLES)
#define VYRE_CONTROL_WORDS (VYRE_CONTROL_TABLE + VYRE_TENANT_TABLE_WORDS)

/* Where few workgroups take turns at many tiles (claim.glsl). A level that
 * waits is owed this part of the fuel that levels above it use, as a shift, and
 * not more than so much at a time; tenants of a level take turns of so much. */
#define VYRE_OWED_SHIFT 4
#define VYRE_OWED_MOST 65536
#define VYRE_TURN_FUEL 16384

#define VYRE_TENANT_INITIAL_QUOTA 1000000
/* Bits of a tenant's mask word. */
#define VYRE_TENANT_MAY_EXECUTE 1u
#define VYRE_TENANT_MAY_WRITE_CONTROL 2u
#define VYRE_TENANT_MAY_PRINT 4u
#define VYRE_TENANT_MAY_IO 8u
#define VYRE_TENANT_MAY_SHUT_DOWN 16u
/* SHUTDOWN: what has been published is finished, then kernels leave. */
#define VYRE_SHUTDOWN_DRAIN 1
#define VYRE_SHUTDOWN_STOP 2

/* --- doorbell ------------------------------------------------------------ */

/* What workgroups without work look at: one line that the host writes, one that
 * kernels write, and a few words for each launch. Arrays are by priority level
 * or by launch. Sequences and counts wrap. */
#define VYRE_MAX_LAUNCHES 16
#define VYRE_DOOR_LEAVE 0      /* by launch: not 0 when it is to leave */
#define VYRE_DOOR_TAIL 16      /* sequence after the newest published slot */
#define VYRE_DOOR_OLDEST 21    /* sequence of the oldest unfinished slot */
#define VYRE_DOOR_PUBLISHED 26 /* slots published */
#define VYRE_DOOR_SHUTDOWN 31
#define VYRE_DOOR_CLAIMED 32   /* kernel: claims */
#define VYRE_DOOR_YIELDED 37   /* kernel: tiles suspended with state */
#define VYRE_DOOR_RESUMED 42   /* kernel: suspended tiles claimed */
#define VYRE_DOOR_CANCELLING 48 /* host: windows in flight that are cancelled */
#define VYRE_DOOR_OWED 49      /* kernel, by level: fuel that those above owe it */
#define VYRE_DOOR_CLOCK 54     /* kernel, by level: whose TIME is before has a turn */
#define VYRE_DOOR_LOG_READ 59    /* host: records of the debug log taken */
#define VYRE_DOOR_LOG_CURSOR 60  /* kernel: records begun */
#define VYRE_DOOR_LOG_DROPPED 61 /* kernel: records without room */
#define VYRE_DOOR_LAUNCH 64    /* + launch * VYRE_LAUNCH_WORDS */
#define VYRE_LAUNCH_WORDS 8
#define VYRE_LAUNCH_TICKETS 0  /* by level: next sequence to wait for */
#define VYRE_LAUNCH_ACTIVE 5   /* kernel: tiles in hand */
#define VYRE_LAUNCH_CLOSING 6  /* kernel: idle for long, all leave */
#define VYRE_LAUNCH_BEGUN 7    /* kernel: its second workgroup runs */
#define VYRE_DOOR_IO (VYRE_DOOR_LAUNCH + VYRE_MAX_LAUNCHES * VYRE_LAUNCH_WORDS)
/* Answers to the requests in the IO queue, by its slots: the state is EMPTY,
 * RESERVED (kernel), OK or ERROR (host). */
#define VYRE_DOOR_IO_WORDS 4
#define VYRE_DOOR_IO_STATE 0
#define VYRE_DOOR_IO_CODE 1  /* errno of an ERROR */
#define VYRE_DOOR_IO_BYTES 2 /* read */
/* What is copied into snapshots. */
#define VYRE_DOOR_WORDS (VYRE_DOOR_IO + 64 * VYRE_DOOR_IO_WORDS)
/* By slot: its sequence, if there is a builtin in it. */
#define VYRE_DOOR_SEQUENCES VYRE_DOOR_WORDS

/* --- debug log and io queue --------------------------------------------- */

#define VYRE_D_CURSOR 0
#define VYRE_D_RECORDS 1
#define VYRE_D_RECORD_WORDS 4
#define VYRE_D_CAPACITY 64
#define VYRE_D_WORDS 257

#define VYRE_IO_SLOTS 64
#define VYRE_IO_WORDS 8
#define VYRE_IO_OP 0
#define VYRE_IO_SRC 1
#define VYRE_IO_DST 2
#define VYRE_IO_OFF_LO 3
#define VYRE_IO_OFF_HI 4
#define VYRE_IO_BYTES 5
#define VYRE_IO_STATUS 6
#define VYRE_IO_TAG 7
#define VYRE_IOOP_READ 1
#define VYRE_IOOP_WRITE 2
#define VYRE_IOOP_FENCE 3
#define VYRE_IOST_RESERVED 8 /* kernel: taken, not yet filled */
#define VYRE_IOST_OK 0x10
#define VYRE_IOST_ERROR 0x11

/* --- limits -------------------------------------------------------------- */

/* Representable in 32-bit word counts, and what the encoders allow. */
#define VYRE_MAX_RING_SLOTS 268435455u
#define VYRE_MAX_OBSERVABLES 4294967135u
#define VYRE_MAX_DEBUG_RECORDS 1073741823u
#define VYRE_MAX_ENCODED_RING_SLOTS 1048576u
#define VYRE_MAX_ENCODED_OBSERVABLES 1048576u
#define VYRE_MAX_ENCODED_DEBUG_RECORDS 1048576u

/* --- completion record (host-cached memory, one per slot) ---------------- */

#define VYRE_COMPLETION_WORDS 8
#define VYRE_R_SEQUENCE 0 /* written last, with release; the slot's sequence */
#define VYRE_R_STATUS 1   /* VYRE_ST_DONE, VYRE_ST_FAULT or VYRE_ST_EMPTY (cancelled) */
#define VYRE_R_CODE 2     /* VYRE_FAULT_* */
#define VYRE_R_ADDRESS 3  /* Trap address, or the index that failed */
#define VYRE_R_TAG 4      /* Trap tag number of the lowered program, from 1 */
#define VYRE_R_STEPS 5    /* interpreted instructions of this tile, saturating */
#define VYRE_R_PC 6       /* instruction that faulted */
#define VYRE_R_SLICES 7   /* times the tile was suspended */

/* Behind the records, in the same memory: what kernels tell the host besides. */
#define VYRE_TAIL_CLOSED 0 /* by launch: not 0 once it leaves for want of work */
#define VYRE_TAIL_IO VYRE_MAX_LAUNCHES /* the IO queue: requests */
#define VYRE_TAIL_LOG (VYRE_TAIL_IO + VYRE_IO_SLOTS * VYRE_IO_WORDS)
/* The debug log goes round. Records begin with the words that the protocol
 * gives them; the format is written last. */
#define VYRE_LOG_RECORD_WORDS 8
#define VYRE_LOG_FORMAT 0
#define VYRE_LOG_ARG1 1
#define VYRE_LOG_ARG2 2
#define VYRE_LOG_SLOT_BASE 3
#define VYRE_LOG_TENANT 4
#define VYRE_LOG_SEQUENCE 5
#define VYRE_TAIL_WORDS (VYRE_TAIL_LOG + VYRE_D_CAPACITY * VYRE_LOG_RECORD_WORDS)
/* How requests in the queue are filled: the resource is source, destination and
 * tag (section 12.5), then: */
#define VYRE_IO_TENANT VYRE_IO_OFF_LO
#define VYRE_IO_PREFETCH VYRE_IO_OFF_HI /* nobody waits: the host recycles it */
#define VYRE_IO_RING_SLOT VYRE_IO_BYTES

/* Fault codes: vir0-semantics.md section 21, then our own from 64. */
#define VYRE_FAULT_NONE 0
#define VYRE_FAULT_INDEX 6            /* R06 */
#define VYRE_FAULT_OPERANDS 7         /* R07 */
#define VYRE_FAULT_DIVISION 8         /* R08 */
#define VYRE_FAULT_CAST 9             /* R09 */
#define VYRE_FAULT_BARRIER 13         /* R13 */
#define VYRE_FAULT_ASYNC 14           /* R14 */
#define VYRE_FAULT_TRAP 15            /* R15 */
#define VYRE_FAULT_SUBGROUP 16        /* R16 */
#define VYRE_FAULT_STEP_LIMIT 64      /* max-steps used up */
#define VYRE_FAULT_BAD_OPCODE 65      /* slot opcode unknown or of another tenant */
#define VYRE_FAULT_BAD_DESCRIPTOR 66  /* index, generation or tenant mismatch */
#define VYRE_FAULT_BAD_CODE 67        /* instruction outside the verified set */
#define VYRE_FAULT_CANCELLED 68
#define VYRE_FAULT_LOST 76            /* host: its kernel ended without it */
/* Of builtins. */
#define VYRE_FAULT_DENIED 69        /* the tenant's mask does not allow it */
#define VYRE_FAULT_CONTROL_INDEX 70 /* no word of the tenant's window */
#define VYRE_FAULT_PACKED 71        /* malformed packed slot */
#define VYRE_FAULT_ARGUMENT 72      /* out of range; the address says which value */
#define VYRE_FAULT_IO 73            /* the address is an errno */

/* --- window descriptor (device memory, written by the runtime only) ------ */

#define VYRE_DESCRIPTOR_WORDS 256
#define VYRE_X_GENERATION 0
#define VYRE_X_TENANT 1
#define VYRE_X_CODE_LO 2
#define VYRE_X_CODE_HI 3
#define VYRE_X_CODE_LENGTH 4 /* instructions */
#define VYRE_X_FLAGS 5
#define VYRE_X_REGISTERS 6 /* used by the program, per lane */
#define VYRE_X_SPILLS 7    /* spill words per lane */
#define VYRE_X_SIZE_X 8    /* workgroup size */
#define VYRE_X_SIZE_Y 9
#define VYRE_X_SIZE_Z 10
#define VYRE_X_INVOCATIONS 11 /* product of the three */
#define VYRE_X_GRID_X 12
#define VYRE_X_GRID_Y 13
#define VYRE_X_GRID_Z 14
#define VYRE_X_CANCEL 15 /* host: equals the generation once cancelled */
#define VYRE_X_SHARED_WORDS 16
#define VYRE_X_WARPS 17 /* lane groups per workgroup */
#define VYRE_X_MAX_STEPS_LO 18 /* per invocation; both 0: no limit */
#define VYRE_X_MAX_STEPS_HI 19
#define VYRE_X_BINDINGS 20 /* number of them */
#define VYRE_X_BINDING0 32
#define VYRE_MAX_BINDINGS 56

/* VYRE_A_KERNEL of slots that only one compiled kernel runs. */
#define VYRE_KERNEL_COMPILED 0x80000000u
/* The kernel for builtins; known by their opcodes, not by VYRE_A_KERNEL. */
#define VYRE_KERNEL_BUILTIN 0x40000000u

/* Flags: the program has barriers or workgroup memory, so one lane group runs
 * one whole workgroup at a time instead of a flat range of invocations. */
#define VYRE_XF_GROUPED 1u
/* Each lane may run several invocations at once: flat, one-dimensional, few
 * registers and levels, nothing spilled. They are 1, 2 or 4 quads (log2 in the two
 * bits from QUADS_SHIFT), whose registers fit into one lane's and whose levels into
 * 64 bits. */
#define VYRE_XF_WIDE 2u
#define VYRE_XF_QUADS_SHIFT 2
#define VYRE_WIDE 4
#define VYRE_MOST_QUADS 4
#define VYRE_WIDE_LEVELS 8

/* A binding. */
#define VYRE_BINDING_WORDS 4
#define VYRE_B_ADDRESS_LO 0
#define VYRE_B_ADDRESS_HI 1 /* VYRE_B_SHARED: LO is a byte offset in the save area's shared part */
#define VYRE_B_BYTES 2      /* exact length */
#define VYRE_B_COUNT 3      /* what BufLen yields */
#define VYRE_B_SHARED 0xFFFFFFFFu

/* --- save area ------------------------------------------------------------ */

/* Tile header, then SHARED_WORDS words of workgroup memory, then per lane
 * group: (6 + REGISTERS + SPILLS) rows of one word per lane. Row 0 holds the
 * program counter in every lane. */
#define VYRE_S_HEADER_WORDS 16
#define VYRE_S_WORKGROUP 0 /* workgroups of the tile that are finished */
#define VYRE_S_WARP 1      /* lane group (grouped) or batch (flat) running */
#define VYRE_S_PHASE 2     /* barriers passed by this workgroup */
#define VYRE_S_STEPS_LO 3  /* steps of the running invocations */
#define VYRE_S_STEPS_HI 4
#define VYRE_S_TOTAL 5     /* steps of the tile, saturating */
#define VYRE_S_SLICES 6
#define VYRE_S_ACTIVE 7    /* lane groups still unfinished in this phase */
#define VYRE_S_LANE_ROWS 6 /* pc, flags, entered lo/hi, taken lo/hi */

#endif
