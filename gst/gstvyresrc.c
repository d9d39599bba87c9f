/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-vyresrc
 * @title: vyresrc
 * @see_also: filesrc
 *
 * Reads a file through io_uring, several reads in flight, straight into memory
 * that a GPU can read as well: no byte is copied in user space. Buffers that
 * reach #vyreinterp are processed where they are.
 *
 * It behaves as #filesrc does: it pushes and it can be pulled from, seeks by
 * bytes in regular files and block devices, plays backwards, and follows files
 * that grow. It works without any GPU or Vulkan driver. Streams, and pulls that
 * follow each other, are answered from the read-ahead.
 *
 * Memory comes from the process's arena, 256 MiB unless the environment variable
 * `VYRE_ARENA_SIZE` says otherwise (suffixes K, M and G), or from the arena that
 * an element downstream proposes. When something downstream keeps so many
 * buffers that less than a quarter of the arena is free, further ones are
 * ordinary memory; a warning in the debug category GST_PERFORMANCE says so and
 * the `stats` count it.
 *
 * Where io_uring is refused, as in many containers, files are read with plain
 * reads; an INFO message on the bus says so once.
 *
 * ## Fields of the `stats` structure, application/x-vyre-src-stats
 *
 * * `io-path` (string): `none` before the first read, `io-uring-fixed` (into
 *   registered memory), `io-uring`, or `pread`
 * * `direct` (boolean): the page cache is bypassed
 * * `reason` (string): why it is not the best path; empty when it is
 * * `arena` (string): `none`, `host` or `device`: where blocks come from
 * * `reads`, `bytes` (uint64): reads that completed, and what they brought
 * * `short-reads`, `retries` (uint64): reads that brought less than asked for,
 *   and reads that were submitted again
 * * `copied-buffers`, `copied-bytes` (uint64): answers in ordinary memory
 *   instead of the arena
 *
 * Counters start at 0 in READY to PAUSED and stay readable afterwards.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 vyresrc location=README.md ! filesink location=copy.md
 * ]|
 * Copies a file.
 * |[
 * gst-launch-1.0 vyresrc location=README.md blocksize=100003 io-mode=buffered ! fakesink dump=true
 * ]|
 * Shows a file, through the page cache.
 *
 * Since: 0.1
 */

#include "gstvyresrc-private.h"

#include "gstvyrememory.h"

GST_DEBUG_CATEGORY (gst_vyre_src_debug);
#define GST_CAT_DEFAULT gst_vyre_src_debug

#define DEFAULT_BLOCKSIZE (1024 * 1024)
/* More in one list is not worth much, and downstream works on none of it until
 * all of it is there. */
#define LIST_MOST 64

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

G_DEFINE_FINAL_TYPE_WITH_CODE (GstVyreSrc, gst_vyre_src, GST_TYPE_BASE_SRC,
    GST_DEBUG_CATEGORY_INIT (gst_vyre_src_debug, "vyresrc", 0, "vyre source"));
GST_ELEMENT_REGISTER_DEFINE (
    vyresrc, "vyresrc", GST_RANK_NONE, GST_TYPE_VYRE_SRC);

static void gst_vyre_src_finalize (GObject *object);
static gboolean gst_vyre_src_start (GstBaseSrc *basesrc);
static gboolean gst_vyre_src_stop (GstBaseSrc *basesrc);
static gboolean gst_vyre_src_is_seekable (GstBaseSrc *basesrc);
static gboolean gst_vyre_src_get_size (GstBaseSrc *basesrc, guint64 *size);
static gboolean gst_vyre_src_unlock (GstBaseSrc *basesrc);
static gboolean gst_vyre_src_unlock_stop (GstBaseSrc *basesrc);
static gboolean gst_vyre_src_decide_allocation (
    GstBaseSrc *basesrc, GstQuery *query);
static gboolean gst_vyre_src_do_seek (GstBaseSrc *basesrc, GstSegment *segment);
static GstFlowReturn gst_vyre_src_create (
    GstBaseSrc *basesrc, guint64 offset, guint length, GstBuffer **buffer);

