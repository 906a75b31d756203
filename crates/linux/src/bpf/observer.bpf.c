// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * The BPF side of whoever observes flows: an object of its own, so that a tracer asks nothing of the daemon and
 * cannot slow it. It shares the daemon's maps, if there is a daemon.
 *
 *   iter/bpf_sk_storage_map        one read is a sample of every designated flow, in all namespaces
 *   tp_btf/inet_sock_set_state     the last counters of a designated or watched flow when it closes
 *   tp_btf/tcp_probe               event mode: each segment that arrives at a watched flow, or one a round trip
 *
 * The tracepoints are attached only while somebody traces: they run for all sockets of the host.
 */

#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "intf.h"
#include "maps.h"
#include "flow.h"
#include "counts.h"

/* Samples of one read: when it is full the pass goes on with the next read, so its size bounds how long a read takes. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} samples SEC(".maps");

/* Sized by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* Flows that are followed closely, by socket cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct wad_watch);
} watched SEC(".maps");

/* Events that found the ring full. */
u64 lost_events;

/* Half of the ring of events, in bytes. */
const volatile u64 events_half = 1 << 19;

/* Makes the types part of the object's BTF. */
const struct wad_sample sample_type __attribute__((used)) = {};
const struct wad_event event_type __attribute__((used)) = {};
const struct wad_closing closing_type __attribute__((used)) = {};

static __always_inline u32 at_least_zero(u32 difference)
{
	return (s32)difference > 0 ? difference : 0;
}

static __always_inline void sample_flow(struct wad_sample *out, const struct wad_flow *flow)
{
	out->has |= WAD_HAS_FLOW;
	out->path = flow->path;
	out->flow_state = flow->state;
	out->opened_ns = flow->opened_ns;
	out->rtt_sum_us = flow->rtt_sum_us;
	out->rtt_count = flow->rtt_count;
	out->rtt_min_us = flow->rtt_min_us;
	out->random_losses = flow->random_losses;
}

static __always_inline void sample_identity(struct wad_sample *out, struct inet_sock *inet)
{
	struct sock_common *skc = &inet->sk.__sk_common;
	bool ipv4 = is_ipv4(skc);

	out->cookie = skc->skc_cookie.counter;
	out->namespace = skc->skc_net.net->ns.inum;
	out->family = ipv4 ? 4 : 6;
	out->local_port = bpf_ntohs(inet->inet_sport); /* a closed socket has no other any more */
	out->remote_port = bpf_ntohs(skc->skc_dport);
	put_address(out->local, ipv4, skc->skc_rcv_saddr, &skc->skc_v6_rcv_saddr);
	put_address(out->remote, ipv4, skc->skc_daddr, &skc->skc_v6_daddr);
}

static __always_inline void sample_traffic(struct wad_sample *out, struct tcp_sock *tp)
{
	out->bytes_acked = tp->bytes_acked;
	out->bytes_received = tp->bytes_received;
	out->bytes_sent = tp->bytes_sent;
	out->bytes_retransmitted = tp->bytes_retrans;
	out->segs_out = tp->segs_out;
	out->segs_in = tp->segs_in;
	out->data_segs_out = tp->data_segs_out;
	out->data_segs_in = tp->data_segs_in;
	out->delivered = tp->delivered;
	out->delivered_ce = tp->delivered_ce;
	out->retransmits = tp->total_retrans;
	out->dsack_dups = tp->dsack_dups;
	out->out_of_order_in = tp->rcv_ooopack;
	out->reordering = tp->reordering;
	out->reord_seen = tp->reord_seen;
	if (bpf_core_field_exists(tp->received_ce)) {
		out->received_ce = tp->received_ce;
		out->has |= WAD_HAS_RECEIVED_CE;
	}
	if (bpf_core_field_exists(tp->plb_rehash)) {
		out->rehashes = tp->plb_rehash + tp->timeout_rehash;
		out->has |= WAD_HAS_REHASHES;
	}
	if (bpf_core_field_exists(tp->total_rto)) {
		out->total_rto = tp->total_rto;
		out->total_rto_recoveries = tp->total_rto_recoveries;
		out->total_rto_ms = tp->total_rto_time;
		out->has |= WAD_HAS_RTO_TOTALS;
	}
}

