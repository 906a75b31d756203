/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * The few kernel types that WAD reads, cut down to the members that it uses.
 *
 * The loader finds each member in the running kernel's BTF (CO-RE), so these are names,
 * not layouts. A member that some supported kernel lacks is asked for with
 * bpf_core_field_exists() where it is used.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

/* Constants that live in headers which cannot be included beside these types. */
#define AF_INET 2
#define SOL_IP 0
#define SOL_IPV6 41
#define IP_TOS 1
#define IPV6_TCLASS 67
#define SO_MAX_PACING_RATE 47
#define TCP_NODELAY 1
#define TCP_MAXSEG 2
#define TCP_USER_TIMEOUT 18
#define TCP_NOTSENT_LOWAT 25
#define TCP_RTO_MAX_MS 44
#define TCP_BPF_SOCK_OPS_CB_FLAGS 1008 /* since Linux 6.12 */
#define TCP_NAGLE_OFF 1
#define TCP_INFINITE_SSTHRESH 0x7fffffff
#define CA_EVENT_TX_START 0
#define CA_EVENT_CWND_RESTART 1
#define AF_INET6 10
#define IPPROTO_TCP 6
#define SOL_SOCKET 1
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SOL_TCP 6
#define TCP_WINDOW_CLAMP 10
#define TCP_CONGESTION 13
#define TCP_CA_NAME_MAX 16
#define SOCK_DONE 1 /* bit of skc_flags: a FIN has arrived */
#define SOCK_SNDBUF_LOCK 1
#define SOCK_RCVBUF_LOCK 2
#define SOCK_MIN_SNDBUF 4608
#define SOCK_MIN_RCVBUF 2304

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct netns_ipv4 {
	int sysctl_tcp_wmem[3];
	int sysctl_tcp_rmem[3];
};

struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	int counter;
} atomic_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup *ancestors[];
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock {
	struct sock_common __sk_common;
	int sk_rcvbuf;
	int sk_sndbuf;
	int sk_wmem_queued;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	atomic_t sk_drops;
	u8 sk_userlocks;
	u16 sk_protocol;
	unsigned long sk_pacing_rate;
	unsigned long sk_max_pacing_rate;
	struct sock_cgroup_data sk_cgrp_data;
};

struct ipv6_pinfo {
	u8 tclass;
};

struct inet_sock {
	struct sock sk;
	struct ipv6_pinfo *pinet6;
	__be16 inet_sport;
	u8 tos;
};

struct tcp_congestion_ops;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const struct tcp_congestion_ops *icsk_ca_ops;
	u64 icsk_ca_priv[13];
	u32 icsk_rto; /* jiffies */
	u32 icsk_pmtu_cookie;
	u8 icsk_ca_state : 5;
	u8 icsk_retransmits;
	u8 icsk_backoff;
	u8 icsk_probes_out;
	struct {
		u32 ato : 8; /* jiffies */
		u32 lrcvtime;
		u16 rcv_mss;
	} icsk_ack;
	u32 icsk_user_timeout; /* milliseconds */
};

struct minmax_sample {
	u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_options_received {
	u16 tstamp_ok : 1;
	u16 wscale_ok : 1;
	u16 sack_ok : 3;
	u16 snd_wscale : 4;
	u16 rcv_wscale : 4;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	u8 ecn_flags;
	u8 chrono_type : 2;
	u8 rate_app_limited : 1;
	u32 chrono_start; /* jiffies */
	u32 chrono_stat[3]; /* jiffies */
	u32 rcv_ssthresh;
	u32 reordering;
	u32 reord_seen;
	u32 mdev_us;
	u16 advmss;
	u32 segs_out;
	u32 segs_in;
	u32 data_segs_in;
	u32 delivered;
	u32 delivered_ce;
	u32 received_ce;
	u32 dsack_dups;
	u32 rcv_ooopack;
	u32 prior_cwnd;
	u32 write_seq;
	u32 copied_seq;
	u32 rcv_nxt;
	u32 lsndtime; /* jiffies */
	u32 rcv_tstamp; /* jiffies */
	u32 rate_delivered;
	u32 rate_interval_us;
	u16 total_rto;
	u16 total_rto_recoveries;
	u32 total_rto_time; /* milliseconds */
	u16 timeout_rehash;
	u32 plb_rehash;
	struct {
		u32 rtt_us;
	} rcv_rtt_est;
	u8 scaling_ratio;
	u32 window_clamp;
	u32 snd_cwnd;
	u32 snd_cwnd_clamp;
	u32 snd_ssthresh;
	u32 max_packets_out;
	u8 is_cwnd_limited : 1;
	u32 mss_cache;
	u32 srtt_us;
	u32 packets_out;
	u32 sacked_out;
	u32 lost_out;
	u32 retrans_out;
	u32 snd_una;
	u32 snd_nxt;
	u32 notsent_lowat;
	u8 nonagle : 4;
	struct minmax rtt_min; /* microseconds, over the last five minutes */
	struct {
		u32 rtt_us; /* of the segment that was acknowledged last */
	} rack;
	u32 snd_wnd;
	u32 rcv_wnd;
	u32 total_retrans;
	u32 data_segs_out;
	u8 bpf_sock_ops_cb_flags;
	u64 bytes_acked;
	u64 bytes_sent;
	u64 bytes_retrans;
	u64 bytes_received;
	struct {
		u32 space;
	} rcvq_space;
};

struct sk_buff {
	unsigned char *data;
	unsigned int len;
};

struct ack_sample {
	u32 pkts_acked;
	s32 rtt_us;
	u32 in_flight;
};

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	void (*set_state)(struct sock *sk, u8 new_state);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*cwnd_event)(struct sock *sk, u32 event);
	char name[TCP_CA_NAME_MAX];
};

struct seq_file {
	unsigned long size;
	unsigned long count;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_map;

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	unsigned int uid;
};

#pragma clang attribute pop
