/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * What is counted of a designated flow and the kernel does not count itself (struct wad_counts).
 *
 * Nothing of it is in the way of an acknowledgement. Congestion signals are counted when the flow's state of
 * congestion changes, which is rare; the extremes of windows and times once a round trip, and only of flows that
 * somebody traces.
 */
#pragma once

/* The state of congestion, as the kernel numbers it (enum tcp_ca_state). */
#define TCP_CA_DISORDER 1
#define TCP_CA_CWR 2
#define TCP_CA_RECOVERY 3
#define TCP_CA_LOSS 4
#define TCP_ECN_OK 1 /* bit of ecn_flags */

/* What limits a sender, as the kernel numbers it (enum tcp_chrono). */
#define TCP_CHRONO_BUSY 1
#define TCP_CHRONO_RWND_LIMITED 2
#define TCP_CHRONO_SNDBUF_LIMITED 3

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wad_counts);
} wad_counts SEC(".maps");

/*
 * Until when (CLOCK_MONOTONIC, nanoseconds) all designated flows are to be counted. Tracers renew it; after one
 * that was killed it runs out by itself.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} wad_lease SEC(".maps");

/* The clock is read only if there has been a tracer. */
static __always_inline bool is_traced(void)
{
	u32 zero = 0;
	u64 *until = bpf_map_lookup_elem(&wad_lease, &zero);

	return until && *until && *until > bpf_ktime_get_ns();
}

static __always_inline void extremes(u32 *least, u32 *most, u32 value)
{
	if (!*least || value < *least)
		*least = value;
	if (value > *most)
		*most = value;
}

static __always_inline void count_signal(struct tcp_sock *tp, struct wad_counts *counts)
{
	u32 window = tp->prior_cwnd; /* as it was before the reduction */

	counts->congestion_signals++;
	counts->pre_congestion_cwnd += window;
	counts->pre_congestion_rtt_us += tp->srtt_us >> 3;
	extremes(&counts->cwnd_min, &counts->cwnd_max, window);
}

/*
 * The state of congestion changes. A fast retransmit in a window that is being reduced already (CWR) reduces it
 * no further, and is no new signal. While one daemon takes over from another two programs see each change: what
 * has been counted says so.
 */
static __always_inline void count_congestion(struct tcp_sock *tp, struct wad_counts *counts, u8 was, u8 is)
{
	if (counts->congestion_state == is)
		return;
	counts->congestion_state = is;
	if (is == TCP_CA_LOSS && was != TCP_CA_LOSS) {
		counts->timeouts++;
		count_signal(tp, counts);
	} else if (is == TCP_CA_RECOVERY && was < TCP_CA_RECOVERY) {
		counts->fast_retransmits++;
		if (was < TCP_CA_CWR)
			count_signal(tp, counts);
	} else if (is == TCP_CA_CWR && was < TCP_CA_CWR) {
		if (tp->ecn_flags & TCP_ECN_OK)
			counts->ecn_signals++;
		count_signal(tp, counts);
	}
}

static __always_inline void count_phase(struct tcp_sock *tp, struct wad_counts *counts)
{
	u32 window = tp->snd_cwnd, threshold = tp->snd_ssthresh;
	u8 phase = window < threshold ? WAD_PHASE_SLOW_START : WAD_PHASE_AVOIDANCE;

	if (phase != counts->phase) {
		counts->slow_starts += phase == WAD_PHASE_SLOW_START;
		counts->avoidances += phase == WAD_PHASE_AVOIDANCE;
		counts->phase = phase;
	}
	if (phase == WAD_PHASE_SLOW_START && window > counts->slow_start_cwnd_max)
		counts->slow_start_cwnd_max = window;
	if (phase == WAD_PHASE_AVOIDANCE && window > counts->avoidance_cwnd_max)
		counts->avoidance_cwnd_max = window;
	if (threshold < TCP_INFINITE_SSTHRESH)
		extremes(&counts->ssthresh_min, &counts->ssthresh_max, threshold);
}

static __always_inline void count_limit(struct tcp_sock *tp, struct wad_counts *counts)
{
	u8 limit = BPF_CORE_READ_BITFIELD(tp, chrono_type);

	if (!limit || limit == counts->limit)
		return;
	counts->limit = limit;
	counts->limited_by_window += limit == TCP_CHRONO_BUSY;
	counts->limited_by_receiver += limit == TCP_CHRONO_RWND_LIMITED;
	counts->limited_by_send_buffer += limit == TCP_CHRONO_SNDBUF_LIMITED;
}

/* Called once a round trip with a sample of its time. */
static __always_inline void count_round_trip(struct bpf_sock_ops *ops, struct tcp_sock *tp,
					     struct wad_flow *flow, u32 sample)
{
	struct bpf_sock *sk = ops->sk;
	struct wad_counts *counts;

	if (!sk || (!(flow->state & WAD_COUNTED) && !is_traced()))
		return;
	counts = bpf_sk_storage_get(&wad_counts, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!counts)
		return;
	flow->state |= WAD_COUNTED;
	counts->round_trips++;
	counts->rtt_last_us = sample;
	if (sample > counts->rtt_max_us)
		counts->rtt_max_us = sample;
	extremes(&counts->rto_min, &counts->rto_max, tp->inet_conn.icsk_rto);
	extremes(&counts->cwnd_min, &counts->cwnd_max, tp->snd_cwnd);
	extremes(&counts->offered_min, &counts->offered_max, tp->snd_wnd);
	if (tp->rcv_wnd > counts->own_window_max)
		counts->own_window_max = tp->rcv_wnd;
	count_phase(tp, counts);
	count_limit(tp, counts);
}
