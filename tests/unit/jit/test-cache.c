/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache on disk: what it gives back, and what it does not trust. */
#include "oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADER 88

typedef struct
{
  char *folder;
  VyreJitCache *cache;
} Fixture;

static VyreJitCache *
open_cache (const char *folder, guint64 max_bytes)
{
  g_autoptr (GError) error = NULL;
  VyreJitCache *cache = vyre_jit_cache_open (folder, max_bytes, &error);

  g_assert_no_error (error);
  return cache;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->folder = g_dir_make_tmp ("vyre-cache-XXXXXX", &error);
  g_assert_no_error (error);
  f->cache = open_cache (f->folder, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autoptr (GDir) dir = NULL;
  const char *entry;

  g_clear_pointer (&f->cache, vyre_jit_cache_close);
  g_chmod (f->folder, 0700);
  dir = g_dir_open (f->folder, 0, NULL);
  while (dir && (entry = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (f->folder, entry, NULL);

    g_unlink (path);
  }
  g_rmdir (f->folder);
  g_free (f->folder);
}

static VyreJitKey
key_of (guint n)
{
  VyreJitKey key = { { 0 } };

  memcpy (key.digest, &n, sizeof n);
  return key;
}

/* A module without a meaning: n instructions of one word. */
static GBytes *
module (guint n)
{
  guint32 *words = g_new (guint32, 5 + n);
  const guint32 header[] = { 0x07230203, 0x00010500, 0, 10, 0 };

  memcpy (words, header, sizeof header);
  for (guint i = 0; i < n; i++)
    words[5 + i] = 1 << 16;
  return g_bytes_new_take (words, 4 * (5 + (gsize) n));
}

static char *
only_file (const Fixture *f)
{
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  const char *entry = g_dir_read_name (dir);

  g_assert_nonnull (entry);
  return g_build_filename (f->folder, entry, NULL);
}

static guint
count_files (const Fixture *f)
{
  g_autoptr (GDir) dir = g_dir_open (f->folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
store (VyreJitCache *cache, guint n, GBytes *content)
{
  VyreJitKey key = key_of (n);
  g_autoptr (GError) error = NULL;

  vyre_jit_cache_store (cache, VYRE_JIT_CACHE_SPIRV, &key, content, &error);
  g_assert_no_error (error);
}

static gboolean
has (VyreJitCache *cache, guint n)
{
  VyreJitKey key = key_of (n);
  g_autoptr (GBytes) content =
      vyre_jit_cache_load (cache, VYRE_JIT_CACHE_SPIRV, &key);

  return content != NULL;
}

/* --- tests ---------------------------------------------------------------------- */

static void
test_store (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) first = module (100), second = module (7), got = NULL;
  g_autofree char *path = NULL;
  VyreJitKey key = key_of (1);
  struct stat st;

  g_assert_false (has (f->cache, 1));
  store (f->cache, 1, first);
  store (f->cache, 1, second);
  g_assert_false (has (f->cache, 2));
  got = vyre_jit_cache_load (f->cache, VYRE_JIT_CACHE_SPIRV, &key);
  g_assert_true (g_bytes_equal (got, second));
  g_assert_null (vyre_jit_cache_load (f->cache, VYRE_JIT_CACHE_PIPELINE, &key));
  g_assert_cmpuint (count_files (f), ==, 1);
  path = only_file (f);
  g_assert_cmpint (g_stat (path, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
}

/* Blobs of drivers may be anything but nothing. */
static void
test_pipeline (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) blob = g_bytes_new_static ("x", 1);
  g_autoptr (GBytes) empty = g_bytes_new_static ("", 0);
  g_autoptr (GBytes) got = NULL;
  g_autoptr (GError) error = NULL;
  guint32 words[] = { 1, 2, 3 }, constants[] = { 8, 7 };
  guint8 driver[] = { 1, 2, 3 };
  VyreJitKey keys[6];

  vyre_jit_key_pipeline (words, 12, constants, 2, driver, 3, &keys[0]);
  vyre_jit_key_pipeline (words, 8, constants, 2, driver, 3, &keys[1]);
  vyre_jit_key_pipeline (words, 12, constants, 1, driver, 3, &keys[2]);
  driver[2] = 4;
  vyre_jit_key_pipeline (words, 12, constants, 2, driver, 3, &keys[3]);
  constants[1] = 6;
  vyre_jit_key_pipeline (words, 12, constants, 2, driver, 3, &keys[4]);
  words[2] = 4;
  vyre_jit_key_pipeline (words, 12, constants, 2, driver, 3, &keys[5]);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    for (guint k = 0; k < i; k++)
      g_assert_cmpint (memcmp (&keys[i], &keys[k], sizeof keys[i]), !=, 0);
  g_assert_true (vyre_jit_cache_store (
      f->cache, VYRE_JIT_CACHE_PIPELINE, &keys[0], blob, &error));
  g_assert_no_error (error);
  got = vyre_jit_cache_load (f->cache, VYRE_JIT_CACHE_PIPELINE, &keys[0]);
  g_assert_true (g_bytes_equal (got, blob));
  g_assert_false (vyre_jit_cache_store (
      f->cache, VYRE_JIT_CACHE_PIPELINE, &keys[1], empty, &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_CACHE);
  vyre_jit_cache_remove (f->cache, VYRE_JIT_CACHE_PIPELINE, &keys[1]);
  g_assert_cmpuint (count_files (f), ==, 1);
  vyre_jit_cache_remove (f->cache, VYRE_JIT_CACHE_PIPELINE, &keys[0]);
  g_assert_cmpuint (count_files (f), ==, 0);
}

/* Every byte counts; what is damaged goes, and can be stored anew. */
static void
test_damage (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) content = module (20);
  gsize length = HEADER + g_bytes_get_size (content);

  for (gsize at = 0; at < length; at++) {
    g_autofree char *path = NULL, *file = NULL;
    gsize size;

    store (f->cache, 1, content);
    path = only_file (f);
    g_assert_true (g_file_get_contents (path, &file, &size, NULL));
    g_assert_cmpuint (size, ==, length);
    file[at] ^= 0x20;
    g_assert_true (g_file_set_contents (path, file, (gssize) size, NULL));
    g_chmod (path, 0600);
    g_assert_false (has (f->cache, 1));
    g_assert_cmpuint (count_files (f), ==, 0);
  }
  for (gsize size = 0; size < length; size += 11) {
    g_autofree char *path = NULL;

    store (f->cache, 1, content);
    path = only_file (f);
    g_assert_cmpint (truncate (path, (off_t) size), ==, 0);
    g_assert_false (has (f->cache, 1));
  }
  store (f->cache, 1, content);
  g_assert_true (has (f->cache, 1));
}

/* Stored as they are, but no driver gets to see them. */
static void
test_no_spirv (Fixture *f, gconstpointer data)
{
  const guint32 cases[][8] = {
    { 0x07230204, 0x10500, 0, 10, 0, 1 << 16, 1 << 16, 1 << 16 },
    { 0x07230203, 0x10500, 0, 0, 0, 1 << 16, 1 << 16, 1 << 16 },
    { 0x07230203, 0x10500, 0, 1u << 31, 0, 1 << 16, 1 << 16, 1 << 16 },
    { 0x07230203, 0x10500, 0, 10, 0, 0, 1 << 16, 1 << 16 },
    { 0x07230203, 0x10500, 0, 10, 0, 1 << 16, 3 << 16, 1 << 16 },
    { 0x07230203, 0x10500, 0, 10, 0, 0xffff0000, 1 << 16, 1 << 16 },
  };
  g_autoptr (GBytes) odd = g_bytes_new_static (cases[0], 21);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GBytes) content = g_bytes_new_static (cases[i], 32);

    store (f->cache, 1, content);
    g_assert_false (has (f->cache, 1));
  }
  store (f->cache, 1, odd);
  g_assert_false (has (f->cache, 1));
}

static void
test_files_of_others (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) content = module (20);
  g_autofree char *path = NULL, *elsewhere = NULL;

  store (f->cache, 1, content);
  path = only_file (f);
  g_assert_true (has (f->cache, 1));
  g_assert_cmpint (g_chmod (path, 0620), ==, 0);
  g_assert_false (has (f->cache, 1));
  g_assert_cmpint (g_chmod (path, 0602), ==, 0);
  g_assert_false (has (f->cache, 1));
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  g_assert_true (has (f->cache, 1));
  if (geteuid () == 0) {
    g_assert_cmpint (chown (path, 1, (gid_t) -1), ==, 0);
    g_assert_false (has (f->cache, 1));
    g_assert_cmpint (chown (path, 0, (gid_t) -1), ==, 0);
  }
  /* A link to a good file, a folder and a pipe that nobody writes to. */
  elsewhere = g_strconcat (path, "-moved", NULL);
  g_assert_cmpint (g_rename (path, elsewhere), ==, 0);
  g_assert_cmpint (symlink (elsewhere, path), ==, 0);
  g_assert_false (has (f->cache, 1));
  g_unlink (path);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_false (has (f->cache, 1));
  g_rmdir (path);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_assert_false (has (f->cache, 1));
  store (f->cache, 1, content);
  g_assert_true (has (f->cache, 1));
}

static void
assert_no_cache (const char *folder)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_jit_cache_open (folder, 0, &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_CACHE);
  g_assert_nonnull (strstr (error->message, folder));
}

