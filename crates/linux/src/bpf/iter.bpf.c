// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * Iterators: running flows are listed and changed.
 *
 *   iter/bpf_sk_storage_map   every designated flow, in all namespaces, without its socket's lock:
 *                             listed, or adjusted where no socket option is needed
 *   iter/tcp                  every socket of one namespace, locked: young flows get their state, strangers are
 *                             listed, so that user space can decide about them, and orders are carried out
 *
 * A pass spans several reads, and a socket can come twice: an order is taken out when it is carried out. A read that
 * is full ends, and the socket whose record found no room comes again in the next one.
 */

static __always_inline bool has_room(struct bpf_iter_meta *meta)
{
	return meta->seq->count + sizeof(struct wad_record) < meta->seq->size;
}

static __always_inline void write_record(struct bpf_iter_meta *meta, struct wad_record *record)
{
	bpf_seq_write(meta->seq, record, sizeof(*record));
}

/* For `wad flows`, and to resynchronise after a record was lost. */
SEC("iter/bpf_sk_storage_map")
int wad_dump_flows(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct wad_flow *flow = ctx->value;
	struct wad_record record = {};
	struct tcp_sock *tp;

	if (!sk || !flow || !(flow->state & WAD_OPEN))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	fill_record(&record, WAD_RECORD_SAMPLE, bpf_ktime_get_ns(), tp, flow);
	write_record(ctx->meta, &record);
	return 0;
}

/* Ceilings act at the flow's next round trip, the control's parameters at its next acknowledgement. */
static __always_inline void adjust(struct wad_flow *flow, struct wad_parameters *parameters)
{
	flow->wad = parameters->wad;
	if (flow->send_ceiling && parameters->send_buffer)
		flow->send_ceiling = parameters->send_buffer;
	if (flow->receive_ceiling && parameters->receive_buffer)
		flow->receive_ceiling = parameters->receive_buffer;
}

SEC("iter/bpf_sk_storage_map")
int wad_adjust_flows(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct wad_flow *flow = ctx->value;
	struct wad_order *order;
	u64 cookie;

	if (!sk || !flow || !(flow->state & WAD_OPEN))
		return 0;
	cookie = sk->__sk_common.skc_cookie.counter;
	order = bpf_map_lookup_elem(&orders, &cookie);
	if (!order || order->action != WAD_ADJUST)
		return 0;
	adjust(flow, &order->parameters);
	bpf_map_delete_elem(&orders, &cookie);
	return 0;
}

/* Before all flows are listed: state for those that have none yet. Nothing is written. */
SEC("iter/tcp")
int wad_keep_young(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct tcp_sock *tp;

	if (!skc)
		return 0;
	tp = bpf_skc_to_tcp_sock(skc);
	if (tp && is_followed(tp))
		kept(tp);
	return 0;
}

/* One whose other end will send no more can send itself for long. */
static __always_inline struct tcp_sock *established_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;

	if (!skc || (skc->skc_state != BPF_TCP_ESTABLISHED && skc->skc_state != BPF_TCP_CLOSE_WAIT))
		return NULL;
	return bpf_skc_to_tcp_sock(skc);
}

/* Running connections of the cgroup that are of no path yet. */
SEC("iter/tcp")
int wad_dump_strangers(struct bpf_iter__tcp *ctx)
{
	struct tcp_sock *tp = established_tcp(ctx);
	struct wad_record record = {};
	struct wad_flow *flow;

	if (!tp || !is_in_cgroup(&tp->inet_conn.icsk_inet.sk))
		return 0;
	flow = bpf_sk_storage_get(&flows, tp, NULL, 0);
	if ((flow && (flow->state & WAD_OPEN)) || opening_of(tp))
		return 0;
	bpf_get_socket_cookie(tp); /* from here on the socket has one */
	fill_record(&record, WAD_RECORD_STRANGER, bpf_ktime_get_ns(), tp, &record.flow);
	write_record(ctx->meta, &record);
	return 0;
}

static __always_inline void apply_running(struct tcp_sock *tp, struct wad_parameters *parameters,
					  struct wad_flow *flow)
{
	flow->refused = 0;
	apply_control(tp, parameters, flow);
	apply_buffers(tp, tp, parameters, flow);
	apply_transport(tp, tp, parameters, flow);
	if (set_number(tp, SOL_TCP, TCP_BPF_SOCK_OPS_CB_FLAGS, callbacks_of(flow)))
		refuse(flow, WAD_KNOB_CALLBACKS);
}

