/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "engine/runtime.h"
#include "vir0/text.h"

/* The shipped programs on a Vulkan device, against plain C. Lengths around
 * word, workgroup and slice borders; kept buffers over several dispatches. */

#define LIMIT_US (60 * G_USEC_PER_SEC)

static VyreRuntime *runtime;
static VyreTenant *tenant;

static const gsize lengths[] = { 1, 2, 3, 4, 5, 63, 64, 255, 256, 257, 1003 };

/* What is bound to a buffer; afterwards, what is in it. */
typedef struct
{
  const char *name;
  guint8 *data;
  gsize length;
} Bound;

/* Words stay whole, as the element has it: the rest is zeros. */
static gsize
bound_length (const VyreBuffer *buffer, gsize length)
{
  return vyre_type_stride (buffer->element) == 4 ? (length + 3) & ~3u : length;
}

static void
run (VyreExecutable *executable, Bound *bound, guint n)
{
  g_autoptr (GError) error = NULL;
  VyreProgram *program = vyre_executable_get_program (executable);
  g_autofree VyreBinding *bindings = g_new0 (VyreBinding, program->n_buffers);
  g_autofree VyreBlock **blocks = g_new0 (VyreBlock *, program->n_buffers);
  VyreSubmitOptions options = { NULL, 0 };
  g_autoptr (VyreWindow) window = NULL;
  VyreWindowResult result;
  guint found = 0;

  for (guint32 b = 0; b < program->n_buffers; b++) {
    for (guint i = 0; i < n; i++) {
      if (!vyre_string_is (program->buffers[b].name, bound[i].name))
        continue;
      found++;
      blocks[b] = vyre_arena_alloc (
          vyre_runtime_get_host_arena (runtime), MAX (bound[i].length, 4));
      g_assert_nonnull (blocks[b]);
      memset (blocks[b]->data, 0, blocks[b]->size);
      memcpy (blocks[b]->data, bound[i].data, bound[i].length);
      vyre_block_note_write (blocks[b]);
      bindings[b] = (VyreBinding){ blocks[b], 0,
        bound_length (&program->buffers[b], bound[i].length) };
    }
  }
  g_assert_cmpuint (found, ==, n);

  window = vyre_tenant_submit (
      tenant, executable, bindings, program->n_buffers, &options, &error);
  g_assert_no_error (error);
  vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, &result);
  if (result.state != VYRE_WINDOW_DONE)
    g_error ("%s", result.message ? result.message : "still running");

  for (guint32 b = 0; b < program->n_buffers; b++) {
    for (guint i = 0; i < n; i++)
      if (blocks[b] && vyre_string_is (program->buffers[b].name, bound[i].name))
        memcpy (bound[i].data, blocks[b]->data, bound[i].length);
    g_clear_pointer (&blocks[b], vyre_block_unref);
  }
}

static VyreExecutable *
load (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = vyre_program_load_shipped (name, &error);
  VyreExecutable *executable;

  g_assert_no_error (error);
  executable = vyre_executable_new (runtime, program, &error);
  g_assert_no_error (error);
  return executable;
}

static guint8 *
noise (gsize length)
{
  guint8 *data = g_malloc (MAX (length, 1));

  for (gsize i = 0; i < length; i++)
    data[i] = g_test_rand_int_range (0, 256);
  return data;
}

static void
assert_bytes (const guint8 *found, const guint8 *expected, gsize length)
{
  g_assert_cmpmem (found, length, expected, length);
}

/* --- bytes to bytes ---------------------------------------------------------- */

/* Turns one byte at a position of the input into one of the output. */
typedef guint8 (*ByteFunc) (
    guint8 byte, gsize at, const guint8 *extra, gsize extra_length);

static guint8
invert_byte (guint8 byte, gsize at, const guint8 *extra, gsize extra_length)
{
  return ~byte;
}

static guint8
upper_byte (guint8 byte, gsize at, const guint8 *extra, gsize extra_length)
{
  return g_ascii_toupper (byte);
}

static guint8
xor_byte (guint8 byte, gsize at, const guint8 *extra, gsize extra_length)
{
  return extra_length > 0 ? byte ^ extra[at % extra_length] : byte;
}

static guint8
lut_byte (guint8 byte, gsize at, const guint8 *extra, gsize extra_length)
{
  return extra[byte];
}