static void
gst_vyre_src_class_init (GstVyreSrcClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *basesrc_class = GST_BASE_SRC_CLASS (klass);

  object_class->finalize = gst_vyre_src_finalize;
  gst_vyre_src_install_properties (object_class);

  gst_element_class_set_static_metadata (element_class, "Vyre file source",
      "Source/File",
      "Reads a file with io_uring into memory that a GPU can read",
      "gstvyre contributors");
  gst_element_class_add_static_pad_template (element_class, &src_template);

  basesrc_class->start = GST_DEBUG_FUNCPTR (gst_vyre_src_start);
  basesrc_class->stop = GST_DEBUG_FUNCPTR (gst_vyre_src_stop);
  basesrc_class->is_seekable = GST_DEBUG_FUNCPTR (gst_vyre_src_is_seekable);
  basesrc_class->get_size = GST_DEBUG_FUNCPTR (gst_vyre_src_get_size);
  basesrc_class->unlock = GST_DEBUG_FUNCPTR (gst_vyre_src_unlock);
  basesrc_class->unlock_stop = GST_DEBUG_FUNCPTR (gst_vyre_src_unlock_stop);
  basesrc_class->do_seek = GST_DEBUG_FUNCPTR (gst_vyre_src_do_seek);
  basesrc_class->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_vyre_src_decide_allocation);
  basesrc_class->create = GST_DEBUG_FUNCPTR (gst_vyre_src_create);
}

static void
gst_vyre_src_init (GstVyreSrc *self)
{
  g_mutex_init (&self->lock);
  gst_vyre_src_init_properties (self);
  self->arena_kind = "none";
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_BYTES);
  gst_base_src_set_blocksize (GST_BASE_SRC (self), DEFAULT_BLOCKSIZE);
}

static void
gst_vyre_src_finalize (GObject *object)
{
  GstVyreSrc *self = GST_VYRE_SRC (object);

  g_clear_pointer (&self->last_stats, gst_structure_free);
  g_free (self->location);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (gst_vyre_src_parent_class)->finalize (object);
}

static char *
dup_display_name (GstVyreSrc *self)
{
  char *name;

  GST_OBJECT_LOCK (self);
  name = g_filename_display_name (self->location ? self->location : "");
  GST_OBJECT_UNLOCK (self);
  return name;
}

/* Opens and stats, nothing else: elements start and stop their sources while
 * they negotiate. Ring and read-ahead begin with the first buffer. */
static gboolean
gst_vyre_src_start (GstBaseSrc *basesrc)
{
  GstVyreSrc *self = GST_VYRE_SRC (basesrc);
  g_autofree char *location = NULL, *name = dup_display_name (self);
  g_autoptr (GError) error = NULL;
  VyreReader *reader;
  VyreIoMode io_mode;
  guint depth, blocksize = gst_base_src_get_blocksize (basesrc);

  GST_OBJECT_LOCK (self);
  location = g_strdup (self->location);
  io_mode = self->io_mode;
  depth = self->async_depth;
  GST_OBJECT_UNLOCK (self);

  if (location == NULL || location[0] == '\0')
    goto no_location;
  if (blocksize == 0 || blocksize == G_MAXUINT)
    gst_base_src_set_blocksize (basesrc, DEFAULT_BLOCKSIZE);

  reader = vyre_reader_open (location, io_mode, &error);
  if (reader == NULL)
    goto open_failed;

  g_mutex_lock (&self->lock);
  self->reader = reader;
  self->feed = gst_vyre_feed_new (reader, depth, self);
  if (self->flushing)
    gst_vyre_feed_set_flushing (self->feed, TRUE);
  self->arena_kind = "none";
  g_clear_pointer (&self->last_stats, gst_structure_free);
  g_mutex_unlock (&self->lock);
  self->opened_mode = io_mode;
  self->has_arena = FALSE;
  self->announced = FALSE;
  self->next_offset = 0;

  gst_base_src_set_dynamic_size (basesrc, vyre_reader_is_seekable (reader));
  GST_DEBUG_OBJECT (self, "opened \"%s\", %s", name,
      vyre_reader_is_seekable (reader) ? "seekable" : "not seekable");
  return TRUE;

no_location:
  GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND,
      ("No file name specified for reading."), ("set the location property"));
  return FALSE;
open_failed:
  if (error->code == G_FILE_ERROR_NOENT)
    GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND,
        ("File \"%s\" does not exist.", name), ("%s", error->message));
  else if (io_mode == VYRE_IO_DIRECT && error->code == G_FILE_ERROR_INVAL)
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("File \"%s\" cannot be read with io-mode=direct.", name),
        ("%s", error->message));
  else
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ,
        ("Could not open file \"%s\" for reading.", name),
        ("%s", error->message));
  return FALSE;
}