static __always_inline void carry_out(struct tcp_sock *tp, struct wad_order *order, struct wad_flow *flow)
{
	take_opening(tp, flow);
	if (!flow->rtt_count)
		read_round_trips(tp, flow);
	flow->path = order->path;
	if (order->parameters.policy & WAD_OVERRIDE)
		flow->state |= WAD_OVERRIDDEN;
	else
		flow->state &= ~WAD_OVERRIDDEN;
	if (!(flow->state & WAD_OPEN)) {
		flow->opened_ns = bpf_ktime_get_ns();
		flow->state |= WAD_OPEN | WAD_ADOPTED | likely_direction(&tp->inet_conn.icsk_inet.sk.__sk_common);
	}
	if (!(order->parameters.policy & WAD_FIXED_BUFFERS))
		flow->state &= ~WAD_FIXED;
	apply_running(tp, &order->parameters, flow);
}

/* Twice what is set is what the kernel then has. */
static __always_inline void restore(struct tcp_sock *tp, struct wad_order *order, struct wad_flow *flow)
{
	struct wad_parameters *was = &order->parameters;
	struct wad_socket *before = &order->before;
	void *context = tp;

	flow->refused = 0;
	if (was->control[0] &&
	    bpf_setsockopt(context, SOL_TCP, TCP_CONGESTION, before->control, sizeof(before->control)))
		refuse(flow, WAD_KNOB_CONTROL);
	if (flow->state & (WAD_FIXED | WAD_SEND_GROWN))
		set_send_buffer(context, flow, before->send_buffer / 2);
	if (flow->state & (WAD_FIXED | WAD_RECEIVE_GROWN))
		set_receive_buffer(context, tp, flow, before->receive_buffer / 2);
	if (was->window_clamp)
		SET_UNLESS_ZERO(SOL_TCP, TCP_WINDOW_CLAMP, before->window_clamp, WAD_KNOB_WINDOW_CLAMP);
	/* The kernel moves the slow-start threshold with it. */
	if (was->max_window)
		SET_UNLESS_ZERO(SOL_TCP, TCP_BPF_SNDCWND_CLAMP, before->max_window, WAD_KNOB_MAX_WINDOW);
	if (was->delayed_ack_max_us) /* Linux's own bounds, which nobody else can move */
		SET_UNLESS_ZERO(SOL_TCP, TCP_BPF_DELACK_MAX, 200000, WAD_KNOB_DELAYED_ACK);
	if (was->min_rto_us)
		SET_UNLESS_ZERO(SOL_TCP, TCP_BPF_RTO_MIN, 200000, WAD_KNOB_MIN_RTO);
	if (was->max_rto_ms)
		SET_UNLESS_ZERO(SOL_TCP, TCP_RTO_MAX_MS, 120000, WAD_KNOB_MAX_RTO);
	if (was->notsent_lowat && set_number(context, SOL_TCP, TCP_NOTSENT_LOWAT, before->notsent_lowat))
		refuse(flow, WAD_KNOB_NOTSENT_LOWAT);
	if (was->user_timeout_ms && set_number(context, SOL_TCP, TCP_USER_TIMEOUT, before->user_timeout_ms))
		refuse(flow, WAD_KNOB_USER_TIMEOUT);
	if (was->pacing_rate)
		apply_pacing(context, flow, before->pacing_rate);
	if ((was->policy & (WAD_NO_NAGLE | WAD_NAGLE)) &&
	    set_number(context, SOL_TCP, TCP_NODELAY, before->no_nagle))
		refuse(flow, WAD_KNOB_NAGLE);
	if (was->policy & WAD_TRAFFIC_CLASS)
		set_traffic_class(context, tp, flow, before->traffic_class);
	set_number(context, SOL_TCP, TCP_BPF_SOCK_OPS_CB_FLAGS, 0);
}

SEC("iter/tcp")
int wad_carry_out_orders(struct bpf_iter__tcp *ctx)
{
	struct tcp_sock *tp = established_tcp(ctx);
	struct wad_record record = {};
	struct wad_order *order;
	struct wad_flow *flow;
	u64 cookie;

	if (!tp)
		return 0;
	cookie = tp->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
	order = bpf_map_lookup_elem(&orders, &cookie);
	if (!order || order->action == WAD_ADJUST)
		return 0;
	/* Nothing is changed that could not be told: this write fails, and ends the read. */
	if (!has_room(ctx->meta)) {
		write_record(ctx->meta, &record);
		return 0;
	}
	flow = bpf_sk_storage_get(&flows, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!flow)
		return 0;
	read_socket(tp, &record.before);
	if (order->action == WAD_RESTORE)
		restore(tp, order, flow);
	else
		carry_out(tp, order, flow);
	fill_record(&record, WAD_RECORD_APPLIED, bpf_ktime_get_ns(), tp, flow);
	write_record(ctx->meta, &record);
	if (order->action == WAD_RESTORE) {
		take_opening(tp, flow);
		bpf_sk_storage_delete(&flows, tp);
	}
	bpf_map_delete_elem(&orders, &cookie);
	return 0;
}