static __always_inline void sample_windows(struct wad_sample *out, struct tcp_sock *tp)
{
	out->srtt_us = tp->srtt_us;
	out->mdev_us = tp->mdev_us;
	out->min_rtt_us = tp->rtt_min.s[0].v;
	out->rcv_rtt_us = tp->rcv_rtt_est.rtt_us;
	out->cwnd = tp->snd_cwnd;
	out->ssthresh = tp->snd_ssthresh;
	out->snd_wnd = tp->snd_wnd;
	out->rcv_wnd = tp->rcv_wnd;
	out->rcv_ssthresh = tp->rcv_ssthresh;
	out->rcv_space = tp->rcvq_space.space;
	out->packets_out = tp->packets_out;
	out->sacked_out = tp->sacked_out;
	out->lost_out = tp->lost_out;
	out->retrans_out = tp->retrans_out;
	out->mss = tp->mss_cache;
	out->advmss = tp->advmss;
	out->write_queue = at_least_zero(tp->write_seq - tp->snd_una);
	out->unsent = at_least_zero(tp->write_seq - tp->snd_nxt);
	out->read_queue = at_least_zero(tp->rcv_nxt - tp->copied_seq);
	out->rate_delivered = tp->rate_delivered;
	out->rate_interval_us = tp->rate_interval_us;
}

static __always_inline void sample_times(struct wad_sample *out, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	u32 now = bpf_jiffies64();
	u32 chrono = BPF_CORE_READ_BITFIELD(tp, chrono_type);

	out->chrono[0] = tp->chrono_stat[0];
	out->chrono[1] = tp->chrono_stat[1];
	out->chrono[2] = tp->chrono_stat[2];
	/* What goes on now is not in the sums yet. */
	if (chrono >= 1 && chrono <= 3)
		out->chrono[(chrono - 1) & 3] += now - tp->chrono_start;
	out->since_data_sent = now - tp->lsndtime;
	out->since_data_received = now - icsk->icsk_ack.lrcvtime;
	out->since_ack_received = now - tp->rcv_tstamp;
	out->rto = icsk->icsk_rto;
	out->ato = BPF_CORE_READ_BITFIELD(icsk, icsk_ack.ato);
}

static __always_inline void sample_socket(struct wad_sample *out, struct tcp_sock *tp)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct sock *sk = &icsk->icsk_inet.sk;
	const struct tcp_congestion_ops *control = icsk->icsk_ca_ops;

	out->pacing_rate = sk->sk_pacing_rate;
	out->max_pacing_rate = sk->sk_max_pacing_rate;
	out->rcv_mss = icsk->icsk_ack.rcv_mss;
	out->pmtu = icsk->icsk_pmtu_cookie;
	out->send_buffer = sk->sk_sndbuf;
	out->receive_buffer = sk->sk_rcvbuf;
	out->wmem_queued = at_least_zero(sk->sk_wmem_queued);
	out->rmem_alloc = at_least_zero(sk->sk_backlog.rmem_alloc.counter);
	if (bpf_core_field_exists(sk->sk_drops.counter)) {
		out->drops = sk->sk_drops.counter;
		out->has |= WAD_HAS_DROPS;
	}
	out->state = sk->__sk_common.skc_state;
	out->congestion_state = BPF_CORE_READ_BITFIELD(icsk, icsk_ca_state);
	out->retransmits_now = icsk->icsk_retransmits;
	out->backoff = icsk->icsk_backoff;
	out->probes = icsk->icsk_probes_out;
	copy_name(out->control, control->name);
}

