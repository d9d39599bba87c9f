/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pipelines with what the driver kept of them: from disk, and never what is
 * not as it was stored there. The driver that keeps something is ours; those
 * that run tests keep little or nothing. */

#include "count-devices.h"
#include "engine/engine-private.h"
#include "jit/jit.h"
#include "vir0/blake3.h"

#include "nothing-comp.h"
#include "programs.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_HEADER 88
#define FILE_DIGEST 56
#define BLOB_HEADER 32
#define BLOB (BLOB_HEADER + 1000)

static VyreRuntime *runtime;
static char *folder;

static gint n_blobs_given; /* atomic */
static gsize n_kept;
static PFN_vkCreatePipelineCache real_create;
static PFN_vkDestroyPipeline real_destroy;
static PFN_vkDestroyDevice real_destroy_device;
static GThread *main_thread, *destroyer; /* of the device */

/* Of a thread that compiles beside the main one: both atomic. */
static gint waits_to_begin; /* until the main one sets it to 0 */
static gint is_destroying;

/* --- the driver ----------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL
get_data (VkDevice handle, VkPipelineCache cache, size_t *size, void *data)
{
  guint32 header[] = { BLOB_HEADER, 1, 0, 0 };
  VyreDriverId id;

  if (data == NULL) {
    *size = n_kept;
    return VK_SUCCESS;
  }
  vyre_device_get_driver_id (runtime->device, &id);
  header[2] = id.vendor;
  header[3] = id.device;
  for (guint i = 0; i < 4; i++)
    header[i] = GUINT32_TO_LE (header[i]);
  memset (data, 0x5a, n_kept);
  memcpy (data, header, sizeof header);
  memcpy ((guint8 *) data + sizeof header, id.cache_uuid, 16);
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
create (VkDevice handle, const VkPipelineCacheCreateInfo *info,
    const VkAllocationCallbacks *allocator, VkPipelineCache *cache)
{
  VkPipelineCacheCreateInfo nothing = *info;

  if (g_thread_self () != main_thread &&
      g_atomic_int_compare_and_exchange (&waits_to_begin, 1, 2)) {
    while (g_atomic_int_get (&waits_to_begin) != 0)
      g_usleep (1000);
  }
  if (info->initialDataSize > 0) {
    const guint8 *data = info->pInitialData;

    for (gsize i = BLOB_HEADER; i < info->initialDataSize; i++)
      g_assert_cmpuint (data[i], ==, 0x5a);
    g_atomic_int_inc (&n_blobs_given);
  }
  nothing.initialDataSize = 0;
  nothing.pInitialData = NULL;
  return real_create (handle, &nothing, allocator, cache);
}

static VKAPI_ATTR void VKAPI_CALL
destroy_pipeline (VkDevice handle, VkPipeline pipeline,
    const VkAllocationCallbacks *allocator)
{
  if (g_thread_self () != main_thread) {
    g_atomic_int_set (&is_destroying, 1);
    g_usleep (50 * 1000);
  }
  real_destroy (handle, pipeline, allocator);
}

static VKAPI_ATTR void VKAPI_CALL
destroy_device (VkDevice handle, const VkAllocationCallbacks *allocator)
{
  destroyer = g_thread_self ();
  real_destroy_device (handle, allocator);
}

/* --- files ------------------------------------------------------------------------ */

/* The one pipeline that is there, or NULL. */
static char *
find_file (void)
{
  g_autofree char *jit = g_build_filename (folder, "jit", NULL);
  g_autoptr (GDir) dir = g_dir_open (jit, 0, NULL);
  char *found = NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_assert_false (g_str_has_prefix (name, ".new-"));
    if (!g_str_has_suffix (name, ".bin"))
      continue;
    g_assert_null (found);
    found = g_build_filename (jit, name, NULL);
  }
  return found;
}

static void
set_up (void)
{
  g_autofree char *file = find_file ();

  if (file != NULL)
    g_assert_cmpint (g_unlink (file), ==, 0);
  n_kept = BLOB;
  n_blobs_given = 0;
}

