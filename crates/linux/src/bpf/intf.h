/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * The contract between the BPF programs and the loader: what user space writes into the maps
 * and what it reads from them.
 *
 * The Rust side does not repeat these layouts: its types are generated from this object's BTF.
 */
#pragma once

/* How many rules a connection is compared with at most, once its longest prefix is found. */
#define WAD_MAX_CHAIN 64

/* "No rule follows" in wad_rule.next. */
#define WAD_NO_RULE 0xffffffff

/* How many running flows one pass of orders reaches at most. */
#define WAD_MAX_ORDERS 65536

/* Additive increase and multiplicative decrease are fixed-point numbers of this scale. */
#define WAD_SCALE 1024

/* A destination prefix: the family in front keeps IPv4 and IPv6 apart in one trie. */
struct wad_prefix {
	u32 length; /* bits that count, those of `family` included: 32 + prefix length */
	u32 family; /* 4 or 6 */
	u8 address[16]; /* network order; IPv4 in the first four bytes */
};

/* One alternative of a path entry; rules of a prefix form a list, most specific first. */
struct wad_rule {
	u8 source[16]; /* as wad_prefix.address; of the family of the destination */
	u32 source_length; /* bits; 0 matches every source */
	u16 source_port_low, source_port_high;
	u16 destination_port_low, destination_port_high;
	u32 path; /* index into `paths` */
	u32 next; /* index into `rules`, or WAD_NO_RULE */
};

/* What a path entry switches on. */
enum wad_policy {
	WAD_OVERRIDE = 1 << 0, /* the application's own buffer sizes do not count */
	WAD_FIXED_BUFFERS = 1 << 1, /* set once; otherwise the sizes bound what autotuning may reach */
	WAD_NO_NAGLE = 1 << 2,
	WAD_NAGLE = 1 << 3, /* on, whatever the application asked for */
	WAD_ECN = 1 << 4, /* ask for ECN */
	WAD_TRAFFIC_CLASS = 1 << 5, /* `traffic_class` counts, also where it is zero */
	WAD_FOLLOWED = 1 << 6, /* user space moves what its flows have: they have state from their open on */
	WAD_TRANSPORT = 1 << 7, /* something of what apply_transport() sets */
};

/* What the congestion control `wad` is told to do differently. */
enum wad_control_flag {
	WAD_HIGH_SPEED = 1 << 0, /* increase and decrease by the window (RFC 3649) */
	WAD_DELAY_BRAKE = 1 << 1, /* slow start ends where the round-trip time shows a queue */
	WAD_LOSS_GUESS = 1 << 2, /* a loss without a queue takes less */
};

/* Parameters of the congestion control `wad`. A number that is zero is as in standard TCP. */
struct wad_control {
	u32 flags; /* enum wad_control_flag */
	u32 additive_increase; /* segments a round trip, times WAD_SCALE */
	u32 burst_limit; /* segments */
	u32 multiplicative_decrease; /* share of the window that a loss takes, times WAD_SCALE */
	u32 slow_start_increment; /* segments per acknowledged segment, times WAD_SCALE */
	u32 initial_ssthresh; /* segments */
	u32 min_ssthresh; /* segments */
	u32 max_ssthresh; /* segments: from here on slow start is limited (RFC 3742) */
	u32 restart_window; /* segments, after the flow was idle */
};

/* What a path entry sets. A number that is zero leaves its knob alone. */
struct wad_parameters {
	u64 pacing_rate; /* bytes a second; ~0: no limit */
	u32 policy; /* enum wad_policy */
	u32 send_buffer; /* bytes, as an application would pass to SO_SNDBUF */
	u32 receive_buffer; /* bytes, as an application would pass to SO_RCVBUF */
	u32 initial_window; /* segments */
	u32 initial_receive_window; /* segments */
	u32 window_clamp; /* bytes: the largest receive window */
	u32 max_window; /* segments: the largest congestion window */
	u32 delayed_ack_max_us;
	u32 min_rto_us;
	u32 max_rto_ms;
	u32 notsent_lowat; /* bytes */
	u32 user_timeout_ms;
	u32 segment_size; /* bytes */
	u32 traffic_class;
	struct wad_control wad;
	char control[16]; /* congestion control, empty to leave it alone */
	u32 unused;
};

