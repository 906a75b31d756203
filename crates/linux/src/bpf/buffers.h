/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * Buffers of a flow.
 *
 * `fixed` sets both once, as the daemon of 2002 did. `ceiling` leaves the kernel's autotuning
 * on and steps in at two points: where a buffer has outgrown the flow's ceiling, and where the
 * kernel would let it grow no further (its own limit in tcp_wmem or tcp_rmem, or a size fixed
 * by the application) although the flow needs more. From then on WAD sizes the buffer by the
 * kernel's own rules, up to the ceiling.
 *
 * SO_SNDBUF and SO_RCVBUF take half of what the kernel then accounts for.
 */
#pragma once

/* Kernel memory that one segment of ordinary size holds in the send queue (tcp_sndbuf_expand). */
#define SEGMENT_OVERHEAD 640


static __always_inline void refuse(struct wad_flow *flow, u32 knob)
{
	flow->refused |= 1U << knob;
}

static __always_inline int set_number(void *context, int level, int name, int value)
{
	return bpf_setsockopt(context, level, name, &value, sizeof(value));
}

static __always_inline void set_send_buffer(void *context, struct wad_flow *flow, u32 bytes)
{
	if (set_number(context, SOL_SOCKET, SO_SNDBUF, bytes))
		refuse(flow, WAD_KNOB_SEND_BUFFER);
}

/* The window that a receive buffer of `space` bytes can offer (tcp_win_from_space). */
static __always_inline u64 window_from_space(struct tcp_sock *tp, u64 space)
{
	if (bpf_core_field_exists(tp->scaling_ratio))
		return space * tp->scaling_ratio >> 8;
	return space / 2;
}

/* The receive buffer that a window of `window` bytes needs (tcp_space_from_win). */
static __always_inline u64 space_from_window(struct tcp_sock *tp, u64 window)
{
	if (bpf_core_field_exists(tp->scaling_ratio))
		return tp->scaling_ratio ? (window << 8) / tp->scaling_ratio : window * 2;
	return window * 2;
}

static __always_inline void set_receive_buffer(void *context, struct tcp_sock *tp,
					       struct wad_flow *flow, u32 bytes)
{
	if (set_number(context, SOL_SOCKET, SO_RCVBUF, bytes))
		refuse(flow, WAD_KNOB_RECEIVE_BUFFER);
	/* A larger buffer moves no window until its clamp follows. */
	if (set_number(context, SOL_TCP, TCP_WINDOW_CLAMP, window_from_space(tp, (u64)bytes * 2)))
		refuse(flow, WAD_KNOB_WINDOW_CLAMP);
}

static __always_inline u32 user_locks(struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD(sk, sk_userlocks);
}

/*
 * The send buffer that the congestion window needs: room for two windows, because what was sent
 * stays until it is acknowledged while the next window is queued (tcp_sndbuf_expand).
 */
static __always_inline void grow_send_buffer(void *context, struct tcp_sock *tp, struct wad_flow *flow)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	u64 ceiling = (u64)flow->send_ceiling * 2;
	u64 wanted = 2ULL * tp->snd_cwnd * (tp->mss_cache + SEGMENT_OVERHEAD);
	u64 has = sk->sk_sndbuf;

	if (has > ceiling) {
		set_send_buffer(context, flow, ceiling / 2);
		flow->state |= WAD_SEND_GROWN;
		return;
	}
	if (wanted > ceiling)
		wanted = ceiling;
	/* Steps of an eighth keep this off the path of most acknowledgements. */
	if (wanted <= has + has / 8 && !(wanted == ceiling && has < ceiling))
		return;
	if (!(flow->state & WAD_SEND_GROWN) && !(user_locks(sk) & SOCK_SNDBUF_LOCK) &&
	    wanted <= (u64)sk->__sk_common.skc_net.net->ipv4.sysctl_tcp_wmem[2])
		return; /* the kernel does it */
	set_send_buffer(context, flow, wanted / 2);
	flow->state |= WAD_SEND_GROWN;
	/* The host's limit cut it: that is the ceiling, and it need not be tried again. */
	if (sk->sk_sndbuf < wanted / 2 * 2)
		flow->send_ceiling = (u32)sk->sk_sndbuf / 2;
}

/*
 * The receive buffer that the reader's pace needs: what the application took during the last
 * round trip, twice because the measure is one round trip old, and twice again because a sender
 * in slow start doubles (tcp_rcvbuf_grow). The kernel keeps the measure also where it may not act.
 */
static __always_inline void grow_receive_buffer(void *context, struct tcp_sock *tp,
						struct wad_flow *flow)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	u64 ceiling = (u64)flow->receive_ceiling * 2;
	u64 wanted = space_from_window(tp, 4ULL * tp->rcvq_space.space);
	u64 has = sk->sk_rcvbuf;

	if (has > ceiling) {
		set_receive_buffer(context, tp, flow, ceiling / 2);
		flow->state |= WAD_RECEIVE_GROWN;
		return;
	}
	if (wanted > ceiling)
		wanted = ceiling;
	if (wanted <= has)
		return;
	if (!(flow->state & WAD_RECEIVE_GROWN) && !(user_locks(sk) & SOCK_RCVBUF_LOCK) &&
	    has < (u64)sk->__sk_common.skc_net.net->ipv4.sysctl_tcp_rmem[2])
		return; /* the kernel does it */
	set_receive_buffer(context, tp, flow, wanted / 2);
	flow->state |= WAD_RECEIVE_GROWN;
	if (sk->sk_rcvbuf < wanted / 2 * 2)
		flow->receive_ceiling = (u32)sk->sk_rcvbuf / 2;
}
