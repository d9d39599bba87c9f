/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs with an environment in which the loader finds no driver. */

#include <string.h>

#include "device/device.h"

static void
test_no_driver (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_device_enumerate (&error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NO_DRIVER);
  g_assert_nonnull (strstr (error->message, "mesa-vulkan-drivers"));
  g_clear_error (&error);

  g_assert_null (vyre_device_open (-1, NULL, NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NO_DRIVER);
  g_clear_error (&error);
  g_assert_null (vyre_device_open (0, "any", NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NO_DRIVER);
}

static void
test_no_validation_layer (void)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("VK_LAYER_PATH", "/nonexistent", TRUE);
  g_setenv ("VYRE_VULKAN_VALIDATION", "1", TRUE);
  g_assert_null (vyre_device_open (-1, NULL, NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "VK_LAYER_KHRONOS_validation"));
  g_assert_nonnull (strstr (error->message, "vulkan-validationlayers"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device/no-driver", test_no_driver);
  g_test_add_func ("/device/no-validation-layer", test_no_validation_layer);
  return g_test_run ();
}