/* What of a socket the tuning touches: read before it and whenever the flow is reported. */
struct wad_socket {
	u64 pacing_rate; /* bytes a second; ~0: no limit */
	u32 send_buffer; /* sk_sndbuf, bytes: the kernel's own scale, twice what was asked */
	u32 receive_buffer; /* sk_rcvbuf, bytes */
	u32 window_clamp; /* bytes */
	u32 congestion_window; /* segments */
	u32 max_window; /* segments */
	u32 notsent_lowat; /* bytes */
	u32 user_timeout_ms;
	u8 no_nagle;
	u8 traffic_class;
	u16 unused;
	char control[16];
};

/* How far a flow has come. */
enum wad_state {
	WAD_OVERRIDDEN = 1 << 0, /* its path overrides the application's buffers */
	WAD_ACTIVE = 1 << 1, /* this host connected */
	WAD_OPEN = 1 << 2, /* established, tuned and reported */
	WAD_SEND_HELD = 1 << 3, /* the application's send buffer is noted, not applied */
	WAD_RECEIVE_HELD = 1 << 4, /* and its receive buffer */
	WAD_SEND_GROWN = 1 << 5, /* WAD, not the kernel, sizes the send buffer */
	WAD_RECEIVE_GROWN = 1 << 6, /* and the receive buffer */
	WAD_FIXED = 1 << 7, /* its buffers have been set once and stay so */
	WAD_ADOPTED = 1 << 8, /* it ran before it was tuned */
	WAD_COUNTED = 1 << 9, /* its round trips are counted in wad_counts */
};

/* Which setting the kernel refused; bit N of wad_flow.refused. */
enum wad_knob {
	WAD_KNOB_CONTROL,
	WAD_KNOB_INITIAL_WINDOW,
	WAD_KNOB_SEND_BUFFER,
	WAD_KNOB_RECEIVE_BUFFER,
	WAD_KNOB_WINDOW_CLAMP,
	WAD_KNOB_CALLBACKS,
	WAD_KNOB_MAX_WINDOW,
	WAD_KNOB_PACING,
	WAD_KNOB_DELAYED_ACK,
	WAD_KNOB_MIN_RTO,
	WAD_KNOB_MAX_RTO,
	WAD_KNOB_NOTSENT_LOWAT,
	WAD_KNOB_USER_TIMEOUT,
	WAD_KNOB_NAGLE,
	WAD_KNOB_TRAFFIC_CLASS,
	WAD_KNOB_SEGMENT_SIZE,
};

/*
 * Kept with every socket that is tuned and has moved more than a little (young.h), or whose application fixed a
 * buffer. What the socket itself knows is read from there, and what only people want to know goes out with the
 * opening record.
 */
struct wad_flow {
	u64 opened_ns; /* CLOCK_MONOTONIC */
	u64 rtt_sum_us;
	u32 rtt_count;
	u32 rtt_min_us; /* of the whole life of the flow; 0: no sample */
	u32 path; /* WAD_NO_RULE in the closing record of a flow that the kernel's side has forgotten */
	u32 state; /* enum wad_state */
	u32 asked_send; /* bytes, as the application asked; 0: it did not */
	u32 asked_receive;
	u32 send_ceiling; /* bytes, as for SO_SNDBUF; 0: the send buffer is not sized */
	u32 receive_ceiling;
	u32 window_clamp; /* bytes; 0: not bounded */
	struct wad_control wad; /* may change while the flow runs; see control_changes */
	u32 congestion_events; /* window reductions, counted by the control `wad` alone */
	u32 random_losses; /* of them those that were taken for random */
	u32 loss_rtt_us; /* round-trip time at the last reduction */
	u32 brake_window; /* segments at which the delay brake ended slow start; 0: it did not */
	u32 largest_window; /* segments */
	u32 refused; /* bits of enum wad_knob */
};

enum wad_record_kind {
	WAD_RECORD_OPEN = 1,
	WAD_RECORD_CLOSE = 2,
	WAD_RECORD_SAMPLE = 3,
	WAD_RECORD_STRANGER = 4, /* a running flow that no path has yet */
	WAD_RECORD_APPLIED = 5, /* an order was carried out */
};

