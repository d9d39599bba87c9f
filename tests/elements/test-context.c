/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gstvyrecontext.h"
#include "support.h"

/* --- two imagined devices ---------------------------------------------------- */

struct _VyreRuntime
{
  gint refs;
  VyreDeviceInfo info;
};

static GMutex devices_lock;
static VyreRuntime *devices[2]; /* the registry: no references */
static guint created;

VyreRuntime *
vyre_runtime_acquire (const VyreRuntimeOptions *options, GError **error)
{
  gint index = MAX (options->device_index, 0);
  VyreRuntime *runtime;

  if (options->device_name != NULL)
    index = g_ascii_strcasecmp (options->device_name, "gpu b") == 0;
  if (options->device_uuid != NULL)
    index = g_str_has_prefix (options->device_uuid, "A1");
  if (index >= 2) {
    g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NOT_FOUND,
        "no device %d", index);
    return NULL;
  }
  /* Long enough for another thread to come in between. */
  g_usleep (2000);
  g_mutex_lock (&devices_lock);
  runtime = devices[index];
  if (runtime == NULL) {
    runtime = devices[index] = g_new0 (VyreRuntime, 1);
    runtime->info.index = index;
    runtime->info.uuid[0] = 0xa0 + index;
    g_snprintf (runtime->info.name, sizeof runtime->info.name,
        "Imagined GPU %c", 'A' + index);
  }
  created++;
  runtime->refs++;
  g_mutex_unlock (&devices_lock);
  return runtime;
}

VyreRuntime *
vyre_runtime_ref (VyreRuntime *runtime)
{
  g_mutex_lock (&devices_lock);
  runtime->refs++;
  g_mutex_unlock (&devices_lock);
  return runtime;
}

void
vyre_runtime_unref (VyreRuntime *runtime)
{
  g_mutex_lock (&devices_lock);
  g_assert_cmpint (runtime->refs, >, 0);
  if (--runtime->refs == 0) {
    devices[runtime->info.index] = NULL;
    g_free (runtime);
  }
  g_mutex_unlock (&devices_lock);
}

const VyreDeviceInfo *
vyre_runtime_get_device_info (VyreRuntime *runtime)
{
  return &runtime->info;
}

GQuark
vyre_device_error_quark (void)
{
  return g_quark_from_static_string ("vyre-device-error-quark");
}

/* --- an element that needs one ------------------------------------------------ */

typedef struct
{
  GstElement parent;
  VyreRuntimeOptions wish;
  gboolean create;
  VyreRuntime *runtime; /* OBJECT_LOCK */
  GError *error;
} User;

typedef GstElementClass UserClass;

static GType user_get_type (void);
G_DEFINE_TYPE (User, user, GST_TYPE_ELEMENT)

static VyreRuntime *
ref_runtime (User *user)
{
  VyreRuntime *runtime;

  GST_OBJECT_LOCK (user);
  runtime = user->runtime != NULL ? vyre_runtime_ref (user->runtime) : NULL;
  GST_OBJECT_UNLOCK (user);
  return runtime;
}

static gboolean
user_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  g_autoptr (VyreRuntime) runtime = ref_runtime ((User *) parent);

  if (gst_vyre_context_handle_query (GST_ELEMENT (parent), query, runtime))
    return TRUE;
  return gst_pad_query_default (pad, parent, query);
}

static void
user_set_context (GstElement *element, GstContext *context)
{
  User *user = (User *) element;

  gst_vyre_context_handle_set (element, context, &user->wish, &user->runtime);
  GST_ELEMENT_CLASS (user_parent_class)->set_context (element, context);
}

static GstStateChangeReturn
user_change_state (GstElement *element, GstStateChange change)
{
  User *user = (User *) element;
  GstStateChangeReturn ret;
  VyreRuntime *runtime;

  if (change == GST_STATE_CHANGE_NULL_TO_READY &&
      !gst_vyre_context_ensure (
          element, &user->wish, user->create, &user->runtime, &user->error) &&
      user->create)
    return GST_STATE_CHANGE_FAILURE;
  ret = GST_ELEMENT_CLASS (user_parent_class)->change_state (element, change);
  if (change == GST_STATE_CHANGE_READY_TO_NULL) {
    GST_OBJECT_LOCK (user);
    runtime = g_steal_pointer (&user->runtime);
    GST_OBJECT_UNLOCK (user);
    g_clear_pointer (&runtime, vyre_runtime_unref);
  }
  return ret;
}

