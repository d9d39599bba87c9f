/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ingest.h"

#define SAMPLES 32

static gboolean
query_alignment (int fd, gsize *memory, gsize *offset)
{
#ifdef STATX_DIOALIGN
  struct statx info;

  memset (&info, 0, sizeof info);
  if (statx (fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &info) == 0 &&
      (info.stx_mask & STATX_DIOALIGN)) {
    *memory = info.stx_dio_mem_align;
    *offset = info.stx_dio_offset_align;
    return TRUE;
  }
#endif
  return FALSE;
}

/* Opens it once more, with O_DIRECT. */
static gboolean
open_direct (VyreFile *file, const struct stat *info, GError **error)
{
  struct statfs fs;
  struct stat again;
  gsize memory_align, align;
  int fd = -1, saved;

  /* Newer kernels let such files be opened so, and copy all the same. */
  if (fstatfs (file->fd, &fs) == 0 &&
      (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC ||
          fs.f_type == HUGETLBFS_MAGIC))
    goto in_memory;
  fd = open (file->path, O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (fd < 0)
    goto refused;
  if (fstat (fd, &again) != 0)
    goto refused;
  if (again.st_dev != info->st_dev || again.st_ino != info->st_ino)
    goto replaced;
  if (!query_alignment (fd, &memory_align, &align)) {
    memory_align = VYRE_PAGE_SIZE;
    align = VYRE_PAGE_SIZE;
  }
  /* Blocks start on our pages, whatever a file system would like. */
  if (align == 0 || (align & (align - 1)) != 0 || align > (1 << 20) ||
      memory_align > VYRE_PAGE_SIZE)
    goto bad_alignment;
  file->direct_fd = fd;
  file->align = align;
  return TRUE;

in_memory:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "Direct I/O cannot be had for “%s”: its file system lives in memory; use "
      "buffered I/O",
      file->path);
  return FALSE;
refused:
  saved = errno;
  if (fd >= 0)
    close (fd);
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
      "Direct I/O cannot be had for “%s”: %s; use buffered I/O", file->path,
      g_strerror (saved));
  return FALSE;
replaced:
  close (fd);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
      "Direct I/O cannot be had for “%s”: the file was replaced while it was "
      "opened",
      file->path);
  return FALSE;
bad_alignment:
  close (fd);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "Direct I/O cannot be had for “%s”: it would need offsets aligned to "
      "%" G_GSIZE_FORMAT " and memory to %" G_GSIZE_FORMAT
      " bytes (0: not supported); use buffered I/O",
      file->path, align, memory_align);
  return FALSE;
}

gboolean
vyre_file_open (
    VyreFile *file, const char *path, VyreIoMode mode, GError **error)
{
  struct stat info;
  int saved;

  file->path = g_strdup (path);
  file->direct_fd = -1;
  file->align = 1;
  /* Not to wait for the writer of a pipe; a file under a lease refuses. */
  file->fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file->fd < 0 && errno == EWOULDBLOCK)
    file->fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file->fd < 0)
    goto no_open;
  if (fstat (file->fd, &info) != 0)
    goto no_open;
  if (S_ISDIR (info.st_mode))
    goto directory;

  file->seekable = S_ISREG (info.st_mode) || S_ISBLK (info.st_mode);
  if (file->seekable) {
    int flags = fcntl (file->fd, F_GETFL);

    if (flags < 0 || fcntl (file->fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
      goto no_open;
  } else if (mode == VYRE_IO_DIRECT) {
    goto not_direct;
  }
  if (file->seekable && mode != VYRE_IO_BUFFERED &&
      !open_direct (file, &info, mode == VYRE_IO_DIRECT ? error : NULL) &&
      mode == VYRE_IO_DIRECT)
    goto failed;
  return TRUE;

no_open:
  saved = errno;
  if (file->fd < 0 && stat (path, &info) == 0 && S_ISSOCK (info.st_mode))
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
        "Could not open “%s” for reading: it is a socket", path);
  else
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
        "Could not open “%s” for reading: %s", path, g_strerror (saved));
  goto failed;
directory:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR,
      "Could not open “%s” for reading: it is a directory", path);
  goto failed;
not_direct:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "Direct I/O cannot be had for “%s”: it is neither a regular file nor a "
      "block device; use buffered I/O",
      path);
failed:
  vyre_file_close (file);
  return FALSE;
}

void
vyre_file_close (VyreFile *file)
{
  if (file->fd >= 0)
    close (file->fd);
  if (file->direct_fd >= 0)
    close (file->direct_fd);
  file->fd = file->direct_fd = -1;
  g_clear_pointer (&file->path, g_free);
}

gboolean
vyre_file_get_size (const VyreFile *file, guint64 *size)
{
  struct stat info;
  off_t end;

  if (fstat (file->fd, &info) != 0)
    return FALSE;
  if (S_ISREG (info.st_mode)) {
    *size = info.st_size;
    return TRUE;
  }
  if (!S_ISBLK (info.st_mode))
    return FALSE;
  end = lseek (file->fd, 0, SEEK_END);
  if (end < 0)
    return FALSE;
  *size = end;
  return TRUE;
}

static guint64
sample_at (guint64 size, guint i)
{
  return size / SAMPLES * i;
}

/* How many of the samples' pages are in memory, found without reading any.
 * Where we may neither write the file nor own it, the kernel says that all
 * are. */
static guint
count_resident (const VyreFile *file, guint64 size)
{
  guint64 page = sysconf (_SC_PAGESIZE);
  guint resident = 0;

  for (guint i = 0; i < SAMPLES; i++) {
    unsigned char in_memory = 0;
    void *data = mmap (NULL, page, PROT_READ, MAP_SHARED, file->fd,
        sample_at (size, i) & ~(page - 1));

    if (data == MAP_FAILED)
      return SAMPLES;
    if (mincore (data, page, &in_memory) != 0 || (in_memory & 1) != 0)
      resident++;
    munmap (data, page);
  }
  return resident;
}

gboolean
vyre_file_is_cached (const VyreFile *file, guint64 size)
{
  const guint most = SAMPLES * 3 / 4;
  guint8 byte;
  struct iovec vector = { &byte, 1 };
  guint cached = 0;

  if (count_resident (file, size) < most)
    return FALSE;
  /* Not to be asked first: a sample that is not there makes the kernel start
   * to read it, and if our thread stands still for that long, as on a busy
   * machine, it finds it there. */
  for (guint i = 0; i < SAMPLES; i++)
    if (preadv2 (file->fd, &vector, 1, sample_at (size, i), RWF_NOWAIT) == 1)
      cached++;
  return cached >= most;
}
