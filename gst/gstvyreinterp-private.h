/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstadapter.h>

#include "gstvyreinterp.h"
#include "gstvyreprint.h"
#include "gstvyreworkload.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (gst_vyre_interp_debug);
GST_DEBUG_CATEGORY_EXTERN (gst_vyre_interp_performance); /* GStreamer's own */

typedef enum
{
  GST_VYRE_TAIL_PAD,
  GST_VYRE_TAIL_DROP,
  GST_VYRE_TAIL_ERROR,
} GstVyreTail;

typedef enum
{
  GST_VYRE_ON_FAULT_ERROR,
  GST_VYRE_ON_FAULT_DROP,
  GST_VYRE_ON_FAULT_PASS,
} GstVyreOnFault;

/* What stands between the pads, in the order in which it leaves. */
typedef struct
{
  GList link; /* in items, or in spare_items; its data is this */
  enum
  {
    ITEM_JOB,
    ITEM_BUFFER, /* leaves as it came */
    ITEM_EVENT,
    ITEM_QUERY, /* borrowed from the thread that waits for it */
    ITEM_TAKEOVER, /* all that follows is of another workload than this */
  } type;
  gboolean follows; /* its buffer came in a list, behind the item before */
  union
  {
    GstVyreJob *job;
    GstBuffer *buffer;
    GstEvent *event;
    GstQuery *query;
    GstVyreWorkload *workload;
  };
} GstVyreItem;

typedef struct
{
  guint64 copied, copied_out, in_place;
  guint64 windows, faults, cancelled;
} GstVyreInterpStats;

struct _GstVyreInterp
{
  GstElement parent;
  GstPad *sinkpad, *srcpad;
  gboolean may_spin; /* there are processors enough */

  /*< under OBJECT_LOCK >*/
  char *program_location;
  char *program;
  char *bindings;
  VyreEngine engine;
  gint device_index;
  char *device_name, *device_uuid;
  guint priority; /* VYRE_PRI_* */
  guint quota;
  VyreResidency residency;
  guint async_depth;
  guint64 max_steps;
  guint64 max_output_bytes;
  GstVyreTail tail;
  GstVyreOnFault on_fault;
  char *print_formats; /* path */
  VyreRuntime *runtime; /* from READY on */
  GstStructure *last_kept; /* of the stream that ended last */

  /*< held while a program is loaded; no thread that streams takes it >*/
  GMutex load_lock;

  /*< set in READY to PAUSED and by the streaming thread, dropped in PAUSED to
   * READY; the pointers themselves are also under OBJECT_LOCK, for others >*/
  GstVyreWorkload *workload; /* of jobs to come: each has a reference */
  GstVyreWorkload *next_workload; /* atomic: takes over with the next buffer */
  GstVyreOnFault fault_policy; /* the workload's */

  /*< sink pad's stream lock >*/
  GstSegment segment;
  GstAdapter *adapter; /* of a program with frames */
  gboolean adapter_discont; /* its first buffer has the flag */
  gboolean offsets_are_bytes; /* of its last buffer */
  GstClockTime rate_time; /* of its last buffer: so long lasted ... */
  gsize rate_bytes; /* ... so many bytes */
  VyreWindow *last_window; /* of an ordered workload */
  guint64 buffers_in, bytes_in; /* atomic, for readers */
  gboolean has_cancelled; /* there are such jobs */
  gint64 fast_from; /* when the last FAST_ITEMS began to come */
  gboolean noted_copy;
  gboolean hold; /* more buffers follow at once */
  gboolean follows; /* this one follows another, in a list */

  /* What both threads write for every buffer stands in lines of its own. */
  guint8 apart[64];

  /*< whoever lets results leave: the source pad's task, or the sink pad's
   * thread while it has set leaves >*/
  guint64 buffers_out, bytes_out; /* atomic, for readers */
  guint n_leaving; /* atomic: results taken from items that have not left yet */
  gboolean gathers; /* the next result does not leave alone ... */
  GstBufferList *gathered; /* ... but with these, of the same list */
  gboolean noted_low;
  gint64 fault_warned; /* when, monotonic; 0: not yet */
  GstVyrePrinter printer;

  /*< source pad's task >*/
  guint n_seen; /* of n_pushed */
  gboolean spins; /* the last item was not long in coming */

  /* Atomic: n_pushed, for the task's looking. Set when the lock is free again:
   * the task takes it at once. */
  guint8 apart_too[64];
  guint arrivals;
  guint8 apart_from_that[64];

  /*< held while jobs are published; taken before lock >*/
  GMutex publish_lock;

