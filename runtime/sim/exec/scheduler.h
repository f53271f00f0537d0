// Runs ctas: Worker::run_cta and what it stands on (warp.h).
#pragma once

#include <cstring>

#include "runtime/sim/exec/warp.h"
