/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GLSL to SPIR-V by glslang, and all steps in one. */
#include "jit-private.h"

#include <glslang/Include/glslang_c_interface.h>
#include <glslang/Public/resource_limits_c.h>

#include <string.h>

/* What a log may add to an error. */
#define MAX_LOG 2000

/* The text with program in the place of the mark, or NULL. */
static char *
fill_frame (const char *program, const char *frame)
{
  gsize length = strlen (VYRE_JIT_MARK);

  for (const char *line = frame; line != NULL; line = strchr (line, '\n')) {
    line += *line == '\n' ? 1 : 0;
    if (strncmp (line, VYRE_JIT_MARK, length) == 0 &&
        (line[length] == '\n' || line[length] == '\0'))
      return g_strdup_printf (
          "%.*s%s%s", (int) (line - frame), frame, program, line + length);
  }
  return NULL;
}

static void
set_log (GError **error, const char *what, const char *log)
{
  g_autofree char *text = g_strndup (log ? log : "", MAX_LOG);
  g_autofree char *valid = g_utf8_make_valid (g_strstrip (text), -1);

  g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_COMPILE,
      "the generated code was not %s, which is a fault of its generator; the "
      "program stays with the interpreter: %s",
      what, valid);
}

static GBytes *
compile_text (const char *text, GError **error)
{
  glslang_input_t input = {
    .language = GLSLANG_SOURCE_GLSL,
    .stage = GLSLANG_STAGE_COMPUTE,
    .client = GLSLANG_CLIENT_VULKAN,
    .client_version = GLSLANG_TARGET_VULKAN_1_2,
    .target_language = GLSLANG_TARGET_SPV,
    .target_language_version = GLSLANG_TARGET_SPV_1_5,
    .code = text,
    .default_version = 460,
    .default_profile = GLSLANG_CORE_PROFILE,
    .messages = GLSLANG_MSG_SPV_RULES_BIT | GLSLANG_MSG_VULKAN_RULES_BIT,
    .resource = glslang_default_resource (),
  };
  glslang_spv_options_t options = { .disable_optimizer = true };
  glslang_shader_t *shader = glslang_shader_create (&input);
  glslang_program_t *program = glslang_program_create ();
  GBytes *spirv = NULL;
  gsize words;

  glslang_program_add_shader (program, shader);
  if (!glslang_shader_preprocess (shader, &input))
    set_log (error, "preprocessed", glslang_shader_get_info_log (shader));
  else if (!glslang_shader_parse (shader, &input))
    set_log (error, "parsed", glslang_shader_get_info_log (shader));
  else if (!glslang_program_link (program, (int) input.messages))
    set_log (error, "linked", glslang_program_get_info_log (program));
  else {
    glslang_program_SPIRV_generate_with_options (
        program, input.stage, &options);
    words = glslang_program_SPIRV_get_size (program);
    if (words == 0)
      set_log (
          error, "translated", glslang_program_SPIRV_get_messages (program));
    else
      spirv = g_bytes_new (glslang_program_SPIRV_get_ptr (program), words * 4);
  }
  glslang_program_delete (program);
  glslang_shader_delete (shader);
  return spirv;
}

GBytes *
vyre_jit_compile (const char *program, const char *frame, GError **error)
{
  static GMutex mutex;
  static gboolean initialized;
  g_autofree char *text = fill_frame (program, frame);
  GBytes *spirv;

  if (text == NULL) {
    g_set_error_literal (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_COMPILE,
        "the frame has no line " VYRE_JIT_MARK);
    return NULL;
  }
  /* Its threads would not disturb each other, but nothing says so. */
  g_mutex_lock (&mutex);
  if (!initialized)
    initialized = glslang_initialize_process () != 0;
  spirv = compile_text (text, error);
  g_mutex_unlock (&mutex);
  return spirv;
}

/* --- all steps ------------------------------------------------------------- */

static guint64
since_ns (gint64 start)
{
  return (guint64) (g_get_monotonic_time () - start) * 1000;
}

static void
keep (VyreJitCache *cache, const VyreJitKey *key, GBytes *spirv)
{
  static gsize said;
  g_autoptr (GError) error = NULL;

  if (vyre_jit_cache_store (cache, VYRE_JIT_CACHE_SPIRV, key, spirv, &error))
    return;
  if (g_once_init_enter (&said)) {
    g_message ("compiled programs are not kept: %s", error->message);
    g_once_init_leave (&said, 1);
  }
}

GBytes *
vyre_jit_build (const VyreLowered *lowered, const VyreJitOptions *options,
    const char *frame, VyreJitCache *cache, VyreJitTimes *times, GError **error)
{
  VyreJitTimes unused;
  g_autoptr (VyreJitSource) source = NULL;
  GBytes *spirv;
  VyreJitKey key;
  gint64 start;

  times = times ? times : &unused;
  *times = (VyreJitTimes){ 0 };
  start = g_get_monotonic_time ();
  source = vyre_jit_generate (lowered, options, error);
  times->generate_ns = since_ns (start);
  if (source == NULL)
    return NULL;
  times->unroll = source->unroll;
  times->team = source->team;
  vyre_jit_key_spirv (lowered, options, frame, &key);
  spirv =
      cache ? vyre_jit_cache_load (cache, VYRE_JIT_CACHE_SPIRV, &key) : NULL;
  if (spirv != NULL) {
    times->cached = TRUE;
    return spirv;
  }
  start = g_get_monotonic_time ();
  spirv = vyre_jit_compile (source->text, frame, error);
  times->compile_ns = since_ns (start);
  if (spirv != NULL && cache != NULL)
    keep (cache, &key, spirv);
  return spirv;
}
