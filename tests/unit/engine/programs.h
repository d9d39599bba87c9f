/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/runtime.h"
#include "vir0/text.h"

#include <string.h>

/* A program in text form, to be interpreted: that is what is tested here. */
static inline VyreExecutable *
compile_program (VyreRuntime *runtime, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);
  VyreExecutable *executable;

  g_assert_no_error (error);
  executable = vyre_executable_new (runtime, program, &error);
  if (error != NULL)
    g_test_message ("%s\n%s", error->message, text);
  g_assert_no_error (error);
  vyre_executable_set_engine (executable, VYRE_ENGINE_INTERP);
  return executable;
}

/* Of a test's main(), and that warnings end it. */
static inline VyreRuntime *
acquire_runtime (int *argc, char ***argv)
{
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  VyreRuntime *runtime;

  g_test_init (argc, argv, NULL);
  g_log_set_always_fatal (
      G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  return runtime;
}