static void
check_bytes (
    const char *name, ByteFunc func, const char *extra_name, gsize extra_length)
{
  g_autoptr (VyreExecutable) executable = load (name);

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    gsize length = lengths[i];
    g_autofree guint8 *input = noise (length);
    g_autofree guint8 *output = g_malloc0 (length);
    g_autofree guint8 *expected = g_malloc0 (length);
    g_autofree guint8 *extra = noise (extra_length);
    Bound bound[] = { { "input", input, length }, { "output", output, length },
      { extra_name, extra, extra_length } };

    for (gsize at = 0; at < length; at++)
      expected[at] = func (input[at], at, extra, extra_length);
    run (executable, bound, extra_name ? 3 : 2);
    assert_bytes (output, expected, length);
  }
}

static void
test_invert (void)
{
  check_bytes ("invert", invert_byte, NULL, 0);
}

static void
test_upper (void)
{
  check_bytes ("ascii-upper", upper_byte, NULL, 0);
}

static void
test_xor (void)
{
  static const gsize keys[] = { 0, 1, 2, 3, 4, 7, 300 };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    check_bytes ("xor-key", xor_byte, "key", keys[i]);
}

static void
test_lut (void)
{
  check_bytes ("lut256", lut_byte, "table", 256);
}

/* --- pictures ------------------------------------------------------------------ */

static void
test_gray (void)
{
  g_autoptr (VyreExecutable) executable = load ("rgba-to-gray");

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    gsize pixels = lengths[i];
    g_autofree guint8 *input = noise (4 * pixels);
    g_autofree guint8 *output = g_malloc0 (pixels);
    g_autofree guint8 *expected = g_malloc0 (pixels);
    Bound bound[] = { { "input", input, 4 * pixels },
      { "output", output, pixels } };

    for (gsize p = 0; p < pixels; p++)
      expected[p] = (77 * input[4 * p] + 150 * input[4 * p + 1] +
                        29 * input[4 * p + 2] + 128) /
                    256;
    run (executable, bound, 2);
    assert_bytes (output, expected, pixels);
  }
}

typedef guint8 (*PixelFunc) (const guint8 *pixels, int x, int y, int w, int h);

static int
near_pixel (const guint8 *pixels, int x, int y, int w, int h)
{
  return pixels[CLAMP (y, 0, h - 1) * w + CLAMP (x, 0, w - 1)];
}

static guint8
sobel_pixel (const guint8 *pixels, int x, int y, int w, int h)
{
  int gx = 0, gy = 0;

  if (x == 0 || y == 0 || x == w - 1 || y == h - 1)
    return 0;
  for (int dy = -1; dy <= 1; dy++) {
    for (int dx = -1; dx <= 1; dx++) {
      int value = near_pixel (pixels, x + dx, y + dy, w, h);

      gx += value * dx * (dy == 0 ? 2 : 1);
      gy += value * dy * (dx == 0 ? 2 : 1);
    }
  }
  return MIN (ABS (gx) + ABS (gy), 255);
}

static guint8
blur_pixel (const guint8 *pixels, int x, int y, int w, int h)
{
  int sum = 4;

  for (int dy = -1; dy <= 1; dy++)
    for (int dx = -1; dx <= 1; dx++)
      sum += near_pixel (pixels, x + dx, y + dy, w, h);
  return sum / 9;
}

static void
check_picture (const char *name, PixelFunc func)
{
  static const int sizes[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 2, 2 },
    { 3, 3 }, { 7, 5 }, { 32, 17 } };
  g_autoptr (VyreExecutable) executable = load (name);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    int w = sizes[i][0], h = sizes[i][1];
    g_autofree guint8 *input = noise (w * h);
    g_autofree guint8 *output = g_malloc0 (w * h);
    g_autofree guint8 *expected = g_malloc0 (w * h);
    guint32 width = GUINT32_TO_LE (w);
    Bound bound[] = { { "input", input, w * h }, { "output", output, w * h },
      { "width", (guint8 *) &width, 4 } };

    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++)
        expected[y * w + x] = func (input, x, y, w, h);
    run (executable, bound, 3);
    assert_bytes (output, expected, w * h);
  }
}

static void
test_sobel (void)
{
  check_picture ("sobel", sobel_pixel);
}

static void
test_blur (void)
{
  check_picture ("box-blur", blur_pixel);
}

/* --- kept state ------------------------------------------------------------------ */

