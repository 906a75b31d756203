/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * A flow as it is reported.
 *
 * The functions are not inlined: what one run of a program goes through should be short, as it is in no cache when a
 * connection opens or closes. Each load from a socket alone is some forty bytes of instructions.
 */
#pragma once

static __always_inline u8 traffic_class_of(struct tcp_sock *tp)
{
	struct inet_sock *inet = &tp->inet_conn.icsk_inet;

	if (is_ipv4(&inet->sk.__sk_common) || !inet->pinet6)
		return inet->tos;
	return inet->pinet6->tclass;
}

static __noinline void read_socket(struct tcp_sock *tp, struct wad_socket *out)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	const struct tcp_congestion_ops *control = tp->inet_conn.icsk_ca_ops;

	out->pacing_rate = sk->sk_max_pacing_rate;
	out->send_buffer = sk->sk_sndbuf;
	out->receive_buffer = sk->sk_rcvbuf;
	out->window_clamp = tp->window_clamp;
	out->congestion_window = tp->snd_cwnd;
	out->max_window = tp->snd_cwnd_clamp;
	out->notsent_lowat = tp->notsent_lowat;
	out->user_timeout_ms = tp->inet_conn.icsk_user_timeout;
	out->no_nagle = BPF_CORE_READ_BITFIELD(tp, nonagle) & TCP_NAGLE_OFF;
	out->traffic_class = traffic_class_of(tp);
	out->unused = 0;
	copy_name(out->control, control->name);
}

static __always_inline void read_counters(struct tcp_sock *tp, struct wad_record *out)
{
	unsigned long flags = tp->inet_conn.icsk_inet.sk.__sk_common.skc_flags;

	out->bytes_sent = tp->bytes_sent;
	out->bytes_retransmitted = tp->bytes_retrans;
	out->bytes_acked = tp->bytes_acked;
	/* The kernel counts a FIN as a byte. */
	out->bytes_received = tp->bytes_received - (flags >> SOCK_DONE & 1);
	out->rtt_smoothed_us = tp->srtt_us >> 3;
	out->retransmits = tp->total_retrans;
	out->slow_start_threshold = tp->snd_ssthresh;
	if (tp->snd_cwnd > out->flow.largest_window)
		out->flow.largest_window = tp->snd_cwnd;
}

static __always_inline void read_ends(struct sock_common *skc, struct wad_record *record)
{
	bool ipv4 = is_ipv4(skc);

	record->family = ipv4 ? 4 : 6;
	record->local_port = skc->skc_num;
	record->remote_port = bpf_ntohs(skc->skc_dport);
	put_address(record->local, ipv4, skc->skc_rcv_saddr, &skc->skc_v6_rcv_saddr);
	put_address(record->remote, ipv4, skc->skc_daddr, &skc->skc_v6_daddr);
}

static __noinline void fill_record(struct wad_record *record, u32 kind, u64 time_ns, struct tcp_sock *tp,
					const struct wad_flow *flow)
{
	struct sock_common *skc = &tp->inet_conn.icsk_inet.sk.__sk_common;

	record->kind = kind;
	record->time_ns = time_ns;
	record->cookie = skc->skc_cookie.counter;
	record->namespace = skc->skc_net.net->ns.inum;
	read_ends(skc, record);
	record->flow = *flow;
	read_socket(tp, &record->now);
	read_counters(tp, record);
}

/*
 * Waking user space takes longer than all the rest of a report, so a record waits until user
 * space looks by itself, some twenty times a second, unless the ring fills faster than that.
 */
static __always_inline u64 wakeup(void)
{
	u64 waiting = bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA);

	return waiting > RECORDS_BYTES / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Sends the flow to user space. A full ring is counted, and user space reads all flows anew. */
static __noinline void report(u32 kind, u64 time_ns, struct tcp_sock *tp, struct wad_flow *flow,
				   const struct wad_socket *before)
{
	struct wad_record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);

	if (!record) {
		__sync_fetch_and_add(&lost_records, 1);
		return;
	}
	fill_record(record, kind, time_ns, tp, flow);
	record->before = before ? *before : (struct wad_socket){};
	bpf_ringbuf_submit(record, wakeup());
}