/* What user space wants of a running flow. */
enum wad_action {
	WAD_APPLY = 1, /* set everything, as at its open; a stranger becomes a flow of the path */
	WAD_ADJUST = 2, /* only what needs no socket: the control's parameters and the ceilings */
	WAD_RESTORE = 3, /* as it was before it was tuned, and no longer a flow of any path */
};

struct wad_order {
	struct wad_parameters parameters;
	struct wad_socket before; /* to restore */
	u32 action; /* enum wad_action */
	u32 path;
};

/* A flow as it is reported: at its open, at its close, and when user space asks. */
struct wad_record {
	u32 kind; /* enum wad_record_kind */
	u32 family; /* 4 or 6; an IPv4-mapped flow is 4 */
	u64 time_ns; /* CLOCK_MONOTONIC */
	u64 cookie;
	u32 namespace; /* inode number of the network namespace */
	u16 local_port, remote_port;
	u8 local[16], remote[16]; /* network order; IPv4 in the first four bytes */
	struct wad_flow flow;
	struct wad_socket before; /* as it was before: in opening records and in those of orders */
	struct wad_socket now;
	u64 bytes_sent; /* retransmissions included */
	u64 bytes_retransmitted;
	u64 bytes_acked; /* SYN and FIN included */
	u64 bytes_received; /* FIN not included */
	u32 rtt_smoothed_us;
	u32 retransmits; /* segments */
	u32 slow_start_threshold; /* segments; 0x7fffffff while infinite */
	u32 unused;
};

/*
 * What is counted of a designated flow and the kernel does not count itself. A flow has it from its first
 * congestion signal on, or as long as somebody traces: most short flows never do. A number of a flow without it
 * is zero if it counts congestion, and unknown if it is of round trips.
 */
struct wad_counts {
	/* At congestion signals. */
	u64 pre_congestion_cwnd; /* sum, segments */
	u64 pre_congestion_rtt_us; /* sum */
	u32 congestion_signals;
	u32 fast_retransmits;
	u32 ecn_signals;
	u32 timeouts;
	/* Once a round trip; all are zero before the first. */
	u32 round_trips;
	u32 rtt_last_us, rtt_max_us;
	u32 rto_min, rto_max; /* jiffies */
	u32 cwnd_min, cwnd_max; /* segments */
	u32 slow_start_cwnd_max, avoidance_cwnd_max; /* segments */
	u32 ssthresh_min, ssthresh_max; /* segments; 0: was infinite */
	u32 offered_min, offered_max; /* bytes, by the other end */
	u32 own_window_max; /* bytes */
	u32 slow_starts, avoidances; /* times that they began */
	u32 limited_by_receiver, limited_by_send_buffer, limited_by_window; /* times that they became the limit */
	u8 congestion_state; /* as the kernel numbers it, after the latest change */
	u8 phase; /* enum wad_phase */
	u8 limit; /* as the kernel numbers its chronographs; 0: none seen */
	u8 unused;
};

enum wad_phase {
	WAD_PHASE_UNKNOWN,
	WAD_PHASE_SLOW_START,
	WAD_PHASE_AVOIDANCE,
};

/* What a sample has beside numbers that are always there; bits of wad_sample.has. */
enum wad_sample_has {
	WAD_HAS_FLOW = 1 << 0, /* it is a designated flow: path, opened_ns and what follows them */
	WAD_HAS_COUNTS = 1 << 1,
	WAD_HAS_RTO_TOTALS = 1 << 2, /* since Linux 6.7 */
	WAD_HAS_RECEIVED_CE = 1 << 3, /* since Linux 6.18 */
	WAD_HAS_REHASHES = 1 << 4, /* all of them: since Linux 6.2 */
	WAD_HAS_DROPS = 1 << 5,
	WAD_HAS_WATCH = 1 << 6, /* it is watched: what event mode counts */
	WAD_IS_FINAL = 1 << 7, /* the flow is closed */
};

/* What tcp_options_received says, and more of the kind; bits of wad_sample.options. */
enum wad_option {
	WAD_OPTION_TIMESTAMPS = 1 << 0,
	WAD_OPTION_SACK = 1 << 1,
	WAD_OPTION_WINDOW_SCALE = 1 << 2,
	WAD_OPTION_ECN = 1 << 3,
	WAD_OPTION_APP_LIMITED = 1 << 4,
};

