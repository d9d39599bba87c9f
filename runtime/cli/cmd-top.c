/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "top-source.h"
#include "top-view.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* vyre top: what a running pipeline does, as long as it runs. */

#define PROTOCOL "vyre-top"
#define PROTOCOL_VERSION 1
/* How often samples come. */
#define MIN_INTERVAL 0.25
#define MAX_INTERVAL 3600.0
/* A side that says nothing for this long is no monitor, or hangs. */
#define PATIENCE_US (10 * G_USEC_PER_SEC)

typedef struct
{
  gdouble interval; /* seconds */
  gboolean json, once, list;
} TopArgs;

typedef struct
{
  const TopArgs *args;
  TopSource *source;
  TopView *view; /* from the first line on */
  gint64 next_show, last_line; /* monotonic, µs */
  guint shown; /* with rates */

  /* A terminal that is drawn on; all of it is undone by leave_terminal(). */
  gboolean on_terminal, keys;
  guint escape; /* of a key: characters of its sequence so far ... */
  char parameter; /* ... and the digit in it */
  guint first, page; /* line of the table shown first, lines shown */
  struct termios saved;
  int signals; /* signalfd */
} TopRun;

/* --- terminal ------------------------------------------------------------ */

/* Alternate screen, no cursor; and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static gboolean
enter_terminal (TopRun *run, GError **error)
{
  struct termios mode;
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGHUP);
  sigaddset (&set, SIGWINCH);
  sigprocmask (SIG_BLOCK, &set, NULL);
  run->signals = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (run->signals < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
        "cannot wait for signals: %s", g_strerror (errno));
    return FALSE;
  }
  if (isatty (STDIN_FILENO) && tcgetattr (STDIN_FILENO, &run->saved) == 0) {
    mode = run->saved;
    mode.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
    mode.c_cc[VMIN] = 0;
    mode.c_cc[VTIME] = 0;
    /* Stopped, it would leave the terminal like this. */
    mode.c_cc[VSUSP] = _POSIX_VDISABLE;
    run->keys = tcsetattr (STDIN_FILENO, TCSANOW, &mode) == 0;
  }
  fputs (ENTER, stdout);
  run->on_terminal = TRUE;
  return TRUE;
}

static void
leave_terminal (TopRun *run)
{
  if (!run->on_terminal)
    return;
  fputs (LEAVE, stdout);
  fflush (stdout);
  if (run->keys)
    tcsetattr (STDIN_FILENO, TCSANOW, &run->saved);
  close (run->signals);
}

static gboolean
is_head (const char *line)
{
  return g_str_has_prefix (line, " ID ");
}

/* Tenants among these lines: some have a second one. */
static guint
count_tenants (const GPtrArray *lines, guint from, guint to)
{
  guint n = 0;

  for (guint i = from; i < to; i++)
    n += !g_str_has_prefix (g_ptr_array_index (lines, i), "    last");
  return n;
}

/* Leaves the part of the table that is to be seen, if not all of it fits, and
 * says what does not. */
static void
scroll (TopRun *run, GPtrArray *lines, guint rows, guint columns)
{
  guint head = 0, above, below, last;
  char *more;

  while (head < lines->len && !is_head (g_ptr_array_index (lines, head)))
    head++;
  head++;
  if (lines->len <= rows || head + 2 > rows) {
    run->first = run->page = 0;
    return;
  }
  run->page = rows - head - 1;
  run->first = MIN (run->first, lines->len - head - run->page);
  last = head + run->first + run->page;
  above = count_tenants (lines, head, head + run->first);
  below = count_tenants (lines, last, lines->len);
  more = g_strdup_printf ("and %u more: %u above, %u below (arrows, page keys)",
      above + below, above, below);
  if (g_utf8_strlen (more, -1) > columns)
    more[columns] = '\0';
  g_ptr_array_remove_range (lines, last, lines->len - last);
  g_ptr_array_add (lines, more);
  if (run->first > 0)
    g_ptr_array_remove_range (lines, head, run->first);
}

