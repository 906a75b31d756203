/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * Flows that have moved little yet.
 *
 * Most connections of a host carry a few kilobytes, and memory for the state of a flow is the dearest part of what
 * tuning one costs: it is new, in no cache, and charged to a memory cgroup. So a flow has none while it is young. All
 * that must be in place before its first segment is set in its socket, which remembers it; what only WAD knows of its
 * open stands in a table of fixed size. State is made
 *
 *   at the open     where the path or somebody who looks wants it (needs_state, is_traced)
 *   once it has moved YOUNG_BYTES, or met its first congestion, or its slow start was braked
 *   when user space asks for all flows (wad_keep_young), or changes this one
 *
 * A flow that is forgotten, because many others opened while it moved little, is matched against the policy anew.
 */
#pragma once

/* What Linux gives a connection to begin with holds as much: no buffer needs to grow for less. */
#define YOUNG_BYTES 65536

/* Of how many young flows the open is remembered. A power of two: a flow's place is given by its cookie. */
#define OPENINGS 32768

struct wad_opening {
	u64 cookie; /* 0: nobody's */
	u64 opened_ns;
	u32 path;
	u32 state; /* enum wad_state */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OPENINGS);
	__type(key, u32);
	__type(value, struct wad_opening);
} openings SEC(".maps");

static __always_inline struct wad_opening *place_of(u64 cookie)
{
	u32 place = cookie % OPENINGS;

	return bpf_map_lookup_elem(&openings, &place);
}

static __always_inline void remember(u64 cookie, const struct wad_flow *flow)
{
	struct wad_opening *opening = place_of(cookie);

	if (!opening)
		return;
	opening->opened_ns = flow->opened_ns;
	opening->path = flow->path;
	opening->state = flow->state;
	opening->cookie = cookie;
}

/* NULL if the flow has state, was forgotten, or is of no path. */
static __always_inline struct wad_opening *opening_of(struct tcp_sock *tp)
{
	u64 cookie = tp->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
	struct wad_opening *opening = cookie ? place_of(cookie) : NULL;

	return opening && opening->cookie == cookie ? opening : NULL;
}

/* Whether WAD follows the socket, or did before it was started anew. */
static __always_inline bool is_followed(struct tcp_sock *tp)
{
	return (tp->bpf_sock_ops_cb_flags & TUNED_CALLBACKS) == TUNED_CALLBACKS;
}

/* Who connected is not known of a flow whose open was not seen; servers have the lower port. */
static __always_inline u32 likely_direction(const struct sock_common *skc)
{
	return bpf_ntohs(skc->skc_dport) < skc->skc_num ? WAD_ACTIVE : 0;
}

/* What the kernel has measured itself stands for the time without state. */
static __always_inline void read_round_trips(struct tcp_sock *tp, struct wad_flow *flow)
{
	u32 least = tp->rtt_min.s[0].v;

	flow->rtt_min_us = least != ~0U ? least : 0;
	flow->rtt_sum_us = tp->srtt_us >> 3;
	flow->rtt_count = tp->srtt_us != 0;
}

static __always_inline void opened_as(struct wad_flow *flow, const struct wad_opening *opening)
{
	flow->opened_ns = opening->opened_ns;
	flow->path = opening->path;
	flow->state |= opening->state;
}

/* What is remembered of a young flow's open becomes part of its state. */
static __always_inline void take_opening(struct tcp_sock *tp, struct wad_flow *flow)
{
	struct wad_opening *opening = opening_of(tp);

	if (!opening)
		return;
	opened_as(flow, opening);
	opening->cookie = 0;
}

#define CGROUP_DEPTH 32

/*
 * Whether a cgroup, by its address, is the one of this daemon or below it. Not static, as find_path() and for the same
 * reason; the verifier passes no pointers of the kernel to such a function on older kernels, but numbers.
 */
__noinline u32 is_own_cgroup(u64 address)
{
	struct cgroup *cgroup = (struct cgroup *)address;

	for (int level = 0; level < CGROUP_DEPTH; level++) {
		struct cgroup *ancestor;

		if (!cgroup || level > BPF_CORE_READ(cgroup, level))
			return 0;
		ancestor = BPF_CORE_READ(cgroup, ancestors[level]);
		if (ancestor && BPF_CORE_READ(ancestor, kn, id) == cgroup_id)
			return 1;
	}
	return 0;
}

static __always_inline bool is_in_cgroup(struct sock *sk)
{
	return is_own_cgroup((u64)BPF_CORE_READ(sk, sk_cgrp_data.cgroup));
}

/* Of a flow that was forgotten: as one that is adopted. WAD_NO_RULE: it is of no path any more. */
static __always_inline void match_anew(struct tcp_sock *tp, struct wad_opening *opening)
{
	const struct sock_common *skc = &tp->inet_conn.icsk_inet.sk.__sk_common;
	struct ends ends = { 0 };

	ends_of_socket(skc, &ends);
	opening->path = is_in_cgroup(&tp->inet_conn.icsk_inet.sk) ? find_path(&ends) : WAD_NO_RULE;
	opening->opened_ns = bpf_ktime_get_ns();
	opening->state = WAD_OPEN | WAD_ADOPTED | likely_direction(skc);
}

/*
 * The state of a followed flow, which is made now if it was young; NULL if it is of no path. What the application
 * asked for before may be in it already.
 */
static __noinline struct wad_flow *kept(struct tcp_sock *tp)
{
	struct wad_flow *flow = bpf_sk_storage_get(&flows, tp, NULL, 0);
	struct wad_opening *remembered, opening;
	struct wad_parameters *parameters;

	if (flow && (flow->state & WAD_OPEN))
		return flow;
	if (!is_followed(tp))
		return NULL;
	remembered = opening_of(tp);
	if (remembered)
		opening = *remembered;
	else
		match_anew(tp, &opening);
	parameters = bpf_map_lookup_elem(&paths, &opening.path);
	if (!parameters)
		return NULL;
	if (!flow)
		flow = bpf_sk_storage_get(&flows, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!flow)
		return NULL;
	opened_as(flow, &opening);
	if (remembered)
		remembered->cookie = 0;
	if (parameters->policy & WAD_OVERRIDE)
		flow->state |= WAD_OVERRIDDEN;
	flow->wad = parameters->wad;
	set_ceilings(tp, parameters, flow);
	read_round_trips(tp, flow);
	flow->largest_window = tp->snd_cwnd;
	return flow;
}

/* What the closing record says of a flow without state. */
static __always_inline void read_young(struct tcp_sock *tp, struct wad_flow *flow)
{
	flow->path = WAD_NO_RULE; /* user space knows it from the opening record */
	take_opening(tp, flow);
	read_round_trips(tp, flow);
}

/* The parameters of the control, as long as the flow has no state to keep its own; NULL if it has or was forgotten. */
static __always_inline struct wad_parameters *parameters_of_young(struct tcp_sock *tp)
{
	struct wad_opening *opening = opening_of(tp);
	u32 path = opening ? opening->path : WAD_NO_RULE;

	return bpf_map_lookup_elem(&paths, &path);
}
