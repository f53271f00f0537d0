// Everything: mask -> Layout -> compile -> Kernel -> launch. docs/tutorial walks through it.
#pragma once

#include "bsgen/compiler.h"
#include "bsgen/cpu.h"
#include "bsgen/device.h"
#include "bsgen/dtype.h"
#include "bsgen/engine.h"
#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"
#include "bsgen/tensor.h"