/* Was there something that the driver could be given? */
static gboolean
build_once (void)
{
  g_autoptr (GError) error = NULL;
  VyrePipelineTimes times;
  VyrePipeline *pipeline = vyre_runtime_build_pipeline (
      runtime, nothing_comp, sizeof nothing_comp, 0, 1, "test", &times, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (times.ns, >, 0);
  vyre_pipeline_free (pipeline);
  return times.cached;
}

static gboolean
build (void)
{
  gint before = g_atomic_int_get (&n_blobs_given);
  gboolean cached = build_once ();

  g_assert_cmpint (n_blobs_given - before, ==, cached ? 1 : 0);
  return cached;
}

/* --- tests ------------------------------------------------------------------------- */

static void
test_kept (void)
{
  g_autofree char *file = NULL;
  struct stat st;

  set_up ();
  g_assert_false (build ());
  file = find_file ();
  g_assert_nonnull (file);
  g_assert_cmpint (g_stat (file, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpuint ((guint64) st.st_size, ==, FILE_HEADER + BLOB);
  g_assert_true (build ());
  g_assert_true (build ());
}

/* Only a driver that had to add something changes the file. */
static void
test_written_when_needed (void)
{
  g_autofree char *file = NULL;
  struct stat before, after;

  set_up ();
  build ();
  file = find_file ();
  g_assert_cmpint (g_stat (file, &before), ==, 0);
  build ();
  g_assert_cmpint (g_stat (file, &after), ==, 0);
  g_assert_cmpuint (before.st_ino, ==, after.st_ino);
  n_kept += 10;
  g_assert_true (build ());
  g_assert_cmpint (g_stat (file, &after), ==, 0);
  g_assert_cmpuint ((guint64) after.st_size, ==, FILE_HEADER + BLOB + 10);
}

static void
write_file (const char *path, const char *data, gsize size)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, data, (gssize) size, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
}

static void
test_damaged (void)
{
  const gsize places[] = { 0, 9, 20, FILE_DIGEST, FILE_HEADER + 8,
    FILE_HEADER + BLOB - 1 };
  g_autofree char *path = NULL, *good = NULL;
  gsize size;

  set_up ();
  build ();
  path = find_file ();
  g_assert_true (g_file_get_contents (path, &good, &size, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autofree char *bad = g_memdup2 (good, size);

    bad[places[i]] ^= 1;
    write_file (path, bad, size);
    g_assert_false (build ());
    g_assert_true (build ());
  }
  for (gsize i = 0; i < size; i += size / 3) {
    write_file (path, good, i);
    g_assert_false (build ());
    g_assert_true (build ());
  }
}

/* What has the right digest, but was made by another driver. */
static void
test_foreign (void)
{
  for (gsize at = 4; at < BLOB_HEADER; at += 4) {
    g_autofree char *path = NULL, *data = NULL;
    gsize size;

    set_up ();
    build ();
    path = find_file ();
    g_assert_true (g_file_get_contents (path, &data, &size, NULL));
    data[FILE_HEADER + at] ^= 1;
    vyre_blake3 (
        data + FILE_HEADER, size - FILE_HEADER, (guint8 *) data + FILE_DIGEST);
    write_file (path, data, size);
    g_assert_false (build ());
    g_assert_true (build ());

    /* This one keeps nothing: the file that it cannot use goes. */
    write_file (path, data, size);
    n_kept = BLOB_HEADER;
    g_assert_false (build ());
    g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  }
}

static void
test_writable_by_others (void)
{
  g_autofree char *path = NULL;

  set_up ();
  build ();
  path = find_file ();
  g_assert_cmpint (g_chmod (path, 0666), ==, 0);
  g_assert_false (build ());
  g_assert_true (build ());
  if (geteuid () == 0) {
    g_assert_cmpint (chown (path, 1, (gid_t) -1), ==, 0);
    g_assert_false (build ());
    g_assert_true (build ());
  }
}

static void
test_nothing_kept (void)
{
  g_autofree char *file = NULL;

  set_up ();
  n_kept = BLOB_HEADER;
  g_assert_false (build ());
  g_assert_false (build ());
  file = find_file ();
  g_assert_null (file);
}

static gpointer
build_often (gpointer unused)
{
  for (guint i = 0; i < 5; i++)
    build_once ();
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[4];
  g_autofree char *file = NULL;

  set_up ();
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("build", build_often, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  file = find_file ();
  g_assert_nonnull (file);
  g_assert_true (build ());
}

/* Adds 1 to each of the words; what tier the program has then. */
static VyreTier
run_once (VyreTenant *tenant, VyreExecutable *executable, VyreBlock *block)
{
  g_autoptr (GError) error = NULL;
  VyreBinding binding = { block, 0, 4096 };
  guint32 *words = (guint32 *) block->data, first = words[0];
  g_autoptr (VyreWindow) window =
      vyre_tenant_submit (tenant, executable, &binding, 1, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (vyre_window_wait (window,
                       g_get_monotonic_time () + 60 * G_USEC_PER_SEC, NULL),
      ==, VYRE_WINDOW_DONE);
  for (guint i = 0; i < 1024; i++)
    g_assert_cmpuint (words[i], ==, first + 1 + i);
  return vyre_executable_get_tier (executable, NULL);
}

#define ADD_ONE \
  "program workgroup(64);\n" \
  "buffer data: readwrite u32[] @0;\n" \
  "main { let i = invocation_id.x;\n" \
  "  if i < len(data) { data[i] = data[i] + 1; } }\n"

/* While a program is used, a CPU's driver compiles it on another device first,
 * and nowhere else. */
static void
test_rehearsed (void)
{
  gboolean cpu =
      vyre_runtime_get_device_info (runtime)->type == VYRE_DEVICE_CPU;
  g_autoptr (GError) error = NULL;
  VyreTenant *tenant = vyre_tenant_new (runtime, "rehearsed", &error);
  VyreBlock *block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4096);

  g_assert_no_error (error);
  for (guint i = 0; i < 1024; i++)
    ((guint32 *) block->data)[i] = i;
  vyre_block_note_write (block);
  for (guint k = 0; k < 2; k++) {
    g_autoptr (VyreExecutable) executable = compile_program (runtime, ADD_ONE);
    gint before = g_atomic_int_get (&devices_made);
    gboolean used = k == 0;

    vyre_executable_set_engine (
        executable, used ? VYRE_ENGINE_AUTO : VYRE_ENGINE_JIT);
    while (used ? run_once (tenant, executable, block) != VYRE_TIER_COMPILED
                : vyre_executable_get_tier (executable, NULL) ==
                      VYRE_TIER_COMPILING)
      g_usleep (1000);
    g_assert_cmpint (
        run_once (tenant, executable, block), ==, VYRE_TIER_COMPILED);
    g_assert_cmpint (
        g_atomic_int_get (&devices_made) - before, ==, cpu && used ? 1 : 0);
  }
  vyre_block_unref (block);
  vyre_tenant_free (tenant);
}

/* Nobody wants what is being compiled: still the runtime ends in the call that
 * lets go of it. Drivers crash in threads that are at work when the process
 * exits. Takes the runtime. */
static void
test_unwanted (void)
{
  VyreExecutable *executable = compile_program (runtime, ADD_ONE);

  g_atomic_int_set (&waits_to_begin, 1);
  vyre_executable_set_engine (executable, VYRE_ENGINE_JIT);
  while (g_atomic_int_get (&waits_to_begin) != 2)
    g_usleep (1000);
  vyre_executable_unref (executable);
  g_atomic_int_set (&waits_to_begin, 0);
  while (!g_atomic_int_get (&is_destroying))
    g_usleep (1000);
  vyre_runtime_unref (runtime);
  runtime = NULL;
  g_assert_true (destroyer == main_thread);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *entry = g_build_filename (path, name, NULL);

    remove_all (entry);
  }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  folder = g_dir_make_tmp ("vyre-build-XXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("VYRE_CACHE_DIR", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  runtime = vyre_runtime_acquire (NULL, &error);
  g_assert_no_error (error);
  real_create = runtime->device->vk.CreatePipelineCache;
  runtime->device->vk.CreatePipelineCache = create;
  runtime->device->vk.GetPipelineCacheData = get_data;
  real_destroy = runtime->device->vk.DestroyPipeline;
  runtime->device->vk.DestroyPipeline = destroy_pipeline;
  real_destroy_device = runtime->device->vk.DestroyDevice;
  runtime->device->vk.DestroyDevice = destroy_device;
  main_thread = g_thread_self ();

  g_test_add_func ("/build/kept", test_kept);
  g_test_add_func ("/build/written-when-needed", test_written_when_needed);
  g_test_add_func ("/build/damaged", test_damaged);
  g_test_add_func ("/build/foreign", test_foreign);
  g_test_add_func ("/build/writable-by-others", test_writable_by_others);
  g_test_add_func ("/build/nothing-kept", test_nothing_kept);
  g_test_add_func ("/build/threads", test_threads);
  g_test_add_func ("/build/rehearsed", test_rehearsed);
  g_test_add_func ("/build/unwanted", test_unwanted);
  status = g_test_run ();
  vyre_runtime_unref (runtime);
  remove_all (folder);
  g_free (folder);
  return status;
}
