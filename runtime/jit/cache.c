/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiled programs on disk, and what drivers made of them: a file for each,
 * named by its key.
 *
 * What is read is given to a driver, so it must be what was stored: the folder
 * and the files must be the user's own and writable by nobody else, and a
 * file's content must have the digest in its header. Processes need no lock: a
 * file appears by being renamed, complete. */
#include "jit-private.h"
#include "../hex.h"

#include "../vir0/blake3.h"
#include "compiled.glsl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <glslang/build_info.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "vyrejit1"
#define NEW_PREFIX ".new-"
#define STALE_SECONDS 3600 /* what a process that died has left */

#define SPIRV_MAGIC 0x07230203u
#define SPIRV_HEADER_WORDS 5
#define SPIRV_MAX_BOUND 4194304u

struct _VyreJitCache
{
  int folder;
  char *path;
  guint64 max_bytes;
  GMutex mutex; /* making room */
};

typedef struct
{
  char magic[8];
  guint32 kind;
  guint32 order; /* 1: of this machine's byte order */
  guint64 length;
  guint8 key[32];
  guint8 digest[32]; /* of the content */
} Header;
G_STATIC_ASSERT (sizeof (Header) == 88);

static const char *const suffixes[] = {
  [VYRE_JIT_CACHE_SPIRV] = ".spv",
  [VYRE_JIT_CACHE_PIPELINE] = ".bin",
};

/* --- keys -------------------------------------------------------------------- */

static void
put_u32 (GByteArray *bytes, guint32 value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (bytes, (const guint8 *) &value, sizeof value);
}

static void
put_text (GByteArray *bytes, const char *text)
{
  put_u32 (bytes, (guint32) strlen (text));
  g_byte_array_append (bytes, (const guint8 *) text, (guint) strlen (text));
}

void
vyre_jit_key_spirv (const VyreLowered *lowered, const VyreJitOptions *options,
    const char *frame, VyreJitKey *key)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  put_u32 (bytes, VYRE_JIT_GENERATOR);
  put_u32 (bytes, GLSLANG_VERSION_MAJOR);
  put_u32 (bytes, GLSLANG_VERSION_MINOR);
  put_u32 (bytes, GLSLANG_VERSION_PATCH);
  put_u32 (bytes, options->max_passes);
  put_u32 (bytes, options->lanes);
  put_u32 (bytes, options->unroll);
  put_u32 (bytes, options->team);
  put_u32 (bytes, options->narrow_checks ? 1 : 0);
  put_u32 (bytes, options->checked_only ? 1 : 0);
  for (guint i = 0; i < 3; i++)
    put_u32 (bytes, lowered->program->workgroup_size[i]);
  put_u32 (bytes, lowered->grouped ? 1 : 0);
  put_u32 (bytes, lowered->n_registers);
  put_u32 (bytes, lowered->n_spills);
  put_u32 (bytes, lowered->n_bindings);
  put_u32 (bytes, lowered->n_instructions);
  for (guint32 i = 0; i < 2 * lowered->n_instructions; i++)
    put_u32 (bytes, lowered->code[i]);
  put_text (bytes, vyre_compiled_text);
  put_text (bytes, frame);
  vyre_blake3 (bytes->data, bytes->len, key->digest);
}

void
vyre_jit_key_pipeline (const guint32 *spirv, gsize spirv_bytes,
    const guint32 *constants, guint n, gconstpointer driver, gsize driver_bytes,
    VyreJitKey *key)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 module[32];

  vyre_blake3 (spirv, spirv_bytes, module);
  g_byte_array_append (bytes, module, sizeof module);
  put_u32 (bytes, n);
  for (guint i = 0; i < n; i++)
    put_u32 (bytes, constants[i]);
  g_byte_array_append (bytes, driver, (guint) driver_bytes);
  vyre_blake3 (bytes->data, bytes->len, key->digest);
}

static char *
file_name (VyreJitCacheKind kind, const VyreJitKey *key)
{
  g_autofree char *digest = vyre_hex_dup (key->digest, sizeof key->digest);

  return g_strconcat (digest, suffixes[kind], NULL);
}

/* --- the folder --------------------------------------------------------------- */