static void
test_folders (Fixture *f, gconstpointer data)
{
  g_autofree char *inner = g_build_filename (f->folder, "a", NULL);
  g_autofree char *link = g_build_filename (f->folder, "link", NULL);
  struct stat st;

  vyre_jit_cache_close (open_cache (inner, 0));
  g_assert_cmpint (g_stat (inner, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0700);
  g_assert_cmpint (symlink (inner, link), ==, 0);
  assert_no_cache (link);
  g_assert_cmpint (g_chmod (inner, 0770), ==, 0);
  assert_no_cache (inner);
  g_assert_cmpint (g_chmod (inner, 0707), ==, 0);
  assert_no_cache (inner);
  g_assert_cmpint (g_chmod (inner, 0755), ==, 0);
  vyre_jit_cache_close (open_cache (inner, 0));
  if (geteuid () == 0) {
    g_assert_cmpint (chown (inner, 1, (gid_t) -1), ==, 0);
    assert_no_cache (inner);
  }
  g_rmdir (inner);
  g_assert_true (g_file_set_contents (inner, "", 0, NULL));
  assert_no_cache (inner);
}

static void
set_used (const Fixture *f, guint n, gint64 seconds)
{
  g_autofree char *name = NULL, *path = NULL;
  const struct timespec times[] = { { seconds, 0 }, { seconds, 0 } };
  GString *hex = g_string_new (NULL);
  VyreJitKey key = key_of (n);

  for (guint i = 0; i < sizeof key.digest; i++)
    g_string_append_printf (hex, "%02x", key.digest[i]);
  g_string_append (hex, ".spv");
  name = g_string_free (hex, FALSE);
  path = g_build_filename (f->folder, name, NULL);
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

/* Room for three. What was used last stays; what is not ours stays. */
static void
test_room (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) content = module (1000);
  g_autoptr (GBytes) large = module (4000);
  guint64 size = HEADER + g_bytes_get_size (content);
  g_autoptr (VyreJitCache) cache = open_cache (f->folder, 3 * size + 10);
  g_autofree char *other = g_build_filename (f->folder, "notes.txt", NULL);
  g_autofree char *fresh = g_build_filename (f->folder, ".new-1-2", NULL);
  g_autofree char *stale = g_build_filename (f->folder, ".new-3-4", NULL);
  const struct timespec old[] = { { 1000, 0 }, { 1000, 0 } };
  VyreJitKey key = key_of (9);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (other, "mine", -1, NULL));
  g_assert_true (g_file_set_contents (fresh, "half", -1, NULL));
  g_assert_true (g_file_set_contents (stale, "half", -1, NULL));
  g_assert_cmpint (utimensat (AT_FDCWD, stale, old, 0), ==, 0);
  for (guint i = 0; i < 3; i++) {
    store (cache, i, content);
    set_used (f, i, 1000 + i);
  }
  g_assert_true (has (cache, 0)); /* now the newest */
  store (cache, 3, content);
  g_assert_false (has (cache, 1));
  g_assert_true (has (cache, 0) && has (cache, 2) && has (cache, 3));
  g_assert_true (g_file_test (other, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (fresh, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (stale, G_FILE_TEST_EXISTS));
  g_assert_false (
      vyre_jit_cache_store (cache, VYRE_JIT_CACHE_SPIRV, &key, large, &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_CACHE);
  g_assert_true (has (cache, 0));
}

/* Many processes, few keys and not enough room: whoever finds something finds
 * it whole. */
static void
hammer (const char *folder, guint seed)
{
  g_autoptr (VyreJitCache) cache = open_cache (folder, 40000);
  GRand *rand = g_rand_new_with_seed (seed);

  for (guint i = 0; i < 300; i++) {
    guint n = (guint) g_rand_int_range (rand, 0, 4);
    g_autoptr (GBytes) content = module (1000 + 700 * n);
    g_autoptr (GBytes) got = NULL;
    g_autoptr (GError) error = NULL;
    VyreJitKey key = key_of (n);
    VyreJitCacheKind kind =
        n % 2 == 0 ? VYRE_JIT_CACHE_SPIRV : VYRE_JIT_CACHE_PIPELINE;

    if (g_rand_boolean (rand)) {
      vyre_jit_cache_store (cache, kind, &key, content, &error);
      g_assert_no_error (error);
      continue;
    }
    got = vyre_jit_cache_load (cache, kind, &key);
    if (got != NULL && !g_bytes_equal (got, content))
      _exit (1);
  }
  g_rand_free (rand);
}

static void
test_processes (Fixture *f, gconstpointer data)
{
  pid_t children[4];

  for (guint i = 0; i < G_N_ELEMENTS (children); i++) {
    children[i] = fork ();
    g_assert_cmpint (children[i], >=, 0);
    if (children[i] == 0) {
      hammer (f->folder, i);
      _exit (0);
    }
  }
  for (guint i = 0; i < G_N_ELEMENTS (children); i++) {
    int status;

    g_assert_cmpint (waitpid (children[i], &status, 0), ==, children[i]);
    g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  }
  g_assert_cmpuint (count_files (f), <=, 4);
}

/* All that shapes the module is in its key. */
static void
test_keys (Fixture *f, gconstpointer data)
{
  g_autoptr (VyreLowered) lowered =
      jit_lower_text ("program workgroup(8);\nbuffer out: readwrite u32[] @0;\n"
                      "main {\n  out[invocation_id.x] = 7;\n}\n",
          64);
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  VyreJitKey keys[8];
  guint n = 0;

  vyre_jit_key_spirv (lowered, &options, "frame", &keys[n++]);
  vyre_jit_key_spirv (lowered, &options, "frame ", &keys[n++]);
  options.max_passes = 1;
  vyre_jit_key_spirv (lowered, &options, "frame", &keys[n++]);
  options = (VyreJitOptions){ .unroll = 1 };
  vyre_jit_key_spirv (lowered, &options, "frame", &keys[n++]);
  options = (VyreJitOptions){ .checked_only = TRUE };
  vyre_jit_key_spirv (lowered, &options, "frame", &keys[n++]);
  options = VYRE_JIT_OPTIONS_DEFAULT;
  lowered->program->workgroup_size[0] = 9;
  vyre_jit_key_spirv (lowered, &options, "frame", &keys[n++]);
  lowered->program->workgroup_size[0] = 8;
  lowered->code[1] ^= 1;
  vyre_jit_key_spirv (lowered, &options, "frame", &keys[n++]);
  lowered->code[1] ^= 1;
  vyre_jit_key_spirv (lowered, &options, "frame", &keys[n++]);
  g_assert_cmpmem (&keys[0], sizeof keys[0], &keys[7], sizeof keys[7]);
  for (guint i = 0; i < 7; i++)
    for (guint k = 0; k < i; k++)
      g_assert_cmpint (memcmp (&keys[i], &keys[k], sizeof keys[i]), !=, 0);
}

static void
test_build (Fixture *f, gconstpointer data)
{
  g_autoptr (VyreLowered) lowered =
      jit_lower_text ("program workgroup(8);\nbuffer out: readwrite u32[] @0;\n"
                      "main {\n  out[invocation_id.x] = 7;\n}\n",
          64);
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) first = NULL, second = NULL, third = NULL;
  VyreJitTimes times;

  first =
      vyre_jit_build (lowered, &options, jit_frame, f->cache, &times, &error);
  g_assert_no_error (error);
  g_assert_false (times.cached);
  second =
      vyre_jit_build (lowered, &options, jit_frame, f->cache, &times, &error);
  g_assert_no_error (error);
  g_assert_true (times.cached);
  g_assert_true (g_bytes_equal (first, second));
  third = vyre_jit_build (lowered, &options, jit_frame, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (first, third));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *f, gconstpointer data);
  } tests[] = {
    { "/jit/cache/store", test_store },
    { "/jit/cache/pipeline", test_pipeline },
    { "/jit/cache/damage", test_damage },
    { "/jit/cache/no-spirv", test_no_spirv },
    { "/jit/cache/files-of-others", test_files_of_others },
    { "/jit/cache/folders", test_folders },
    { "/jit/cache/room", test_room },
    { "/jit/cache/processes", test_processes },
    { "/jit/cache/keys", test_keys },
    { "/jit/cache/build", test_build },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
