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

/* What a path entry sets. A number that is zero leaves its knob alone. */
enum wad_policy {
	WAD_OVERRIDE = 1 << 0, /* the application's own buffer sizes do not count */
	WAD_FIXED_BUFFERS = 1 << 1, /* set once; otherwise the sizes bound what autotuning may reach */
};

struct wad_parameters {
	u32 policy; /* enum wad_policy */
	u32 send_buffer; /* bytes, as an application would pass to SO_SNDBUF */
	u32 receive_buffer; /* bytes, as an application would pass to SO_RCVBUF */
	u32 initial_window; /* segments */
	u32 additive_increase; /* segments a round trip, times WAD_SCALE */
	u32 multiplicative_decrease; /* share of the window that a loss takes, times WAD_SCALE */
	char control[16]; /* congestion control, empty to leave it alone */
};

/* What of a socket the tuning touches: read before it and whenever the flow is reported. */
struct wad_socket {
	u32 send_buffer; /* sk_sndbuf, bytes: the kernel's own scale, twice what was asked */
	u32 receive_buffer; /* sk_rcvbuf, bytes */
	u32 window_clamp; /* bytes */
	u32 congestion_window; /* segments */
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
};

/* Which setting the kernel refused; bit N of wad_flow.refused. */
enum wad_knob {
	WAD_KNOB_CONTROL,
	WAD_KNOB_INITIAL_WINDOW,
	WAD_KNOB_SEND_BUFFER,
	WAD_KNOB_RECEIVE_BUFFER,
	WAD_KNOB_WINDOW_CLAMP,
	WAD_KNOB_CALLBACKS,
};

/*
 * Kept with every socket that is tuned, or whose application fixed a buffer.
 *
 * It is small on purpose. Memory for it is new, and so not in any cache, whenever a connection
 * opens: its size is the better part of what a connection costs. What the socket itself knows is
 * read from there, and what only people want to know goes out with the opening record.
 */
struct wad_flow {
	u64 opened_ns; /* CLOCK_MONOTONIC */
	u64 rtt_sum_us;
	u32 rtt_count;
	u32 rtt_min_us; /* of the whole life of the flow; 0: no sample */
	u32 path;
	u32 state; /* enum wad_state */
	u32 asked_send; /* bytes, as the application asked; 0: it did not */
	u32 asked_receive;
	u32 send_ceiling; /* bytes, as for SO_SNDBUF; 0: the send buffer is not sized */
	u32 receive_ceiling;
	u32 additive_increase; /* as in wad_parameters; may change while the flow runs */
	u32 multiplicative_decrease;
	u32 congestion_events; /* window reductions, counted by the control `wad` alone */
	u32 largest_window; /* segments */
	u32 refused; /* bits of enum wad_knob */
	u32 unused;
};

enum wad_record_kind {
	WAD_RECORD_OPEN = 1,
	WAD_RECORD_CLOSE = 2,
	WAD_RECORD_SAMPLE = 3,
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
	struct wad_socket before; /* as it was when the flow opened; in opening records only */
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
