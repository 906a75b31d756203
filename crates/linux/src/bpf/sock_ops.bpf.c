// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * sock_ops: sees every connection of the cgroup open and close, and tunes those that belong to a
 * path.
 *
 *   SYN about to leave   what the application asked for and was held back, unless overridden; what the
 *                        SYN itself says: first window, segment size, ECN, traffic class
 *   established          match; everything that must be in place before the first data segment; report
 *   once a round trip    nothing while the flow is young (young.h); then statistics, what is counted for a trace
 *                        (counts.h), send buffer
 *   segment leaves       receive buffer (while the flow receives)
 *   closed               report
 */

static __always_inline struct tcp_sock *tcp_sock_of(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;

	return sk ? bpf_skc_to_tcp_sock(sk) : NULL;
}

static __always_inline struct wad_flow *flow_of(struct bpf_sock_ops *ops, bool create)
{
	struct bpf_sock *sk = ops->sk;

	if (!sk)
		return NULL;
	return bpf_sk_storage_get(&flows, sk, NULL, create ? BPF_SK_STORAGE_GET_F_CREATE : 0);
}

/*
 * Applies the buffers that the application asked for and that were held back until it was known
 * where the connection goes.
 */
static __always_inline void release_held(struct bpf_sock_ops *ops, struct wad_flow *flow)
{
	if (flow->state & WAD_SEND_HELD)
		set_number(ops, SOL_SOCKET, SO_SNDBUF, flow->asked_send);
	if (flow->state & WAD_RECEIVE_HELD) {
		u64 space = (u64)flow->asked_receive * 2;
		struct tcp_sock *tp;

		set_number(ops, SOL_SOCKET, SO_RCVBUF, flow->asked_receive);
		/* Before the SYN the kernel derives the clamp itself. */
		if (ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && (tp = tcp_sock_of(ops)))
			set_number(ops, SOL_TCP, TCP_WINDOW_CLAMP, window_from_space(tp, space));
	}
	flow->state &= ~(WAD_SEND_HELD | WAD_RECEIVE_HELD | WAD_OVERRIDDEN);
}

/* The parameters of the path that a connection belongs to, and that path's index. */
static __noinline struct wad_parameters *match(struct bpf_sock_ops *ops, u32 *path)
{
	struct ends ends = { 0 };

	ends_of(ops, &ends);
	*path = find_path(&ends);
	return *path == WAD_NO_RULE ? NULL : bpf_map_lookup_elem(&paths, path);
}

/* What only the side that connects can still say: its SYN has not left. */
static __always_inline void apply_before_syn(struct bpf_sock_ops *ops, struct wad_parameters *parameters)
{
	if (parameters->segment_size)
		set_number(ops, SOL_TCP, TCP_MAXSEG, parameters->segment_size);
	if (parameters->policy & WAD_TRAFFIC_CLASS) {
		bool ipv4 = ops->family == AF_INET;

		set_number(ops, ipv4 ? SOL_IP : SOL_IPV6, ipv4 ? IP_TOS : IPV6_TCLASS,
			   parameters->traffic_class);
	}
}

/*
 * The SYN is about to leave, and with it the window scale: what the application asked for
 * counts from here on, unless the path overrides it.
 */
static __always_inline void connecting(struct bpf_sock_ops *ops)
{
	struct wad_flow *flow = any_override ? flow_of(ops, false) : NULL;
	struct wad_parameters *parameters;
	u32 path;

	if (!flow && !any_at_connect)
		return;
	parameters = match(ops, &path);
	if (parameters)
		apply_before_syn(ops, parameters);
	if (!flow)
		return;
	if (parameters && (parameters->policy & WAD_OVERRIDE))
		flow->state |= WAD_OVERRIDDEN;
	else
		release_held(ops, flow);
}

/* The first receive window, in segments. The kernel asks while it makes the SYN or the SYN-ACK. */
static __always_inline void first_receive_window(struct bpf_sock_ops *ops)
{
	struct wad_parameters *parameters;
	u32 path;

	if (!any_receive_window)
		return;
	parameters = match(ops, &path);
	if (parameters && parameters->initial_receive_window)
		ops->reply = parameters->initial_receive_window;
}

static __always_inline void asks_for_ecn(struct bpf_sock_ops *ops)
{
	struct wad_parameters *parameters;
	u32 path;

	if (!any_ecn)
		return;
	parameters = match(ops, &path);
	if (parameters && (parameters->policy & WAD_ECN))
		ops->reply = 1;
}

static __always_inline void apply(struct bpf_sock_ops *ops, struct tcp_sock *tp,
				  struct wad_parameters *parameters, struct wad_flow *flow)
{
	void *context = ops;

	apply_control(ops, parameters, flow);
	SET_UNLESS_ZERO(SOL_TCP, TCP_BPF_IW, parameters->initial_window, WAD_KNOB_INITIAL_WINDOW);
	apply_buffers(ops, tp, parameters, flow);
	if (parameters->policy & WAD_TRANSPORT)
		apply_transport(ops, tp, parameters, flow);
	if (bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | callbacks_of(flow)))
		refuse(flow, WAD_KNOB_CALLBACKS);
}

/* What was refused is kept with the flow: nothing else tells it. */
static __always_inline void leave_young(struct bpf_sock_ops *ops, u64 cookie, const struct wad_flow *young)
{
	struct wad_flow *flow = young->refused ? flow_of(ops, true) : NULL;

	if (flow)
		*flow = *young;
	else
		remember(cookie, young);
}

