/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <math.h>

/* Transcendental functions: vir0-semantics.md section 13.1. */

float
vyre_ref_sin (float x)
{
  return (float) sin (x);
}
float
vyre_ref_cos (float x)
{
  return (float) cos (x);
}
float
vyre_ref_tan (float x)
{
  return (float) tan (x);
}
float
vyre_ref_asin (float x)
{
  return (float) asin (x);
}
float
vyre_ref_acos (float x)
{
  return (float) acos (x);
}
float
vyre_ref_atan (float x)
{
  return (float) atan (x);
}
float
vyre_ref_sinh (float x)
{
  return (float) sinh (x);
}
float
vyre_ref_cosh (float x)
{
  return (float) cosh (x);
}
float
vyre_ref_tanh (float x)
{
  return (float) tanh (x);
}
float
vyre_ref_exp (float x)
{
  return (float) exp (x);
}
float
vyre_ref_exp2 (float x)
{
  return (float) exp2 (x);
}
float
vyre_ref_log (float x)
{
  return (float) log (x);
}
float
vyre_ref_log2 (float x)
{
  return (float) log2 (x);
}