static void
user_finalize (GObject *object)
{
  User *user = (User *) object;

  /* set_context() comes in any state. */
  g_clear_pointer (&user->runtime, vyre_runtime_unref);
  g_clear_error (&user->error);
  G_OBJECT_CLASS (user_parent_class)->finalize (object);
}

static void
user_class_init (UserClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = user_finalize;
  klass->set_context = user_set_context;
  klass->change_state = user_change_state;
  gst_element_class_set_static_metadata (
      klass, "User", "Filter", "Needs a runtime", "-");
}

static void
user_init (User *user)
{
  static const GstPadDirection directions[] = { GST_PAD_SINK, GST_PAD_SRC };

  user->wish = VYRE_RUNTIME_OPTIONS_DEFAULT;
  user->create = TRUE;
  for (guint i = 0; i < 2; i++) {
    GstPad *pad = gst_pad_new (i == 0 ? "sink" : "src", directions[i]);

    gst_pad_set_query_function (pad, user_query);
    gst_element_add_pad (GST_ELEMENT (user), pad);
  }
}

static User *
add_user (GstElement *pipeline)
{
  User *user = g_object_new (user_get_type (), NULL);

  gst_bin_add (GST_BIN (pipeline), GST_ELEMENT (user));
  return user;
}

/* Every reference has gone. */
static void
assert_no_devices (void)
{
  g_assert_null (devices[0]);
  g_assert_null (devices[1]);
  created = 0;
}

/* How many messages of that type about our context lie on the bus. */
static guint
count_messages (GstElement *pipeline, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (bus, type)) != NULL) {
    n++;
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  return n;
}

/* --- tests -------------------------------------------------------------------- */

static void
test_context (void)
{
  const VyreRuntimeOptions second = { 1, NULL, VYRE_RESIDENCY_AUTO };
  VyreRuntime *runtime = vyre_runtime_acquire (&second, NULL), *out;
  GstContext *context = gst_vyre_context_new (runtime);
  GstContext *foreign = gst_context_new ("gst.other", FALSE);
  const GstStructure *structure = gst_context_get_structure (context);
  guint index;

  g_assert_true (gst_context_is_persistent (context));
  g_assert_cmpstr (
      gst_context_get_context_type (context), ==, "gst.vyre.runtime");
  g_assert_true (gst_structure_get_uint (structure, "device-index", &index));
  g_assert_cmpuint (index, ==, 1);
  g_assert_cmpstr (gst_structure_get_string (structure, "device-name"), ==,
      "Imagined GPU B");
  g_assert_cmpstr (gst_structure_get_string (structure, "device-uuid"), ==,
      "a1000000000000000000000000000000");
  out = gst_vyre_context_get_runtime (context);
  g_assert_true (out == runtime);
  g_assert_null (gst_vyre_context_get_runtime (foreign));
  gst_context_unref (context);
  gst_context_unref (foreign);
  vyre_runtime_unref (out);
  vyre_runtime_unref (runtime);
  assert_no_devices ();
}

/* All in one pipeline, linked or not, share what the first one made. */
static void
test_share (void)
{
  GstElement *pipeline = gst_pipeline_new (NULL);
  User *users[4];

  for (guint i = 0; i < 4; i++)
    users[i] = add_user (pipeline);
  gst_element_link_many (GST_ELEMENT (users[0]), GST_ELEMENT (users[1]), NULL);
  support_set_state (pipeline, GST_STATE_READY);
  g_assert_cmpuint (created, ==, 1);
  for (guint i = 0; i < 4; i++)
    g_assert_true (users[i]->runtime == devices[0]);
  g_assert_cmpuint (count_messages (pipeline, GST_MESSAGE_HAVE_CONTEXT), ==, 1);

  /* Added later: the bin remembers. */
  users[0] = add_user (pipeline);
  support_set_state (pipeline, GST_STATE_READY);
  gst_element_sync_state_with_parent (GST_ELEMENT (users[0]));
  g_assert_true (users[0]->runtime == devices[0]);
  g_assert_cmpuint (created, ==, 1);

  /* The context is persistent: still the same after NULL. */
  support_set_state (pipeline, GST_STATE_NULL);
  g_assert_nonnull (devices[0]);
  support_set_state (pipeline, GST_STATE_READY);
  g_assert_cmpuint (created, ==, 1);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  assert_no_devices ();
}