static __always_inline void sample_options(struct wad_sample *out, struct tcp_sock *tp)
{
	if (BPF_CORE_READ_BITFIELD(tp, rx_opt.tstamp_ok))
		out->options |= WAD_OPTION_TIMESTAMPS;
	if (BPF_CORE_READ_BITFIELD(tp, rx_opt.sack_ok))
		out->options |= WAD_OPTION_SACK;
	if (BPF_CORE_READ_BITFIELD(tp, rx_opt.wscale_ok)) {
		out->options |= WAD_OPTION_WINDOW_SCALE;
		out->snd_wscale = BPF_CORE_READ_BITFIELD(tp, rx_opt.snd_wscale);
		out->rcv_wscale = BPF_CORE_READ_BITFIELD(tp, rx_opt.rcv_wscale);
	}
	if (tp->ecn_flags & TCP_ECN_OK)
		out->options |= WAD_OPTION_ECN;
	if (BPF_CORE_READ_BITFIELD(tp, rate_app_limited))
		out->options |= WAD_OPTION_APP_LIMITED;
}

/* `out` is memory of a ring, which has what was there before. */
static __always_inline void fill_sample(struct wad_sample *out, struct tcp_sock *tp, const struct wad_flow *flow,
					const struct wad_counts *counts, const struct wad_watch *watch)
{
	__builtin_memset(out, 0, sizeof(*out));
	out->time_ns = bpf_ktime_get_ns();
	sample_identity(out, &tp->inet_conn.icsk_inet);
	sample_traffic(out, tp);
	sample_windows(out, tp);
	sample_times(out, tp);
	sample_socket(out, tp);
	sample_options(out, tp);
	if (flow)
		sample_flow(out, flow);
	if (counts) {
		out->has |= WAD_HAS_COUNTS;
		out->counts = *counts;
	}
	if (watch) {
		out->has |= WAD_HAS_WATCH;
		out->duplicate_acks = watch->duplicate_acks;
		out->zero_windows = watch->zero_windows;
	}
}

SEC("iter/bpf_sk_storage_map")
int wad_sample_flows(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct wad_flow *flow = ctx->value;
	struct sock *sk = ctx->sk;
	struct wad_counts *counts;
	struct wad_sample *sample;
	struct wad_watch *watch;
	struct tcp_sock *tp;
	u64 cookie;

	if (!sk || !flow || !(flow->state & WAD_OPEN))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample)
		return 1; /* this read ends, and the next begins with this flow */
	counts = bpf_sk_storage_get(&wad_counts, tp, NULL, 0);
	cookie = sk->__sk_common.skc_cookie.counter;
	watch = bpf_map_lookup_elem(&watched, &cookie);
	fill_sample(sample, tp, flow, counts, watch);
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
	return 0;
}