  /*< under lock; what is said to be atomic is so to write, and either pad's
   * thread may look at it without; nothing waits for the GPU or for memory, and nothing is
   * pushed, posted or asked with it held >*/
  GMutex lock;
  GCond added, removed, answered;
  GstFlowReturn srcresult; /* atomic: the stream's health, for both pads */
  gboolean eos; /* EOS is queued or has left */
  gboolean downstream_eos; /* atomic; results are dropped, events pass ... */
  gboolean refuse; /* atomic: ... and no more buffers are taken */
  gboolean error_posted;
  gboolean discont; /* a buffer was left out before the next */
  GQueue items;
  GQueue spare_items;
  guint n_pushed; /* items so far; wraps */
  guint n_buffers; /* atomic: of items, jobs and buffers ... */
  gsize n_bytes; /* atomic: ... and what they hold of the arena */
  GstVyreItem *unpublished; /* the first job of items that is not published */
  guint n_unpublished, n_published; /* atomic: jobs of items */
  guint clearings; /* how often all items were taken away */
  guint n_ended; /* of items: jobs at its head whose runs have ended */
  gboolean looks; /* somebody, at windows of items, without the lock */
  gboolean leaves; /* somebody lets results leave, without the lock */
  guint leave_ns; /* what that costs for each, of late */
  gboolean helps; /* atomic: the sink pad's thread does so, or wants to ... */
  gboolean dozes; /* atomic: ... and the task sleeps meanwhile, looking ... */
  guint n_helped; /* ... whether this goes on; how often it was done; wraps */
  guint helps_from; /* of n_pushed: before that it is not tried */
  gboolean waits_leaves; /* the task sleeps until it has been done */
  gboolean waits_added, waits_removed; /* somebody waits for it */
  gboolean waits_gpu; /* atomic: the task has nothing else to do, sleeps ... */
  gboolean polls; /* atomic: ... or looks, and publishes what comes */
  GQueue cancelled; /* jobs that have not ended yet */
  GstQuery *query_asked; /* downstream has it now */
  GstQuery *query_answered;
  gboolean query_result;
  gboolean live; /* last answer to LATENCY */
  GstClockTime latency; /* what we add */
  GstVyreInterpStats stats;
};

/* Runs looked at together. */
#define GST_VYRE_LOOK_MOST 32

/* Waits that nobody can signal are cut into steps of this length, between
 * which srcresult is looked at. */
#define WAIT_STEP (20 * G_TIME_SPAN_MILLISECOND)

/* Falling asleep and being woken costs both sides more than several buffers do.
 * So where items, results or room come faster than this, one who waits looks for
 * so long before he sleeps. */
#define SPIN_US 30
#define LOOKS_PER_TIME 64