static void
draw (TopRun *run)
{
  struct winsize size = { 24, 80, 0, 0 };
  g_autoptr (GPtrArray) lines = NULL;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 ||
      size.ws_col == 0)
    size = (struct winsize){ 24, 80, 0, 0 };
  lines = top_view_lines (run->view, size.ws_col);
  scroll (run, lines, size.ws_row, size.ws_col);
  fputs ("\033[H", stdout);
  for (guint i = 0; i < MIN (lines->len, size.ws_row); i++) {
    const char *line = g_ptr_array_index (lines, i);

    /* The table's head stands out; no newline behind the last line, which would
     * scroll. */
    fprintf (stdout, "%s%s%s%s\033[K", i > 0 ? "\r\n" : "",
        is_head (line) ? "\033[7m" : "", line, is_head (line) ? "\033[0m" : "");
  }
  fputs ("\033[J", stdout);
  fflush (stdout);
}

/* --- showing ------------------------------------------------------------- */

static void
print_lines (TopRun *run)
{
  g_autoptr (GPtrArray) lines = top_view_lines (run->view, G_MAXINT);

  if (run->shown > 1)
    putchar ('\n');
  for (guint i = 0; i < lines->len; i++)
    printf ("%s\n", (const char *) g_ptr_array_index (lines, i));
  fflush (stdout);
}

static void
show (TopRun *run)
{
  if (top_view_has_rates (run->view))
    run->shown++;
  if (run->on_terminal) {
    draw (run);
  } else if (!top_view_has_rates (run->view)) {
    return;
  } else if (run->args->json) {
    g_autofree char *line = top_view_json (run->view);

    puts (line);
    fflush (stdout);
  } else {
    print_lines (run);
  }
}

static gboolean
check_hello (JsonObject *hello, GError **error)
{
  if (strcmp (top_get_string (hello, "type"), "hello") != 0 ||
      strcmp (top_get_string (hello, "protocol"), PROTOCOL) != 0) {
    g_set_error (error, TOP_SOURCE_ERROR, TOP_SOURCE_ERROR_PROTOCOL,
        "this is no socket of a pipeline's");
    return FALSE;
  }
  if (top_get_uint (hello, "version") != PROTOCOL_VERSION) {
    g_set_error (error, TOP_SOURCE_ERROR, TOP_SOURCE_ERROR_PROTOCOL,
        "the pipeline speaks version %" G_GUINT64_FORMAT
        " of the protocol, this is version %d; use the vyre of its version",
        top_get_uint (hello, "version"), PROTOCOL_VERSION);
    return FALSE;
  }
  return TRUE;
}

static gboolean
take_object (TopRun *run, JsonObject *object, gint64 now, GError **error)
{
  run->last_line = now;
  if (run->view == NULL) {
    if (!check_hello (object, error))
      return FALSE;
    run->view = top_view_new (object);
    return TRUE;
  }
  /* Kinds to come are for readers to come. */
  if (strcmp (top_get_string (object, "type"), "sample") != 0 ||
      now < run->next_show)
    return TRUE;
  run->next_show = now + (gint64) (run->args->interval * G_USEC_PER_SEC) -
                   (gint64) (MIN_INTERVAL * G_USEC_PER_SEC / 2);
  top_view_set_sample (run->view, object);
  show (run);
  return TRUE;
}

/* --- loop ---------------------------------------------------------------- */

/* TRUE when the user wants to leave. */
static gboolean
take_signals (TopRun *run)
{
  struct signalfd_siginfo info;

  while (read (run->signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGWINCH)
      return TRUE;
    if (run->view != NULL)
      draw (run);
  }
  return FALSE;
}