static gboolean
gst_vyre_src_stop (GstBaseSrc *basesrc)
{
  GstVyreSrc *self = GST_VYRE_SRC (basesrc);

  g_mutex_lock (&self->lock);
  self->last_stats = gst_vyre_src_make_stats_locked (self);
  GST_DEBUG_OBJECT (self, "closing: %" GST_PTR_FORMAT, self->last_stats);
  g_clear_pointer (&self->feed, gst_vyre_feed_free);
  g_clear_pointer (&self->reader, vyre_reader_free);
  g_mutex_unlock (&self->lock);
  g_clear_pointer (&self->proposed, vyre_arena_unref);
  if (self->position_probe != 0)
    gst_pad_remove_probe (GST_BASE_SRC_PAD (self), self->position_probe);
  self->position_probe = 0;
  return TRUE;
}

static gboolean
gst_vyre_src_is_seekable (GstBaseSrc *basesrc)
{
  GstVyreSrc *self = GST_VYRE_SRC (basesrc);
  gboolean seekable;

  g_mutex_lock (&self->lock);
  seekable = self->reader != NULL && vyre_reader_is_seekable (self->reader);
  g_mutex_unlock (&self->lock);
  return seekable;
}

static gboolean
gst_vyre_src_get_size (GstBaseSrc *basesrc, guint64 *size)
{
  GstVyreSrc *self = GST_VYRE_SRC (basesrc);
  gboolean known;

  g_mutex_lock (&self->lock);
  known = self->reader != NULL && vyre_reader_is_seekable (self->reader) &&
          vyre_reader_get_size (self->reader, size);
  g_mutex_unlock (&self->lock);
  return known;
}

static void
set_flushing (GstVyreSrc *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  if (self->feed != NULL)
    gst_vyre_feed_set_flushing (self->feed, flushing);
  g_mutex_unlock (&self->lock);
}

static gboolean
gst_vyre_src_unlock (GstBaseSrc *basesrc)
{
  set_flushing (GST_VYRE_SRC (basesrc), TRUE);
  return TRUE;
}

static gboolean
gst_vyre_src_unlock_stop (GstBaseSrc *basesrc)
{
  set_flushing (GST_VYRE_SRC (basesrc), FALSE);
  return TRUE;
}

/* Looks for an allocator of ours, and takes nothing else: buffers are made in
 * create(), so the base class is to prepare no pool. */
static gboolean
gst_vyre_src_decide_allocation (GstBaseSrc *basesrc, GstQuery *query)
{
  GstVyreSrc *self = GST_VYRE_SRC (basesrc);
  VyreArena *arena = NULL;

  for (guint i = 0; i < gst_query_get_n_allocation_params (query); i++) {
    GstAllocator *allocator = NULL;

    gst_query_parse_nth_allocation_param (query, i, &allocator, NULL);
    if (arena == NULL && gst_vyre_allocator_get_arena (allocator) != NULL)
      arena = vyre_arena_ref (gst_vyre_allocator_get_arena (allocator));
    gst_clear_object (&allocator);
  }
  g_clear_pointer (&self->proposed, vyre_arena_unref);
  self->proposed = arena;
  self->has_arena = FALSE;

  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);
  while (gst_query_get_n_allocation_params (query) > 0)
    gst_query_remove_nth_allocation_param (query, 0);
  return TRUE;
}

/* Called with the stream lock. */
static gboolean
gst_vyre_src_do_seek (GstBaseSrc *basesrc, GstSegment *segment)
{
  GstVyreSrc *self = GST_VYRE_SRC (basesrc);

  if (!GST_BASE_SRC_CLASS (gst_vyre_src_parent_class)
           ->do_seek (basesrc, segment))
    return FALSE;
  if (!gst_vyre_src_is_seekable (basesrc))
    return segment->format == GST_FORMAT_BYTES && segment->rate > 0 &&
           segment->position == self->next_offset;
  /* In time there is only the way to the start. */
  self->next_offset = 0;
  return TRUE;
}