static gboolean
is_own (const struct stat *st)
{
  return st->st_uid == geteuid () && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static char *
default_folder (void)
{
  const char *folder = g_getenv ("VYRE_CACHE_DIR");

  if (folder != NULL && *folder != '\0')
    return g_build_filename (folder, "jit", NULL);
  return g_build_filename (g_get_user_cache_dir (), "vyre", "jit", NULL);
}

VyreJitCache *
vyre_jit_cache_open (const char *folder, guint64 max_bytes, GError **error)
{
  g_autofree char *path = folder ? g_strdup (folder) : default_folder ();
  VyreJitCache *cache;
  struct stat st;
  int fd = -1;

  if (g_mkdir_with_parents (path, 0700) != 0)
    goto no_folder;
  fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &st) != 0)
    goto no_folder;
  if (!is_own (&st))
    goto not_own;

  cache = g_new0 (VyreJitCache, 1);
  cache->folder = fd;
  cache->path = g_steal_pointer (&path);
  cache->max_bytes = max_bytes ? max_bytes : VYRE_JIT_CACHE_MAX_BYTES;
  g_mutex_init (&cache->mutex);
  return cache;

no_folder:
  g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_CACHE,
      "cannot use the folder %s: %s; set VYRE_CACHE_DIR to one that can be "
      "written to",
      path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return NULL;
not_own:
  g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_CACHE,
      "the folder %s belongs to user %u and has mode %03o; it must be your own "
      "and writable by nobody else (chmod go-w)",
      path, (guint) st.st_uid, (guint) (st.st_mode & 0777));
  close (fd);
  return NULL;
}

void
vyre_jit_cache_close (VyreJitCache *cache)
{
  if (cache == NULL)
    return;
  close (cache->folder);
  g_mutex_clear (&cache->mutex);
  g_free (cache->path);
  g_free (cache);
}

/* --- reading ------------------------------------------------------------------- */

static gboolean
read_all (int fd, guint8 *data, gsize length)
{
  for (gsize done = 0; done < length;) {
    ssize_t n = read (fd, data + done, length - done);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    done += (gsize) n;
  }
  return TRUE;
}

/* A header and instructions whose lengths add up. */
static gboolean
is_spirv (const guint8 *data, gsize length)
{
  gsize n = length / 4;
  guint32 word;

  if (length % 4 != 0 || n <= SPIRV_HEADER_WORDS)
    return FALSE;
  memcpy (&word, data, 4);
  if (word != SPIRV_MAGIC)
    return FALSE;
  memcpy (&word, data + 12, 4);
  if (word == 0 || word > SPIRV_MAX_BOUND)
    return FALSE;
  for (gsize at = SPIRV_HEADER_WORDS; at < n; at += word >> 16) {
    memcpy (&word, data + 4 * at, 4);
    if (word >> 16 == 0 || word >> 16 > n - at)
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_as_stored (VyreJitCacheKind kind, const VyreJitKey *key,
    const Header *header, const guint8 *content, gsize length)
{
  guint8 digest[32];

  if (memcmp (header->magic, MAGIC, sizeof header->magic) != 0 ||
      header->kind != (guint32) kind || header->order != 1 ||
      header->length != length ||
      memcmp (header->key, key->digest, sizeof header->key) != 0)
    return FALSE;
  vyre_blake3 (content, length, digest);
  return memcmp (digest, header->digest, sizeof digest) == 0 &&
         (kind != VYRE_JIT_CACHE_SPIRV || is_spirv (content, length));
}

/* damaged: it is the user's own file and should go. */
static GBytes *
read_entry (
    int fd, VyreJitCacheKind kind, const VyreJitKey *key, gboolean *damaged)
{
  g_autofree guint8 *content = NULL;
  struct stat st;
  Header header;
  gsize length;

  *damaged = FALSE;
  if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode) || !is_own (&st))
    return NULL;
  *damaged = TRUE;
  if (st.st_size <= (off_t) sizeof header ||
      (guint64) st.st_size - sizeof header > VYRE_JIT_CACHE_MAX_ENTRY)
    return NULL;
  length = (gsize) st.st_size - sizeof header;
  content = g_try_malloc (length);
  if (content == NULL || !read_all (fd, (guint8 *) &header, sizeof header) ||
      !read_all (fd, content, length) ||
      !is_as_stored (kind, key, &header, content, length))
    return NULL;
  *damaged = FALSE;
  return g_bytes_new_take (g_steal_pointer (&content), length);
}

GBytes *
vyre_jit_cache_load (
    VyreJitCache *cache, VyreJitCacheKind kind, const VyreJitKey *key)
{
  g_autofree char *name = file_name (kind, key);
  GBytes *content;
  gboolean damaged;
  /* A pipe of that name must not keep us waiting. */
  int fd = openat (
      cache->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0)
    return NULL;
  content = read_entry (fd, kind, key, &damaged);
  if (content != NULL)
    futimens (fd, NULL); /* used now; if that fails, it goes earlier */
  else
    g_info ("%s/%s is %s", cache->path, name,
        damaged ? "damaged; it is replaced"
                : "not a file that only you can write; it is not used");
  if (damaged)
    unlinkat (cache->folder, name, 0);
  close (fd);
  return content;
}