/* Neighbours are asked, in both directions, even without a bin. */
static void
test_neighbours (void)
{
  for (guint from = 0; from < 2; from++) {
    User *users[2];

    for (guint i = 0; i < 2; i++)
      users[i] = gst_object_ref_sink (g_object_new (user_get_type (), NULL));
    gst_element_link (GST_ELEMENT (users[0]), GST_ELEMENT (users[1]));
    users[1 - from]->create = FALSE;
    gst_element_set_state (GST_ELEMENT (users[from]), GST_STATE_READY);
    gst_element_set_state (GST_ELEMENT (users[1 - from]), GST_STATE_READY);
    g_assert_nonnull (users[from]->runtime);
    g_assert_true (users[1 - from]->runtime == users[from]->runtime);
    for (guint i = 0; i < 2; i++)
      gst_element_set_state (GST_ELEMENT (users[i]), GST_STATE_NULL);
    for (guint i = 0; i < 2; i++)
      gst_object_unref (users[i]);
    assert_no_devices ();
  }
}

static void
test_no_create (void)
{
  GstElement *pipeline = gst_pipeline_new (NULL);
  User *user = add_user (pipeline);

  user->create = FALSE;
  support_set_state (pipeline, GST_STATE_READY);
  g_assert_null (user->runtime);
  g_assert_no_error (user->error);
  g_assert_cmpuint (count_messages (pipeline, GST_MESSAGE_NEED_CONTEXT), ==, 1);
  support_set_state (pipeline, GST_STATE_NULL);

  user->create = TRUE;
  user->wish.device_index = 7;
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_READY), ==,
      GST_STATE_CHANGE_FAILURE);
  g_assert_error (user->error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NOT_FOUND);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  assert_no_devices ();
}

/* Whoever wants another device gets it, and does not take it from others. */
static void
test_two_devices (void)
{
  GstElement *pipeline = gst_pipeline_new (NULL);
  User *users[6];

  for (guint i = 0; i < 6; i++) {
    users[i] = add_user (pipeline);
    if (i > 0)
      gst_element_link (GST_ELEMENT (users[i - 1]), GST_ELEMENT (users[i]));
  }
  users[0]->wish.device_name = "gpu b";
  users[1]->wish.device_index = 0;
  users[2]->wish.device_index = 1;
  users[3]->wish.device_name = "Imagined GPU A";
  users[4]->wish.device_uuid = "A1000000-0000-0000-0000-000000000000";
  users[5]->wish.device_uuid = "a0000000000000000000000000000000";
  support_set_state (pipeline, GST_STATE_READY);
  g_assert_true (users[0]->runtime == devices[1]);
  g_assert_true (users[1]->runtime == devices[0]);
  g_assert_true (users[2]->runtime == devices[1]);
  g_assert_true (users[3]->runtime == devices[0]);
  g_assert_true (users[4]->runtime == devices[1]);
  g_assert_true (users[5]->runtime == devices[0]);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  assert_no_devices ();
}

static GstBusSyncReply
answer (GstBus *bus, GstMessage *message, gpointer context)
{
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_NEED_CONTEXT)
    gst_element_set_context (GST_ELEMENT (GST_MESSAGE_SRC (message)), context);
  return GST_BUS_PASS;
}

