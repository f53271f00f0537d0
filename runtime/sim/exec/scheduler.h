// Runs clusters: Worker::run_cluster and what it stands on (warp.h).
#pragma once

#include <cstring>

#include "runtime/sim/exec/warp.h"
