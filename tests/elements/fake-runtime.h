/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/engine/runtime.h"
#include "runtime/ring/words.h"

G_BEGIN_DECLS

/* Stands in for the runtime behind an element that only reads it: the words
 * and numbers are the test's. There is no GPU; vyre_runtime_acquire() fails. */

#define FAKE_SLOTS 16

typedef struct
{
  /* Copied into each snapshot; [lock]. */
  guint32 control[VYRE_CONTROL_MIN_WORDS];
  guint32 ring[FAKE_SLOTS * VYRE_SLOT_WORDS];
  VyreRuntimeSnapshot numbers; /* without control and ring */
  guint64 copied, avoided;
  gboolean malformed; /* the next snapshots lack words */
  guint snapshots; /* taken so far */
} FakeState;

VyreRuntime *fake_runtime_new (void);
/* What vyre_runtime_list() gives, one reference each; at most two. */
void fake_runtime_set_list (VyreRuntime *first, VyreRuntime *second);
/* Locks, gives the state, unlocks. */
FakeState *fake_runtime_lock (VyreRuntime *runtime);
void fake_runtime_unlock (VyreRuntime *runtime);
gint fake_runtime_refs (VyreRuntime *runtime);

G_END_DECLS