/* User space looks by itself many times a second; it is woken where the ring fills faster than that. */
static __always_inline u64 wakeup_of_events(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > events_half ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(wad_last_sample, struct sock *sk, int was, int is)
{
	struct wad_closing *closing;
	struct wad_counts *counts;
	struct wad_watch *watch;
	struct wad_flow *flow;
	struct tcp_sock *tp;
	bool is_wanted;
	u64 cookie;

	if (is != BPF_TCP_CLOSE || was == BPF_TCP_LISTEN || was == BPF_TCP_SYN_SENT)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	cookie = sk->__sk_common.skc_cookie.counter;
	watch = bpf_map_lookup_elem(&watched, &cookie);
	flow = bpf_sk_storage_get(&flows, tp, NULL, 0);
	/* One that was never open only holds back what the application asked for. */
	if (flow && !flow->opened_ns)
		flow = NULL;
	is_wanted = watch;
	/* The verifier refuses arithmetic on pointers, which the compiler would make of both conditions. */
	asm volatile("" : "+r"(is_wanted));
	if (!is_wanted && !flow)
		return 0;
	closing = bpf_ringbuf_reserve(&events, sizeof(*closing), 0);
	if (!closing) {
		__sync_fetch_and_add(&lost_events, 1);
		return 0;
	}
	counts = bpf_sk_storage_get(&wad_counts, tp, NULL, 0);
	closing->kind = WAD_EVENT_CLOSE;
	closing->unused = 0;
	fill_sample(&closing->sample, tp, flow, counts, watch);
	closing->sample.has |= WAD_IS_FINAL;
	bpf_ringbuf_submit(closing, wakeup_of_events());
	if (watch)
		bpf_map_delete_elem(&watched, &cookie);
	return 0;
}

/* What of the TCP header matters here. */
struct tcp_header {
	__be16 source, destination;
	__be32 sequence, acknowledged;
	u8 offset; /* in the upper half, in words of four bytes */
	u8 flags;
	__be16 window;
};

#define TCP_FLAG_FIN 1
#define TCP_FLAG_SYN 2

static __always_inline void count_arrival(struct tcp_sock *tp, const struct sk_buff *skb, struct wad_watch *watch)
{
	struct tcp_header header = {};
	u32 window;

	if (bpf_probe_read_kernel(&header, sizeof(header), skb->data))
		return;
	window = (u32)bpf_ntohs(header.window) << BPF_CORE_READ_BITFIELD(tp, rx_opt.snd_wscale);
	if (!window && tp->snd_wnd)
		watch->zero_windows++;
	/* RFC 5681 section 2, (a) to (e). */
	if (tp->packets_out && skb->len == (header.offset >> 4) * 4 &&
	    !(header.flags & (TCP_FLAG_FIN | TCP_FLAG_SYN)) && bpf_ntohl(header.acknowledged) == tp->snd_una &&
	    window == tp->snd_wnd)
		watch->duplicate_acks++;
}

/* Whether a record is due. A round trip ends when what was sent last at its beginning is acknowledged. */
static __always_inline bool is_due(struct tcp_sock *tp, struct wad_watch *watch)
{
	if (watch->mode == WAD_WATCH_ARRIVALS)
		return true;
	if (watch->mode != WAD_WATCH_ROUND_TRIPS)
		return false;
	if (watch->round_end && (s32)(tp->snd_una - watch->round_end) < 0)
		return false;
	if (tp->snd_una == tp->snd_nxt)
		return false; /* it sends nothing: no round trip begins */
	watch->round_end = tp->snd_nxt;
	return true;
}

static __always_inline void fill_event(struct wad_event *out, struct tcp_sock *tp, const struct wad_watch *watch)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct sock *sk = &icsk->icsk_inet.sk;

	out->kind = WAD_EVENT_ARRIVAL;
	out->congestion_state = BPF_CORE_READ_BITFIELD(icsk, icsk_ca_state);
	out->time_ns = bpf_ktime_get_ns();
	out->cookie = sk->__sk_common.skc_cookie.counter;
	out->bytes_acked = tp->bytes_acked;
	out->bytes_received = tp->bytes_received;
	out->bytes_sent = tp->bytes_sent;
	out->pacing_rate = sk->sk_pacing_rate;
	out->cwnd = tp->snd_cwnd;
	out->ssthresh = tp->snd_ssthresh;
	out->srtt_us = tp->srtt_us;
	out->rtt_us = tp->rack.rtt_us;
	out->rto = icsk->icsk_rto;
	out->snd_wnd = tp->snd_wnd;
	out->rcv_wnd = tp->rcv_wnd;
	out->packets_out = tp->packets_out;
	out->sacked_out = tp->sacked_out;
	out->lost_out = tp->lost_out;
	out->retrans_out = tp->retrans_out;
	out->retransmits = tp->total_retrans;
	out->delivered = tp->delivered;
	out->mss = tp->mss_cache;
	out->unsent = at_least_zero(tp->write_seq - tp->snd_nxt);
	out->duplicate_acks = watch->duplicate_acks;
	out->zero_windows = watch->zero_windows;
	out->unused = 0;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(wad_arrival, struct sock *sk, struct sk_buff *skb)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct wad_watch *watch;
	struct wad_event *event;
	struct tcp_sock *tp;

	if (!cookie)
		return 0;
	watch = bpf_map_lookup_elem(&watched, &cookie);
	if (!watch)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	count_arrival(tp, skb, watch);
	if (!is_due(tp, watch))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&lost_events, 1);
		return 0;
	}
	fill_event(event, tp, watch);
	bpf_ringbuf_submit(event, wakeup_of_events());
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