static void
test_application (void)
{
  const VyreRuntimeOptions second = { 1, NULL, VYRE_RESIDENCY_AUTO };
  VyreRuntime *runtime = vyre_runtime_acquire (&second, NULL);
  GstContext *context = gst_vyre_context_new (runtime);
  const VyreRuntimeOptions any = VYRE_RUNTIME_OPTIONS_DEFAULT;
  VyreRuntime *other = vyre_runtime_acquire (&any, NULL);
  GstContext *other_context = gst_vyre_context_new (other);

  for (guint beforehand = 0; beforehand < 2; beforehand++) {
    GstElement *pipeline = gst_pipeline_new (NULL);
    User *user = add_user (pipeline);
    GstBus *bus = gst_element_get_bus (pipeline);

    if (beforehand)
      gst_element_set_context (pipeline, context);
    else
      gst_bus_set_sync_handler (bus, answer, context, NULL);
    support_set_state (pipeline, GST_STATE_READY);
    g_assert_true (user->runtime == runtime);
    g_assert_cmpuint (created, ==, 2);
    g_assert_cmpuint (count_messages (pipeline, GST_MESSAGE_NEED_CONTEXT), ==,
        beforehand ? 0 : 1);

    /* What comes while it is in use is left alone. */
    gst_element_set_context (GST_ELEMENT (user), other_context);
    g_assert_true (user->runtime == runtime);
    gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
    gst_object_unref (bus);
    support_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (pipeline);
  }
  gst_context_unref (context);
  gst_context_unref (other_context);
  vyre_runtime_unref (runtime);
  vyre_runtime_unref (other);
  assert_no_devices ();
}

/* What others put into a context stays in it, and theirs stays as it was. */
static void
test_query (void)
{
  const VyreRuntimeOptions any = VYRE_RUNTIME_OPTIONS_DEFAULT;
  GstElement *element =
      gst_object_ref_sink (g_object_new (user_get_type (), NULL));
  VyreRuntime *runtime = vyre_runtime_acquire (&any, NULL);
  GstQuery *query = gst_query_new_context ("gst.vyre.runtime");
  GstContext *context = gst_context_new ("gst.vyre.runtime", TRUE), *answered;
  VyreRuntime *out;

  g_assert_false (gst_vyre_context_handle_query (element, query, NULL));
  gst_structure_set (
      gst_context_writable_structure (context), "extra", G_TYPE_INT, 5, NULL);
  gst_query_set_context (query, context);
  g_assert_true (gst_vyre_context_handle_query (element, query, runtime));
  gst_query_parse_context (query, &answered);
  g_assert_true (
      gst_structure_has_field (gst_context_get_structure (answered), "extra"));
  out = gst_vyre_context_get_runtime (answered);
  g_assert_true (out == runtime);
  vyre_runtime_unref (out);
  g_assert_null (gst_vyre_context_get_runtime (context));
  gst_query_unref (query);

  query = gst_query_new_context ("gst.other");
  g_assert_false (gst_vyre_context_handle_query (element, query, runtime));
  gst_query_unref (query);
  query = gst_query_new_duration (GST_FORMAT_BYTES);
  g_assert_false (gst_vyre_context_handle_query (element, query, runtime));
  gst_query_unref (query);
  gst_context_unref (context);
  gst_object_unref (element);
  vyre_runtime_unref (runtime);
  assert_no_devices ();
}

static gpointer
start_and_stop (gpointer pipeline)
{
  for (guint i = 0; i < 30; i++) {
    support_set_state (pipeline, GST_STATE_READY);
    support_set_state (pipeline, GST_STATE_NULL);
  }
  return NULL;
}

/* Linked elements that start at the same moment in different threads must not
 * wait for each other. */
static void
test_threads (void)
{
  User *users[4];
  GThread *threads[4];

  for (guint i = 0; i < 4; i++)
    users[i] = gst_object_ref_sink (g_object_new (user_get_type (), NULL));
  for (guint i = 0; i < 3; i++)
    gst_element_link (GST_ELEMENT (users[i]), GST_ELEMENT (users[i + 1]));
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("starter", start_and_stop, users[i]);
  for (guint i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < 4; i++)
    gst_object_unref (users[i]);
  assert_no_devices ();
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_func ("/context/fields", test_context);
  g_test_add_func ("/context/share", test_share);
  g_test_add_func ("/context/neighbours", test_neighbours);
  g_test_add_func ("/context/no-create", test_no_create);
  g_test_add_func ("/context/two-devices", test_two_devices);
  g_test_add_func ("/context/application", test_application);
  g_test_add_func ("/context/query", test_query);
  g_test_add_func ("/context/threads", test_threads);
  return support_run ();
}
