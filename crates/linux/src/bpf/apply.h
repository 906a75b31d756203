/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * Sets a flow as its path says: at its open from sock_ops, later from the iterator over sockets.
 *
 * `context` is what bpf_setsockopt() wants in the hook at hand: sock_ops its own, an iterator the socket.
 * Whatever the kernel refuses is noted in the flow, and reported with it.
 */
#pragma once

/* The callbacks that a tuned flow asks for; HDR_OPT_LEN comes whenever a segment is built. */
#define TUNED_CALLBACKS (BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RTT_CB_FLAG)
#define RECEIVE_CALLBACK BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG

/* A ceiling that a buffer could outgrow before its flow has moved much. */
static __always_inline bool is_small(u32 ceiling)
{
	return ceiling && ceiling < 1 << 20;
}

/* Whether a flow of the path has state from its open on; others have it once they are young no longer (young.h). */
static __always_inline bool needs_state(struct wad_parameters *parameters)
{
	return (parameters->policy & (WAD_FIXED_BUFFERS | WAD_FOLLOWED)) || parameters->window_clamp ||
	       is_small(parameters->send_buffer) || is_small(parameters->receive_buffer);
}

static __always_inline bool sizes_buffer(struct wad_parameters *parameters, struct tcp_sock *tp, u32 lock)
{
	return (parameters->policy & WAD_OVERRIDE) || !(user_locks(&tp->inet_conn.icsk_inet.sk) & lock);
}

/* A buffer that the application fixed stays as it is, unless the path overrides it. */
static __always_inline void set_ceilings(struct tcp_sock *tp, struct wad_parameters *parameters,
					 struct wad_flow *flow)
{
	/* The lock of a buffer that WAD has set is not the application's. */
	bool ours = flow->state & (WAD_FIXED | WAD_SEND_GROWN);

	if (!parameters->send_buffer)
		flow->send_ceiling = 0;
	else if (ours || sizes_buffer(parameters, tp, SOCK_SNDBUF_LOCK))
		flow->send_ceiling = parameters->send_buffer;
	ours = flow->state & (WAD_FIXED | WAD_RECEIVE_GROWN);
	if (!parameters->receive_buffer)
		flow->receive_ceiling = 0;
	else if (ours || sizes_buffer(parameters, tp, SOCK_RCVBUF_LOCK))
		flow->receive_ceiling = parameters->receive_buffer;
}

static __always_inline void apply_buffers(void *context, struct tcp_sock *tp,
					  struct wad_parameters *parameters, struct wad_flow *flow)
{
	set_ceilings(tp, parameters, flow);
	flow->window_clamp = parameters->window_clamp;
	if (parameters->policy & WAD_FIXED_BUFFERS) {
		flow->state |= WAD_FIXED;
		if (flow->send_ceiling)
			set_send_buffer(context, flow, flow->send_ceiling);
		if (flow->receive_ceiling)
			set_receive_buffer(context, tp, flow, flow->receive_ceiling);
	}
	if (flow->window_clamp && set_number(context, SOL_TCP, TCP_WINDOW_CLAMP, flow->window_clamp))
		refuse(flow, WAD_KNOB_WINDOW_CLAMP);
}

static __always_inline bool grows_send_buffer(struct wad_flow *flow)
{
	return flow->send_ceiling && !(flow->state & WAD_FIXED);
}

static __always_inline bool grows_receive_buffer(struct wad_flow *flow)
{
	return flow->receive_ceiling && !(flow->state & WAD_FIXED);
}

static __always_inline u32 callbacks_of(struct wad_flow *flow)
{
	return TUNED_CALLBACKS | (grows_receive_buffer(flow) || flow->window_clamp ? RECEIVE_CALLBACK : 0);
}

/* Sets an option to a number, unless that is zero. */
#define SET_UNLESS_ZERO(level, name, number, knob)                            \
	do {                                                                  \
		if ((number) && set_number(context, (level), (name), (number))) \
			refuse(flow, (knob));                                 \
	} while (0)

static __always_inline void apply_pacing(void *context, struct wad_flow *flow, u64 rate)
{
	/* The option takes 32 bits here; the largest number means that there is no limit. */
	if (rate > 0xffffffff)
		rate = 0xffffffff;
	SET_UNLESS_ZERO(SOL_SOCKET, SO_MAX_PACING_RATE, (u32)rate, WAD_KNOB_PACING);
}

static __always_inline void set_traffic_class(void *context, struct tcp_sock *tp, struct wad_flow *flow,
					      u32 class)
{
	bool ipv4 = is_ipv4(&tp->inet_conn.icsk_inet.sk.__sk_common);

	if (set_number(context, ipv4 ? SOL_IP : SOL_IPV6, ipv4 ? IP_TOS : IPV6_TCLASS, class))
		refuse(flow, WAD_KNOB_TRAFFIC_CLASS);
}

static __always_inline void apply_transport(void *context, struct tcp_sock *tp,
					    struct wad_parameters *parameters, struct wad_flow *flow)
{
	/* The kernel moves the slow-start threshold with it: once, then, and not at every change. */
	if (parameters->max_window != tp->snd_cwnd_clamp)
		SET_UNLESS_ZERO(SOL_TCP, TCP_BPF_SNDCWND_CLAMP, parameters->max_window, WAD_KNOB_MAX_WINDOW);
	SET_UNLESS_ZERO(SOL_TCP, TCP_BPF_DELACK_MAX, parameters->delayed_ack_max_us, WAD_KNOB_DELAYED_ACK);
	SET_UNLESS_ZERO(SOL_TCP, TCP_BPF_RTO_MIN, parameters->min_rto_us, WAD_KNOB_MIN_RTO);
	SET_UNLESS_ZERO(SOL_TCP, TCP_RTO_MAX_MS, parameters->max_rto_ms, WAD_KNOB_MAX_RTO);
	SET_UNLESS_ZERO(SOL_TCP, TCP_NOTSENT_LOWAT, parameters->notsent_lowat, WAD_KNOB_NOTSENT_LOWAT);
	SET_UNLESS_ZERO(SOL_TCP, TCP_USER_TIMEOUT, parameters->user_timeout_ms, WAD_KNOB_USER_TIMEOUT);
	apply_pacing(context, flow, parameters->pacing_rate);
	if ((parameters->policy & (WAD_NO_NAGLE | WAD_NAGLE)) &&
	    set_number(context, SOL_TCP, TCP_NODELAY, !!(parameters->policy & WAD_NO_NAGLE)))
		refuse(flow, WAD_KNOB_NAGLE);
	if (parameters->policy & WAD_TRAFFIC_CLASS)
		set_traffic_class(context, tp, flow, parameters->traffic_class);
}

/* The control comes after its parameters, which it reads when it is set. */
static __always_inline void apply_control(void *context, struct wad_parameters *parameters,
					  struct wad_flow *flow)
{
	flow->wad = parameters->wad;
	if (parameters->control[0] &&
	    bpf_setsockopt(context, SOL_TCP, TCP_CONGESTION, parameters->control, sizeof(parameters->control)))
		refuse(flow, WAD_KNOB_CONTROL);
}
