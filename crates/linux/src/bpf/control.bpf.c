// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * struct_ops: the congestion control `wad`.
 *
 * Standard TCP (RFC 5681) whose two constants are a flow's own. In congestion avoidance each
 * round trip adds `additive_increase` segments (the 2002 daemon's wadai; also its virtual MSS);
 * a loss takes the share `multiplicative_decrease` of the window (its wadmd). With 1 and 0.5 it is
 * Reno. Loss recovery, proportional rate reduction (RFC 6937) and pacing stay the kernel's.
 *
 *   congestion avoidance   cwnd += additive_increase * acked / cwnd
 *   loss                   ssthresh = cwnd * (1 - multiplicative_decrease), at least 2
 *
 * The increase is read anew whenever it has enlarged the window, the decrease at every loss: a
 * change acts on a running flow within a round trip, and most acknowledgements need no look-up.
 */

extern u32 tcp_slow_start(struct tcp_sock *tp, u32 acked) __ksym;
extern u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

#define RENO_INCREASE WAD_SCALE
#define RENO_DECREASE (WAD_SCALE / 2)

/*
 * The control's own state, which the kernel clears when a flow gets the control: the part of a
 * segment that the increase has earned so far.
 */
struct control_state {
	u64 credit; /* segments * cwnd * WAD_SCALE */
	u32 increase; /* the flow's additive increase as last read; 0: not yet */
};

static __always_inline struct control_state *state_of(struct sock *sk)
{
	return (struct control_state *)((struct inet_connection_sock *)sk)->icsk_ca_priv;
}

static __always_inline struct wad_flow *control_flow(struct sock *sk)
{
	return bpf_sk_storage_get(&flows, sk, NULL, 0);
}

/* RFC 5681 section 3.1: a window that the application does not fill must not grow. */
static __always_inline bool is_window_limited(struct tcp_sock *tp)
{
	if (BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited))
		return true;
	return tp->snd_cwnd < tp->snd_ssthresh && tp->snd_cwnd < 2 * tp->max_packets_out;
}

static __always_inline u32 current_increase(struct sock *sk)
{
	struct wad_flow *flow = control_flow(sk);

	return flow && flow->additive_increase ? flow->additive_increase : RENO_INCREASE;
}

static __always_inline void additive_increase(struct sock *sk, struct tcp_sock *tp, u32 acked)
{
	struct control_state *state = state_of(sk);
	u64 window = (u64)tp->snd_cwnd * WAD_SCALE;
	u64 grown;

	if (!state->increase)
		state->increase = current_increase(sk);
	state->credit += (u64)acked * state->increase;
	if (!window || state->credit < window)
		return;
	grown = state->credit / window;
	state->credit -= grown * window;
	state->increase = current_increase(sk);
	grown += tp->snd_cwnd;
	tp->snd_cwnd = grown < tp->snd_cwnd_clamp ? grown : tp->snd_cwnd_clamp;
}

SEC("struct_ops")
void BPF_PROG(wad_cong_avoid, struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (!is_window_limited(tp))
		return;
	if (tp->snd_cwnd < tp->snd_ssthresh) {
		acked = tcp_slow_start(tp, acked);
		if (!acked)
			return;
	}
	additive_increase(sk, tp, acked);
}

SEC("struct_ops")
u32 BPF_PROG(wad_ssthresh, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct wad_flow *flow = control_flow(sk);
	u64 decrease = RENO_DECREASE;
	u32 window = tp->snd_cwnd;

	if (flow) {
		flow->congestion_events++;
		if (flow->multiplicative_decrease)
			decrease = flow->multiplicative_decrease;
	}
	state_of(sk)->credit = 0;
	window -= (window * decrease) / WAD_SCALE;
	return window > 2 ? window : 2;
}

SEC("struct_ops")
u32 BPF_PROG(wad_undo_cwnd, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

#define WAD_OPERATIONS                          \
	{                                       \
		.ssthresh = (void *)wad_ssthresh, \
		.cong_avoid = (void *)wad_cong_avoid, \
		.undo_cwnd = (void *)wad_undo_cwnd, \
		.name = "wad",                  \
	}

/* Registered by a link, which ends with the process that holds it. */
SEC(".struct_ops.link")
struct tcp_congestion_ops wad = WAD_OPERATIONS;

/* The same for kernels before 6.4, which know no such link; the loader makes one of the two. */
SEC(".struct_ops")
struct tcp_congestion_ops wad_unlinked = WAD_OPERATIONS;