static gboolean
choose_arena (GstVyreSrc *self, GError **error)
{
  VyreArena *arena = self->proposed;
  const char *kind;

  /* O_DIRECT cannot write to mapped device memory, and the user insists. */
  if (arena != NULL && self->opened_mode == VYRE_IO_DIRECT &&
      vyre_arena_get_kind (arena) == VYRE_ARENA_DEVICE)
    arena = NULL;
  arena =
      arena != NULL ? vyre_arena_ref (arena) : vyre_arena_get_process (error);
  if (arena == NULL)
    return FALSE;
  kind = vyre_arena_get_kind (arena) == VYRE_ARENA_DEVICE ? "device" : "host";
  g_mutex_lock (&self->lock);
  if (self->arena_kind != kind)
    GST_INFO_OBJECT (self,
        "blocks come from the %s arena of %" G_GSIZE_FORMAT " bytes", kind,
        vyre_arena_get_size (arena));
  self->arena_kind = kind;
  g_mutex_unlock (&self->lock);

  gst_vyre_feed_set_arena (self->feed, arena);
  vyre_arena_unref (arena);
  self->has_arena = TRUE;
  return TRUE;
}

/* Once the first block has shown how the file is read. */
static void
announce_io_path (GstVyreSrc *self)
{
  GstVyreFeedStats stats;
  g_autofree char *name = NULL;

  gst_vyre_feed_get_stats (self->feed, &stats);
  /* Single pulls say nothing about the read-ahead. */
  if (!stats.streamed)
    goto done;
  self->announced = TRUE;
  GST_INFO_OBJECT (self, "reading by %s%s%s%s",
      gst_vyre_src_io_path_name (stats.reader.path),
      stats.reader.direct ? ", direct" : "",
      stats.reader.reason != NULL ? ": " : "",
      stats.reader.reason != NULL ? stats.reader.reason : "");
  if (stats.reader.path == VYRE_IO_PATH_PREAD) {
    name = dup_display_name (self);
    GST_ELEMENT_INFO (self, RESOURCE, SETTINGS,
        ("File \"%s\" is read without io_uring, with plain reads.", name),
        ("%s", GST_STR_NULL (stats.reader.reason)));
  }
done:
  g_free (stats.reader.reason);
}

static void
post_read_error (
    GstVyreSrc *self, guint64 offset, guint length, const GError *error)
{
  g_autofree char *name = dup_display_name (self);

  switch (error->code) {
    case G_FILE_ERROR_NOMEM:
    case G_FILE_ERROR_NOSPC:
      GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
          ("There is not enough memory to read file \"%s\".", name),
          ("offset %" G_GUINT64_FORMAT ", %u bytes: %s", offset, length,
              error->message));
      break;
    case G_FILE_ERROR_INVAL:
      GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
          ("File \"%s\" cannot be read with these settings.", name),
          ("offset %" G_GUINT64_FORMAT ", %u bytes: %s", offset, length,
              error->message));
      break;
    case G_FILE_ERROR_PIPE:
      GST_ELEMENT_ERROR (self, RESOURCE, SEEK,
          ("Could not seek in file \"%s\".", name),
          ("offset %" G_GUINT64_FORMAT ", %u bytes: %s", offset, length,
              error->message));
      break;
    default:
      GST_ELEMENT_ERROR (self, RESOURCE, READ,
          ("Could not read from file \"%s\".", name),
          ("offset %" G_GUINT64_FORMAT ", %u bytes: %s", offset, length,
              error->message));
      break;
  }
}

static GstFlowReturn
read_buffer (GstVyreSrc *self, const GstVyreFeedRequest *request,
    GstBuffer *into, GstBuffer **buffer, GError **error)
{
  GstFlowReturn ret =
      gst_vyre_feed_read (self->feed, request, into, buffer, error);

  if (ret != GST_FLOW_OK)
    return ret;
  GST_BUFFER_OFFSET (*buffer) = request->offset;
  GST_BUFFER_OFFSET_END (*buffer) =
      request->offset + gst_buffer_get_size (*buffer);
  self->next_offset = GST_BUFFER_OFFSET_END (*buffer);
  return GST_FLOW_OK;
}

/* The base class counts the first buffer of a list only. Its position has to be
 * right before anybody downstream may ask for it, or seek. */
static GstPadProbeReturn
correct_position (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstVyreSrc *self = data;

  GST_OBJECT_LOCK (self);
  GST_BASE_SRC (self)->segment.position = self->next_offset;
  GST_OBJECT_UNLOCK (self);
  return GST_PAD_PROBE_OK;
}

/* May the buffer that answers this leave with others? The base class gives
 * timestamps to the first one of a list only. */