void
vyre_jit_cache_remove (
    VyreJitCache *cache, VyreJitCacheKind kind, const VyreJitKey *key)
{
  g_autofree char *name = file_name (kind, key);

  unlinkat (cache->folder, name, 0);
}

/* --- making room ------------------------------------------------------------------ */

typedef struct
{
  char *name;
  guint64 size;
  struct timespec used;
} Entry;

static void
entry_clear (gpointer data)
{
  g_free (((Entry *) data)->name);
}

static int
compare_used (gconstpointer a, gconstpointer b)
{
  const Entry *x = a, *y = b;

  if (x->used.tv_sec != y->used.tv_sec)
    return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
  if (x->used.tv_nsec != y->used.tv_nsec)
    return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
  return strcmp (x->name, y->name);
}

/* Others' files in the folder are left alone. */
static gboolean
is_entry_name (const char *name)
{
  gsize digits = strspn (name, "0123456789abcdef");

  if (digits != 2 * sizeof ((VyreJitKey *) NULL)->digest)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (strcmp (name + digits, suffixes[i]) == 0)
      return TRUE;
  return FALSE;
}

static GArray *
list_entries (VyreJitCache *cache)
{
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  int fd = openat (cache->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  struct dirent *found;

  g_array_set_clear_func (entries, entry_clear);
  if (dir == NULL) {
    if (fd >= 0)
      close (fd);
    return entries;
  }
  while ((found = readdir (dir)) != NULL) {
    struct stat st;

    if (fstatat (cache->folder, found->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (g_str_has_prefix (found->d_name, NEW_PREFIX) &&
        st.st_mtim.tv_sec + STALE_SECONDS < now) {
      unlinkat (cache->folder, found->d_name, 0);
    } else if (is_entry_name (found->d_name)) {
      Entry entry = { g_strdup (found->d_name), (guint64) st.st_size,
        st.st_mtim };

      g_array_append_val (entries, entry);
    }
  }
  closedir (dir);
  return entries;
}

static void
make_room (VyreJitCache *cache, guint64 wanted)
{
  g_autoptr (GArray) entries = list_entries (cache);
  guint64 total = 0;

  for (guint i = 0; i < entries->len; i++)
    total += g_array_index (entries, Entry, i).size;
  g_array_sort (entries, compare_used);
  for (guint i = 0; i < entries->len && total > cache->max_bytes - wanted;
       i++) {
    const Entry *entry = &g_array_index (entries, Entry, i);

    unlinkat (cache->folder, entry->name, 0);
    total -= entry->size;
  }
}

/* --- writing --------------------------------------------------------------------- */

static gboolean
write_all (int fd, const guint8 *data, gsize length)
{
  for (gsize done = 0; done < length;) {
    ssize_t n = write (fd, data + done, length - done);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    done += (gsize) n;
  }
  return TRUE;
}

gboolean
vyre_jit_cache_store (VyreJitCache *cache, VyreJitCacheKind kind,
    const VyreJitKey *key, GBytes *content, GError **error)
{
  g_autofree char *name = file_name (kind, key);
  g_autofree char *fresh = g_strdup_printf (NEW_PREFIX "%ld-%08x%08x",
      (long) getpid (), g_random_int (), g_random_int ());
  gsize length;
  const guint8 *data = g_bytes_get_data (content, &length);
  Header header = {
    .magic = MAGIC, .kind = kind, .order = 1, .length = length
  };
  int fd, saved;

  if (length == 0 || length > VYRE_JIT_CACHE_MAX_ENTRY ||
      length + sizeof header > cache->max_bytes)
    goto size;
  memcpy (header.key, key->digest, sizeof header.key);
  vyre_blake3 (data, length, header.digest);
  g_mutex_lock (&cache->mutex);
  make_room (cache, length + sizeof header);
  g_mutex_unlock (&cache->mutex);

  fd = openat (cache->folder, fresh,
      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    goto not_written;
  if (!write_all (fd, (const guint8 *) &header, sizeof header) ||
      !write_all (fd, data, length)) {
    saved = errno;
    close (fd);
    errno = saved;
    goto not_written;
  }
  if (close (fd) != 0 ||
      renameat (cache->folder, fresh, cache->folder, name) != 0)
    goto not_written;
  return TRUE;

size:
  g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_CACHE,
      "%s/%s: %" G_GSIZE_FORMAT " bytes are not stored; 1 to %" G_GUINT64_FORMAT
      " are",
      cache->path, name, length,
      MIN (VYRE_JIT_CACHE_MAX_ENTRY, cache->max_bytes));
  return FALSE;
not_written:
  saved = errno;
  unlinkat (cache->folder, fresh, 0);
  g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_CACHE,
      "cannot write %s/%s: %s", cache->path, name, g_strerror (saved));
  return FALSE;
}