/* Lines that a key moves the table by; 0: none. */
static gint
move_of (TopRun *run, char key)
{
  gint page = (gint) MAX (run->page, 1);

  if (run->escape == 1 && (key == '[' || key == 'O')) {
    run->escape = 2;
    run->parameter = '\0';
    return 0;
  }
  if (run->escape == 2 && key >= '0' && key <= '9') {
    run->parameter = key;
    return 0;
  }
  if (run->escape == 2) {
    run->escape = 0;
    if (key == '~')
      key = run->parameter == '5' ? 'P' : run->parameter == '6' ? 'N' : key;
    switch (key) {
      case 'A':
        return -1;
      case 'B':
        return 1;
      case 'P':
        return -page;
      case 'N':
        return page;
      case 'H':
        return -G_MAXINT;
      case 'F':
        return G_MAXINT;
      default:
        return 0;
    }
  }
  run->escape = key == '\033';
  switch (key) {
    case 'k':
      return -1;
    case 'j':
      return 1;
    case 'b':
      return -page;
    case ' ':
      return page;
    default:
      return 0;
  }
}

/* draw() knows where the end is. */
static gboolean
move_table (TopRun *run, gint lines)
{
  guint before = run->first;

  if (lines < 0)
    run->first -= MIN (run->first, (guint) -lines);
  else
    run->first = (guint) MIN ((guint64) run->first + (guint) lines, G_MAXINT);
  return run->first != before;
}

static gboolean
take_keys (TopRun *run)
{
  gboolean moved = FALSE;
  char keys[64];
  gssize n = read (STDIN_FILENO, keys, sizeof keys);

  /* The terminal is gone. */
  if (n < 0 && errno != EAGAIN && errno != EINTR)
    return TRUE;
  for (gssize i = 0; i < n; i++) {
    if (run->escape == 0 && (keys[i] == 'q' || keys[i] == 'Q'))
      return TRUE;
    moved = move_table (run, move_of (run, keys[i])) || moved;
  }
  if (moved && run->view != NULL)
    draw (run);
  return FALSE;
}

static TopRead
read_all (TopRun *run, GError **error)
{
  for (;;) {
    g_autoptr (JsonObject) object = NULL;
    TopRead result = top_source_read (run->source, &object, error);

    if (result != TOP_READ_LINE)
      return result;
    if (!take_object (run, object, g_get_monotonic_time (), error))
      return TOP_READ_FAILED;
    if (run->args->once && run->shown > 0)
      return TOP_READ_END;
  }
}

/* Returns TRUE when it ended as it should. */
static gboolean
watch (TopRun *run, GError **error)
{
  run->last_line = g_get_monotonic_time ();
  for (;;) {
    struct pollfd fds[3] = {
      { top_source_get_fd (run->source), POLLIN, 0 },
      { run->on_terminal ? run->signals : -1, POLLIN, 0 },
      { run->keys ? STDIN_FILENO : -1, POLLIN, 0 },
    };
    TopRead result;

    if (poll (fds, G_N_ELEMENTS (fds), 1000) < 0 && errno != EINTR) {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "poll: %s",
          g_strerror (errno));
      return FALSE;
    }
    if (fds[1].revents != 0 && take_signals (run))
      return TRUE;
    if (fds[2].revents != 0 && take_keys (run))
      return TRUE;
    result = read_all (run, error);
    if (result == TOP_READ_FAILED)
      return FALSE;
    if (result == TOP_READ_END)
      break;
    if (g_get_monotonic_time () - run->last_line > PATIENCE_US) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
          "the pipeline has said nothing for %d seconds",
          (int) (PATIENCE_US / G_USEC_PER_SEC));
      return FALSE;
    }
  }
  if (run->shown > 0 || (run->on_terminal && run->view != NULL))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
      "the pipeline ended before there was anything to show");
  return FALSE;
}