static inline void
gst_vyre_interp_relax (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Looks for so long, at most, until the condition holds: does it? */
#define gst_vyre_interp_spin(us, condition) \
  ({ \
    gint64 end_ = g_get_monotonic_time () + (us); \
    gboolean holds_ = FALSE; \
    do { \
      for (guint i_ = 0; i_ < LOOKS_PER_TIME && !holds_; i_++) { \
        holds_ = (condition); \
        if (!holds_) \
          gst_vyre_interp_relax (); \
      } \
    } while (!holds_ && g_get_monotonic_time () < end_); \
    holds_; \
  })

/* Of what one thread writes at a time and others read at any time. */
#define gst_vyre_interp_peek(where) __atomic_load_n (where, __ATOMIC_RELAXED)
#define gst_vyre_interp_poke(where, value) \
  __atomic_store_n (where, value, __ATOMIC_RELAXED)
#define gst_vyre_interp_count(where, n) \
  gst_vyre_interp_poke (where, *(where) + (n))

/* gstvyreinterp.c */
void gst_vyre_interp_post_kept (GstVyreInterp *self);
void gst_vyre_interp_post_kept_of (
    GstVyreInterp *self, GstVyreWorkload *workload);
void gst_vyre_interp_post_error (GstVyreInterp *self, const GError *error);
VyreRuntime *gst_vyre_interp_ref_runtime (GstVyreInterp *self);
GstStructure *gst_vyre_interp_get_kept (GstVyreInterp *self);

/* gstvyreinterpprogram.c */
/* Makes the workload, from the properties. */
gboolean gst_vyre_interp_load (GstVyreInterp *self, GError **error);
/* Both pads are inactive, and no run is out. */
void gst_vyre_interp_unload (GstVyreInterp *self);
/* With OBJECT_LOCK: engine, priority and quota become those of the
 * workloads. */
void gst_vyre_interp_apply_locked (GstVyreInterp *self);
/* program or program-location; loads it if a stream runs. No lock, and not a
 * thread that streams through this element, which would wait for the compiler. */
void gst_vyre_interp_set_program (
    GstVyreInterp *self, gboolean is_location, const char *value);
/* Of the sink pad: takes over a program that was set. FALSE: none was. */
gboolean gst_vyre_interp_adopt_program (GstVyreInterp *self);

/* gstvyreinterpproperties.c */
void gst_vyre_interp_install_properties (GObjectClass *klass);
void gst_vyre_interp_init_properties (GstVyreInterp *self);

/* gstvyreinterpflow.c: what both pads share. */
/* With the lock. Wakes whoever waits for a change. */
void gst_vyre_interp_set_result_locked (
    GstVyreInterp *self, GstFlowReturn result);
GstFlowReturn gst_vyre_interp_get_result (GstVyreInterp *self);
/* With the lock. Asks the GPU to drop all that is queued. */
void gst_vyre_interp_cancel_locked (GstVyreInterp *self);
/* With the lock: a new last item, and whatever sleeps until there is one is
 * woken. Takes what is in it. Of the sink pad, like the next. */
GstVyreItem *gst_vyre_interp_push_item_locked (
    GstVyreInterp *self, gint type, gpointer what);
/* With the lock: the task, if it waits for an item, looks again. */
void gst_vyre_interp_wake_task_locked (GstVyreInterp *self);
/* Afterwards, better without the lock: tells a task that looks for items. */
void gst_vyre_interp_tell_arrival (GstVyreInterp *self);
/* With the lock: the thread that waits for one, if any, looks for room again. */
void gst_vyre_interp_wake_sink_locked (GstVyreInterp *self);
/* With the lock: an item that has left the queue is used again. */
void gst_vyre_interp_spare_item_locked (GstVyreInterp *self, GstVyreItem *item);
/* Publishes the jobs that wait for it. Without the locks, from both pads. The
 * stream's result: not OK, also after an error that this has posted. busy: some
 * have to wait, the ring is full. */
GstFlowReturn gst_vyre_interp_publish (GstVyreInterp *self, gboolean *busy);
/* The stream is well, at its activation. */
void gst_vyre_interp_begin (GstVyreInterp *self);
/* The same after a flush, with the lock. */
void gst_vyre_interp_begin_locked (GstVyreInterp *self);
/* Sets the result, cancels what is in flight, and ends every wait of both pads.
 * From any thread, without the stream locks. */
void gst_vyre_interp_wake_all (GstVyreInterp *self, GstFlowReturn result);
/* The stream has failed on our side; the caller posts why. */
void gst_vyre_interp_fail (GstVyreInterp *self);
/* Drops what is queued; jobs go where they wait for the GPU to let go of their
 * memory. No task runs. */
void gst_vyre_interp_clear_items (GstVyreInterp *self, gboolean keep_sticky);
/* Waits until cancelled jobs have ended, at most so long. TRUE when none is
 * left. */
gboolean gst_vyre_interp_reap (GstVyreInterp *self, gint64 timeout_us);
/* Answers a CONTEXT query, if it can. */
gboolean gst_vyre_interp_answer_context (GstVyreInterp *self, GstQuery *query);

/* gstvyreinterpsink.c */
void gst_vyre_interp_setup_sink (GstVyreInterp *self);
/* Of the sink pad: the frame that the stream has begun will not be filled. */
GstFlowReturn gst_vyre_interp_finish_frames (GstVyreInterp *self);
void gst_vyre_interp_clear_frames (GstVyreInterp *self);

/* gstvyreinterpevents.c, of the sink pad. */
GstFlowReturn gst_vyre_interp_sink_event (
    GstPad *pad, GstObject *parent, GstEvent *event);
gboolean gst_vyre_interp_sink_query (
    GstPad *pad, GstObject *parent, GstQuery *query);
/* With the stream lock: drops what is queued and the frame that has begun. */
void gst_vyre_interp_reset_stream (GstVyreInterp *self, gboolean keep_sticky);

/* gstvyreinterpleave.c, with the lock. */
/* The windows of the published jobs at the head, at most GST_VYRE_LOOK_MOST, which
 * stay until the look is ended. If there are any, nobody else may look. */
guint gst_vyre_interp_begin_look (GstVyreInterp *self, VyreWindow **windows);
/* clearings: as it was at the beginning. ended: of the windows, the first ones.
 * FALSE: the queue was cleared, or the stream is not well any more. */
gboolean gst_vyre_interp_end_look (
    GstVyreInterp *self, guint clearings, guint ended);
/* Pushes the first item, of which a run has ended, and some that may follow;
 * gives the lock up meanwhile. Nobody else does so. Sets the stream's result if
 * that is not OK. */
void gst_vyre_interp_leave (GstVyreInterp *self);
/* Of the sink pad, as the next two: if results' way downstream is short, the task
 * is asked to leave them to this thread. */
void gst_vyre_interp_offer_help (GstVyreInterp *self);
/* Lets results leave whose runs have ended, if there are several; wait: after a
 * while, if there are not. Gives the lock up meanwhile. FALSE: none left, for this or
 * because the task does so, and the stream is as it was. */
gboolean gst_vyre_interp_help (GstVyreInterp *self, gboolean wait);
/* The task has to see to it again. */
void gst_vyre_interp_stop_help (GstVyreInterp *self);

/* gstvyreinterpsrc.c */
void gst_vyre_interp_setup_src (GstVyreInterp *self);
/* Of the source pad, with the lock. */
gboolean gst_vyre_interp_start_task (GstVyreInterp *self);

/* Does this event end the end of a stream? */
static inline gboolean
gst_vyre_interp_starts_anew (GstEvent *event)
{
  return GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START ||
         GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT;
}

G_END_DECLS