static __always_inline void established(struct bpf_sock_ops *ops, bool active)
{
	struct wad_flow *flow = any_override ? flow_of(ops, false) : NULL;
	struct tcp_sock *tp = tcp_sock_of(ops);
	struct wad_parameters *parameters;
	struct wad_flow young = {};
	struct wad_socket before;
	u64 cookie;
	u32 path;

	parameters = match(ops, &path);
	if (flow && !(parameters && (parameters->policy & WAD_OVERRIDE)))
		release_held(ops, flow);
	if (!parameters || !tp)
		return;
	if (!flow && (needs_state(parameters) || is_traced()))
		flow = flow_of(ops, true);
	if (!flow)
		flow = &young;
	cookie = bpf_get_socket_cookie(ops); /* from here on the socket has one */
	flow->opened_ns = bpf_ktime_get_ns();
	flow->path = path;
	flow->state |= WAD_OPEN | (active ? WAD_ACTIVE : 0);
	if (parameters->policy & WAD_OVERRIDE)
		flow->state |= WAD_OVERRIDDEN;
	read_socket(tp, &before);
	apply(ops, tp, parameters, flow);
	report(WAD_RECORD_OPEN, flow->opened_ns, tp, flow, &before);
	if (flow == &young)
		leave_young(ops, cookie, &young);
}

/* While more comes in than goes out, each segment that leaves is an occasion to look. */
static __always_inline bool receives(struct bpf_sock_ops *ops)
{
	return ops->bytes_received >= ops->bytes_acked;
}

static __always_inline bool has_moved_little(struct bpf_sock_ops *ops)
{
	return ops->bytes_acked < YOUNG_BYTES && ops->bytes_received < YOUNG_BYTES;
}

static __always_inline void rtt_sample(struct bpf_sock_ops *ops)
{
	struct wad_flow *flow = flow_of(ops, false);
	bool has_state = flow && (flow->state & WAD_OPEN);
	struct tcp_sock *tp;
	u32 sample;

	if (!has_state && has_moved_little(ops) && !is_traced())
		return;
	tp = tcp_sock_of(ops);
	if (!tp)
		return;
	if (!has_state)
		flow = kept(tp);
	if (!flow)
		return;
	/* Kernels before 6.10 do not pass the sample: the smoothed value stands for it. */
	sample = ops->args[0] ? ops->args[0] : tp->srtt_us >> 3;
	flow->rtt_sum_us += sample;
	flow->rtt_count++;
	if (!flow->rtt_min_us || sample < flow->rtt_min_us)
		flow->rtt_min_us = sample;
	if (tp->snd_cwnd > flow->largest_window)
		flow->largest_window = tp->snd_cwnd;
	count_round_trip(ops, tp, flow, sample);
	if (grows_send_buffer(flow))
		grow_send_buffer(ops, tp, flow);
	if ((callbacks_of(flow) & RECEIVE_CALLBACK) && receives(ops) &&
	    !(ops->bpf_sock_ops_cb_flags & RECEIVE_CALLBACK))
		bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | RECEIVE_CALLBACK);
}

static __always_inline void segment_leaves(struct bpf_sock_ops *ops)
{
	struct wad_flow *flow;
	struct tcp_sock *tp;

	if (!receives(ops)) {
		bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags & ~RECEIVE_CALLBACK);
		return;
	}
	/* Most segments of short connections end here, before any look-up. */
	if (ops->bytes_received < YOUNG_BYTES)
		return;
	tp = tcp_sock_of(ops);
	flow = tp ? kept(tp) : NULL;
	if (!flow)
		return;
	if (grows_receive_buffer(flow))
		grow_receive_buffer(ops, tp, flow);
	/* Autotuning moves the clamp with the buffer: put it back. */
	if (flow->window_clamp && tp->window_clamp > flow->window_clamp)
		set_number(ops, SOL_TCP, TCP_WINDOW_CLAMP, flow->window_clamp);
}

static __always_inline void state_changed(struct bpf_sock_ops *ops)
{
	struct wad_flow young = {};
	struct wad_flow *flow;
	struct tcp_sock *tp;

	if (ops->args[1] != BPF_TCP_CLOSE)
		return;
	tp = tcp_sock_of(ops);
	if (!tp)
		return;
	flow = flow_of(ops, false);
	if (flow && (flow->state & WAD_OPEN)) {
		flow->state &= ~WAD_OPEN;
	} else if (is_followed(tp)) {
		read_young(tp, &young);
		flow = &young;
	} else {
		return;
	}
	report(WAD_RECORD_CLOSE, bpf_ktime_get_ns(), tp, flow, NULL);
}

SEC("sockops")
int wad_sock_ops(struct bpf_sock_ops *ops)
{
	switch (ops->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		connecting(ops);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		established(ops, true);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		established(ops, false);
		break;
	case BPF_SOCK_OPS_RWND_INIT:
		first_receive_window(ops);
		break;
	case BPF_SOCK_OPS_NEEDS_ECN:
		asks_for_ecn(ops);
		break;
	case BPF_SOCK_OPS_RTT_CB:
		rtt_sample(ops);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		segment_leaves(ops);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		state_changed(ops);
		break;
	}
	return 1;
}