static gboolean
watch_path (const char *path, const TopArgs *args, GError **error)
{
  g_autoptr (TopSource) source = top_source_open (path, error);
  TopRun run = { .args = args, .source = source };
  gboolean ok;

  if (source == NULL)
    return FALSE;
  if (!args->json && !args->once && isatty (STDOUT_FILENO) &&
      !enter_terminal (&run, error))
    return FALSE;
  ok = watch (&run, error);
  leave_terminal (&run);
  if (run.on_terminal && ok)
    printf ("vyre top: ended\n");
  g_clear_pointer (&run.view, top_view_free);
  return ok;
}

/* --- what to watch ------------------------------------------------------- */

static void
print_entries (const GPtrArray *entries, FILE *out)
{
  for (guint i = 0; i < entries->len; i++) {
    const TopEntry *entry = g_ptr_array_index (entries, i);

    fprintf (out, "%s\t%s\n", entry->id, entry->path);
  }
}

/* wanted: PID or PID-DEVICE, or NULL. */
static gboolean
is_wanted (const TopEntry *entry, const char *wanted)
{
  gsize length = wanted != NULL ? strlen (wanted) : 0;

  return wanted == NULL ||
         (strncmp (entry->id, wanted, length) == 0 &&
             (entry->id[length] == '\0' || entry->id[length] == '-'));
}

static int
choose_and_watch (const char *wanted, const TopArgs *args, GError **error)
{
  g_autoptr (GPtrArray) entries = top_source_list ();
  const TopEntry *entry;

  for (guint i = entries->len; i-- > 0;) {
    if (!is_wanted (g_ptr_array_index (entries, i), wanted))
      g_ptr_array_remove_index (entries, i);
  }
  if (args->list) {
    print_entries (entries, stdout);
    return CLI_OK;
  }
  if (entries->len == 0)
    goto none;
  if (entries->len > 1)
    goto several;
  entry = g_ptr_array_index (entries, 0);
  return watch_path (entry->path, args, error) ? CLI_OK : CLI_FAILURE;

none:
  if (wanted != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
        "no running pipeline %s offers its numbers; start it with VYRE_TOP=1",
        wanted);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
        "no running pipeline offers its numbers; start one with VYRE_TOP=1");
  return CLI_FAILURE;

several:
  print_entries (entries, stderr);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
      "several pipelines run; name one of these");
  return CLI_USAGE;
}

int
cli_top (int argc, char **argv)
{
  TopArgs args = { .interval = 1.0 };
  const GOptionEntry options[] = {
    { "interval", 'i', 0, G_OPTION_ARG_DOUBLE, &args.interval,
        "Seconds between two looks, from 0.25 on (1)", "SECONDS" },
    { "once", '1', 0, G_OPTION_ARG_NONE, &args.once,
        "Look for one interval, print and end", NULL },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &args.json,
        "Print an object of JSON in a line for every interval", NULL },
    { "list", 'l', 0, G_OPTION_ARG_NONE, &args.list,
        "List what can be watched, and end", NULL },
    { NULL },
  };
  g_autoptr (GError) error = NULL;
  int result;

  if (!cli_parse ("top", &argc, &argv, options, "[PID[-DEVICE] | SOCKET]",
          "Shows what a running pipeline that was started with VYRE_TOP=1 in\n"
          "its environment does: tenants, ring, throughput, latency, faults.\n"
          "Arrows and page keys move the table; the key q ends it.",
          0, 1))
    return CLI_USAGE;
  if (!(args.interval >= MIN_INTERVAL && args.interval <= MAX_INTERVAL)) {
    cli_error ("top", "--interval is from %g to %g seconds", MIN_INTERVAL,
        MAX_INTERVAL);
    return CLI_USAGE;
  }
  if (argc > 1 && strchr (argv[1], '/') != NULL)
    result = watch_path (argv[1], &args, &error) ? CLI_OK : CLI_FAILURE;
  else
    result = choose_and_watch (argc > 1 ? argv[1] : NULL, &args, &error);
  if (error != NULL)
    cli_error ("top", "%s", error->message);
  return result;
}