static void
test_histogram (void)
{
  g_autoptr (VyreExecutable) executable = load ("histogram256");
  guint32 counts[256] = { 0, }, expected[256] = { 0, };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autofree guint8 *input = noise (lengths[i]);
    Bound bound[] = { { "input", input, lengths[i] },
      { "histogram", (guint8 *) counts, sizeof (counts) } };

    for (gsize at = 0; at < lengths[i]; at++)
      expected[input[at]]++;
    run (executable, bound, 2);
    g_assert_cmpmem (counts, sizeof (counts), expected, sizeof (expected));
  }
  /* Windows may run at once only if the histogram is known to allow it. */
  g_assert_true (vyre_executable_is_commutative (executable, 1));
}

static void
test_newlines (void)
{
  g_autoptr (VyreExecutable) executable = load ("newline-count");
  guint32 count = 0, expected = 0;

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autofree guint8 *input = noise (lengths[i]);
    Bound bound[] = { { "input", input, lengths[i] },
      { "newlines", (guint8 *) &count, 4 } };

    for (gsize at = 0; at < lengths[i]; at++) {
      input[at] = input[at] & 1 ? '\n' : input[at];
      expected += input[at] == '\n';
    }
    run (executable, bound, 2);
    g_assert_cmpuint (count, ==, expected);
  }
  g_assert_true (vyre_executable_is_commutative (executable, 1));
}

static guint32
crc32_of (guint32 crc, const guint8 *data, gsize length)
{
  crc = ~crc;
  for (gsize i = 0; i < length; i++) {
    crc ^= data[i];
    for (guint bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

static void
test_crc32 (void)
{
  g_autoptr (VyreExecutable) executable = load ("crc32");
  guint32 crc = 0, expected = 0;

  g_assert_cmphex (
      crc32_of (0, (const guint8 *) "123456789", 9), ==, 0xcbf43926);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autofree guint8 *input = noise (lengths[i]);
    Bound bound[] = { { "input", input, lengths[i] },
      { "crc", (guint8 *) &crc, 4 } };

    expected = crc32_of (expected, input, lengths[i]);
    run (executable, bound, 2);
    g_assert_cmphex (crc, ==, expected);
  }
}

/* Occurrences of "aab", which may lie across buffers. */
static void
test_dfa (void)
{
  g_autoptr (VyreExecutable) executable = load ("dfa-scan");
  guint32 table[4 * 256] = {
    0,
  };
  guint32 state = 0, matches = 0, expected = 0;
  char last[4] = "...";

  for (guint s = 0; s < 4; s++)
    table[s * 256 + 'a'] = s == 1 || s == 2 ? 2 : 1;
  table[2 * 256 + 'b'] = 3 | 0x80000000;
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autofree guint8 *input = noise (lengths[i]);
    Bound bound[] = { { "input", input, lengths[i] },
      { "table", (guint8 *) table, sizeof (table) },
      { "state", (guint8 *) &state, 4 },
      { "matches", (guint8 *) &matches, 4 } };

    for (gsize at = 0; at < lengths[i]; at++) {
      input[at] = 'a' + input[at] % 2;
      memmove (last, last + 1, 2);
      last[2] = input[at];
      expected += strcmp (last, "aab") == 0;
    }
    run (executable, bound, 4);
    g_assert_cmpuint (matches, ==, expected);
  }
  g_assert_cmpuint (expected, >, 10);
}

int
main (int argc, char **argv)
{
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  runtime = vyre_runtime_acquire (&options, &error);
  if (!runtime) {
    g_print ("1..0 # SKIP %s\n", error->message);
    return 0;
  }
  tenant = vyre_tenant_new (runtime, "programs", &error);
  g_assert_no_error (error);
  g_test_add_func ("/programs/invert", test_invert);
  g_test_add_func ("/programs/ascii-upper", test_upper);
  g_test_add_func ("/programs/xor-key", test_xor);
  g_test_add_func ("/programs/lut256", test_lut);
  g_test_add_func ("/programs/rgba-to-gray", test_gray);
  g_test_add_func ("/programs/sobel", test_sobel);
  g_test_add_func ("/programs/box-blur", test_blur);
  g_test_add_func ("/programs/histogram256", test_histogram);
  g_test_add_func ("/programs/newline-count", test_newlines);
  g_test_add_func ("/programs/crc32", test_crc32);
  g_test_add_func ("/programs/dfa-scan", test_dfa);
  result = g_test_run ();
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return result;
}
