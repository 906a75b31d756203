// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * sock_ops: sees every connection of the cgroup open and close, and tunes those that belong to a
 * path.
 *
 *   SYN about to leave   what the application asked for and was held back, unless overridden
 *   established          match; everything that must be in place before the first data segment; report
 *   once a round trip    statistics, send buffer
 *   segment leaves       receive buffer (while the flow receives)
 *   closed               report
 */

/* The callbacks that a tuned flow asks for; HDR_OPT_LEN comes whenever a segment is built. */
#define TUNED_CALLBACKS (BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RTT_CB_FLAG)
#define RECEIVE_CALLBACK BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG

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
static __always_inline struct wad_parameters *match(struct bpf_sock_ops *ops, u32 *path)
{
	struct ends ends = { 0 };

	ends_of(ops, &ends);
	*path = find_path(&ends);
	return *path == WAD_NO_RULE ? NULL : bpf_map_lookup_elem(&paths, path);
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

	if (!flow)
		return;
	parameters = match(ops, &path);
	if (parameters && (parameters->policy & WAD_OVERRIDE))
		flow->state |= WAD_OVERRIDDEN;
	else
		release_held(ops, flow);
}

static __always_inline bool sizes_buffer(struct wad_parameters *parameters, struct tcp_sock *tp, u32 lock)
{
	return (parameters->policy & WAD_OVERRIDE) || !(user_locks(&tp->inet_conn.icsk_inet.sk) & lock);
}

/* A buffer that the application fixed stays as it is, unless the path overrides it. */
static __always_inline void apply_buffers(struct bpf_sock_ops *ops, struct tcp_sock *tp,
					  struct wad_parameters *parameters, struct wad_flow *flow)
{
	if (parameters->send_buffer && sizes_buffer(parameters, tp, SOCK_SNDBUF_LOCK))
		flow->send_ceiling = parameters->send_buffer;
	if (parameters->receive_buffer && sizes_buffer(parameters, tp, SOCK_RCVBUF_LOCK))
		flow->receive_ceiling = parameters->receive_buffer;
	if (!(parameters->policy & WAD_FIXED_BUFFERS))
		return;
	flow->state |= WAD_FIXED;
	if (flow->send_ceiling)
		set_send_buffer(ops, flow, flow->send_ceiling);
	if (flow->receive_ceiling)
		set_receive_buffer(ops, tp, flow, flow->receive_ceiling);
}

static __always_inline bool grows_send_buffer(struct wad_flow *flow)
{
	return flow->send_ceiling && !(flow->state & WAD_FIXED);
}

static __always_inline bool grows_receive_buffer(struct wad_flow *flow)
{
	return flow->receive_ceiling && !(flow->state & WAD_FIXED);
}

static __always_inline void apply(struct bpf_sock_ops *ops, struct tcp_sock *tp,
				  struct wad_parameters *parameters, struct wad_flow *flow)
{
	u32 callbacks = TUNED_CALLBACKS;

	flow->additive_increase = parameters->additive_increase;
	flow->multiplicative_decrease = parameters->multiplicative_decrease;
	if (parameters->control[0] &&
	    bpf_setsockopt(ops, SOL_TCP, TCP_CONGESTION, parameters->control, sizeof(parameters->control)))
		refuse(flow, WAD_KNOB_CONTROL);
	if (parameters->initial_window &&
	    set_number(ops, SOL_TCP, TCP_BPF_IW, parameters->initial_window))
		refuse(flow, WAD_KNOB_INITIAL_WINDOW);
	apply_buffers(ops, tp, parameters, flow);
	if (grows_receive_buffer(flow))
		callbacks |= RECEIVE_CALLBACK;
	if (bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | callbacks))
		refuse(flow, WAD_KNOB_CALLBACKS);
}

static __always_inline void established(struct bpf_sock_ops *ops, bool active)
{
	struct wad_flow *flow = any_override ? flow_of(ops, false) : NULL;
	struct tcp_sock *tp = tcp_sock_of(ops);
	struct wad_parameters *parameters;
	struct wad_socket before;
	u32 path;

	parameters = match(ops, &path);
	if (flow && !(parameters && (parameters->policy & WAD_OVERRIDE)))
		release_held(ops, flow);
	if (!parameters || !tp)
		return;
	if (!flow)
		flow = flow_of(ops, true);
	if (!flow)
		return;
	bpf_get_socket_cookie(ops); /* from here on the socket has one */
	flow->opened_ns = bpf_ktime_get_ns();
	flow->path = path;
	flow->state |= WAD_OPEN | (active ? WAD_ACTIVE : 0);
	if (parameters->policy & WAD_OVERRIDE)
		flow->state |= WAD_OVERRIDDEN;
	read_socket(tp, &before);
	apply(ops, tp, parameters, flow);
	report(WAD_RECORD_OPEN, tp, flow, &before);
}

/* While more comes in than goes out, each segment that leaves is an occasion to look. */
static __always_inline bool receives(struct bpf_sock_ops *ops)
{
	return ops->bytes_received >= ops->bytes_acked;
}

/* No receive buffer needs to grow for less: what Linux gives to begin with holds as much. */
#define RECEIVED_BEFORE_GROWTH 65536

static __always_inline void rtt_sample(struct bpf_sock_ops *ops)
{
	struct wad_flow *flow = flow_of(ops, false);
	struct tcp_sock *tp = tcp_sock_of(ops);
	u32 sample;

	if (!flow || !tp)
		return;
	/* Kernels before 6.10 do not pass the sample: the smoothed value stands for it. */
	sample = ops->args[0] ? ops->args[0] : tp->srtt_us >> 3;
	flow->rtt_sum_us += sample;
	flow->rtt_count++;
	if (!flow->rtt_min_us || sample < flow->rtt_min_us)
		flow->rtt_min_us = sample;
	if (tp->snd_cwnd > flow->largest_window)
		flow->largest_window = tp->snd_cwnd;
	if (grows_send_buffer(flow))
		grow_send_buffer(ops, tp, flow);
	if (grows_receive_buffer(flow) && receives(ops) &&
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
	if (ops->bytes_received < RECEIVED_BEFORE_GROWTH)
		return;
	flow = flow_of(ops, false);
	tp = tcp_sock_of(ops);
	if (flow && tp && (flow->state & WAD_OPEN))
		grow_receive_buffer(ops, tp, flow);
}

static __always_inline void state_changed(struct bpf_sock_ops *ops)
{
	struct wad_flow *flow;
	struct tcp_sock *tp;

	if (ops->args[1] != BPF_TCP_CLOSE)
		return;
	flow = flow_of(ops, false);
	tp = tcp_sock_of(ops);
	if (!flow || !tp || !(flow->state & WAD_OPEN))
		return;
	flow->state &= ~WAD_OPEN;
	report(WAD_RECORD_CLOSE, tp, flow, NULL);
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