/* All counters of a flow. Times are in the kernel's own units: user space knows how long a jiffy is. */
struct wad_sample {
	u64 time_ns; /* CLOCK_MONOTONIC */
	u64 cookie;
	u64 opened_ns;
	u64 rtt_sum_us;
	u64 bytes_acked, bytes_received, bytes_sent, bytes_retransmitted;
	u64 pacing_rate, max_pacing_rate; /* bytes a second; ~0: no bound */
	u32 has; /* enum wad_sample_has */
	u32 family; /* 4 or 6 */
	u32 namespace;
	u16 local_port, remote_port;
	u8 local[16], remote[16]; /* as in wad_record */
	char control[16];
	u32 path;
	u32 flow_state; /* enum wad_state */
	u32 rtt_count, rtt_min_us;
	u32 random_losses;
	u32 segs_out, segs_in, data_segs_out, data_segs_in;
	u32 delivered, delivered_ce, received_ce;
	u32 retransmits, dsack_dups, out_of_order_in;
	u32 reordering, reord_seen, rehashes;
	u32 srtt_us; /* times 8 */
	u32 mdev_us; /* times 4 */
	u32 min_rtt_us; /* the kernel's, over the last minutes; ~0: none */
	u32 rcv_rtt_us; /* times 8 */
	u32 rto, ato; /* jiffies */
	u32 cwnd, ssthresh; /* segments */
	u32 snd_wnd, rcv_wnd, rcv_ssthresh, rcv_space; /* bytes */
	u32 packets_out, sacked_out, lost_out, retrans_out; /* segments */
	u32 mss, rcv_mss, advmss, pmtu; /* bytes */
	u32 write_queue, unsent, read_queue; /* bytes */
	u32 send_buffer, receive_buffer, wmem_queued, rmem_alloc; /* bytes */
	u32 drops;
	u32 rate_delivered; /* segments, in ... */
	u32 rate_interval_us;
	u32 chrono[3]; /* jiffies: busy but not limited so, by the receiver, by the send buffer */
	u32 since_data_sent, since_data_received, since_ack_received; /* jiffies */
	u32 total_rto, total_rto_recoveries, total_rto_ms;
	u32 duplicate_acks, zero_windows; /* of a watched flow */
	u8 state, congestion_state, retransmits_now, backoff;
	u8 probes, options, snd_wscale, rcv_wscale;
	struct wad_counts counts;
	u32 unused;
};

/* How closely a flow is watched. */
enum wad_watch_mode {
	WAD_WATCH_CLOSE, /* only its end is reported */
	WAD_WATCH_ROUND_TRIPS, /* and a record each round trip */
	WAD_WATCH_ARRIVALS, /* and one for each segment that arrives */
};

struct wad_watch {
	u32 mode; /* enum wad_watch_mode */
	u32 round_end; /* the round trip ends when this sequence number is acknowledged */
	u32 duplicate_acks, zero_windows; /* since the watch began */
};

enum wad_event_kind {
	WAD_EVENT_ARRIVAL = 1, /* struct wad_event; the state is that before the segment is processed */
	WAD_EVENT_CLOSE = 2, /* a struct wad_sample follows the kind */
};

/* What moves from one acknowledgement to the next. */
struct wad_event {
	u32 kind; /* enum wad_event_kind */
	u32 congestion_state;
	u64 time_ns; /* CLOCK_MONOTONIC */
	u64 cookie;
	u64 bytes_acked, bytes_received, bytes_sent;
	u64 pacing_rate; /* bytes a second */
	u32 cwnd, ssthresh; /* segments */
	u32 srtt_us; /* times 8 */
	u32 rtt_us; /* the latest sample; 0: none */
	u32 rto; /* jiffies */
	u32 snd_wnd, rcv_wnd; /* bytes */
	u32 packets_out, sacked_out, lost_out, retrans_out; /* segments */
	u32 retransmits, delivered; /* segments */
	u32 mss, unsent; /* bytes */
	u32 duplicate_acks, zero_windows;
	u32 unused;
};

struct wad_closing {
	u32 kind; /* enum wad_event_kind */
	u32 unused;
	struct wad_sample sample;
};