static gboolean
may_list (GstVyreSrc *self, const GstVyreFeedRequest *request)
{
  GstBaseSrc *basesrc = GST_BASE_SRC_CAST (self);

  return g_atomic_int_get (&self->buffer_lists) && !request->pulled &&
         !request->backwards && basesrc->segment.format == GST_FORMAT_BYTES &&
         !gst_base_src_get_do_timestamp (basesrc);
}

/* The buffer, and whatever of the same length has been read behind it, leave as a
 * list, if there is any. Takes the buffer; %NULL: the base class has it. */
static GstBuffer *
submit_list (GstVyreSrc *self, GstVyreFeedRequest *request, GstBuffer *buffer)
{
  GstBaseSrc *basesrc = GST_BASE_SRC_CAST (self);
  GstBufferList *list = NULL;
  gint left = basesrc->num_buffers_left; /* negative: any number */
  guint most = left < 0 ? LIST_MOST : MIN (LIST_MOST, 1 + (guint) left);

  for (guint n = 1; n < most; n++) {
    GstBuffer *next = NULL;

    request->offset = self->next_offset;
    if (!gst_vyre_feed_has_next (self->feed, request) ||
        read_buffer (self, request, NULL, &next, NULL) != GST_FLOW_OK)
      break;
    if (list == NULL) {
      list = gst_buffer_list_new_sized (LIST_MOST);
      gst_buffer_list_add (list, buffer);
    }
    gst_buffer_list_add (list, next);
    /* Ours to count, under the stream lock; the first has been. */
    if (left >= 0)
      basesrc->num_buffers_left--;
  }
  if (list == NULL)
    return buffer;
  if (self->position_probe == 0)
    self->position_probe = gst_pad_add_probe (GST_BASE_SRC_PAD (self),
        GST_PAD_PROBE_TYPE_BUFFER_LIST, correct_position, self, NULL);
  gst_base_src_submit_buffer_list (basesrc, list);
  return NULL;
}

static GstFlowReturn
gst_vyre_src_create (
    GstBaseSrc *basesrc, guint64 offset, guint length, GstBuffer **buffer)
{
  GstVyreSrc *self = (GstVyreSrc *) basesrc;
  GstVyreFeedRequest request = { offset, length, G_MAXUINT64 };
  g_autoptr (GError) error = NULL;
  GstBuffer *made = NULL;
  GstFlowReturn ret;

  if (offset == GST_BUFFER_OFFSET_NONE)
    request.offset = offset = self->next_offset;
  request.pulled =
      GST_PAD_MODE (GST_BASE_SRC_PAD (basesrc)) == GST_PAD_MODE_PULL;
  request.blocksize = basesrc->blocksize;
  /* Nobody else changes the segment while this has the stream lock. */
  if (!request.pulled && basesrc->segment.format == GST_FORMAT_BYTES) {
    request.backwards = basesrc->segment.rate < 0;
    request.stop =
        request.backwards ? basesrc->segment.start : basesrc->segment.stop;
  }
  if (length == 0 && request.pulled)
    goto empty;
  if (length == 0 && request.backwards)
    goto no_step;
  /* Set while playing: start() has replaced them otherwise. */
  if (request.blocksize == 0 || request.blocksize == G_MAXUINT) {
    request.blocksize = DEFAULT_BLOCKSIZE;
    if (length == 0)
      request.length = MIN (DEFAULT_BLOCKSIZE, request.stop - offset);
    else if (!request.pulled && !request.backwards)
      request.length = MIN (length, DEFAULT_BLOCKSIZE);
  }

  if (!self->has_arena && !choose_arena (self, &error))
    goto no_arena;
  ret = read_buffer (self, &request, *buffer, &made, &error);
  if (ret == GST_FLOW_ERROR)
    goto read_failed;
  if (ret != GST_FLOW_OK)
    return ret;
  *buffer =
      may_list (self, &request) ? submit_list (self, &request, made) : made;
  if (!self->announced)
    announce_io_path (self);
  return GST_FLOW_OK;

empty:
  if (*buffer == NULL)
    *buffer = gst_buffer_new ();
  else
    gst_buffer_resize (*buffer, 0, 0);
  return GST_FLOW_OK;
no_step:
  GST_WARNING_OBJECT (self, "blocksize 0 makes no progress backwards");
  return GST_FLOW_EOS;
no_arena:
  GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
      ("There is no memory to read into."), ("%s", error->message));
  return GST_FLOW_ERROR;
read_failed:
  post_read_error (self, offset, length, error);
  return GST_FLOW_ERROR;
}
