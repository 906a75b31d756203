// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * The BPF side of WAD: one object, so that all hooks share their maps; one file for each hook.
 */

#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "intf.h"
#include "maps.h"
#include "flow.h"
#include "record.h"
#include "match.h"
#include "buffers.h"
#include "apply.h"
#include "high_speed.h"
#include "counts.h"
#include "young.h"

#include "sock_ops.bpf.c"
#include "sockopt.bpf.c"
#include "control.bpf.c"
#include "iter.bpf.c"
#include "congestion.bpf.c"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
