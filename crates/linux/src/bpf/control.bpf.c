// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * struct_ops: the congestion control `wad`.
 *
 * Standard TCP (RFC 5681) whose constants are a flow's own (struct wad_control). With none of them set it
 * is Reno. Loss recovery, proportional rate reduction (RFC 6937) and pacing stay the kernel's.
 *
 *   slow start             cwnd += slow_start_increment per acknowledged segment;
 *                          above max_ssthresh at most max_ssthresh/2 a round trip (RFC 3742);
 *                          ends early where the round-trip time shows a queue (delay brake)
 *   congestion avoidance   cwnd += additive_increase * acked / cwnd: so many segments a round trip
 *                          (the 2002 daemon's wadai and virtual MSS), or HighSpeed TCP's by the window
 *   loss                   ssthresh = cwnd * (1 - multiplicative_decrease) (wadmd), or HighSpeed TCP's,
 *                          less where the loss seems to be random; at least min_ssthresh, or 2
 *   idle                   cwnd = restart_window at most
 *
 * A flow's parameters are copied into the control's own state, at the first acknowledgement and whenever
 * `control_changes` has moved: a change acts with the next acknowledgement, and none of them needs a look-up otherwise.
 */

extern u32 tcp_slow_start(struct tcp_sock *tp, u32 acked) __ksym;
extern u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

/* The control's own state, in the socket; the kernel clears it when a flow gets the control. */
struct control_state {
	/* What each acknowledgement reads is in front: mostly one line of memory. */
	u64 credit; /* congestion avoidance: earned so far, segments * cwnd * WAD_SCALE */
	u32 changes; /* control_changes when the parameters were read */
	u32 withheld; /* the window, while the burst limit holds part of it back */
	struct wad_control parameters;
	u32 row; /* of the HighSpeed table */
	u64 slow_start_credit; /* slow start: earned so far, segments * SLOW_START_SCALE */
	u32 idle_window; /* the window when the flow fell idle */
	u32 round_end; /* delay brake: the round trip ends when this sequence number is acknowledged */
	u32 round_rtt_us; /* the smallest of this round trip; 0: none has begun */
	u32 round_samples;
};

_Static_assert(sizeof(struct control_state) <= sizeof(((struct inet_connection_sock *)0)->icsk_ca_priv),
	       "the kernel has room for the state");

static __always_inline struct control_state *state_of(struct sock *sk)
{
	return (struct control_state *)((struct inet_connection_sock *)sk)->icsk_ca_priv;
}

/* A running flow that gets the control has found its own threshold. */
static __always_inline void set_first_threshold(struct tcp_sock *tp, u32 initial_ssthresh)
{
	if (initial_ssthresh && tp->data_segs_out <= tp->snd_cwnd)
		tp->snd_ssthresh = initial_ssthresh;
}

static __noinline void read_parameters(struct tcp_sock *tp, struct control_state *state)
{
	struct wad_parameters *young = parameters_of_young(tp);
	struct wad_flow *flow = young ? NULL : kept(tp);

	if (young)
		state->parameters = young->wad;
	else if (flow)
		state->parameters = flow->wad;
	if (!state->changes)
		set_first_threshold(tp, state->parameters.initial_ssthresh);
	state->changes = control_changes;
	if (!state->parameters.additive_increase)
		state->parameters.additive_increase = WAD_SCALE;
	if (!state->parameters.multiplicative_decrease)
		state->parameters.multiplicative_decrease = WAD_SCALE / 2;
}

/* RFC 5681 section 3.1: a window that the application does not fill must not grow. */
static __always_inline bool is_window_limited(struct tcp_sock *tp)
{
	if (BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited))
		return true;
	return tp->snd_cwnd < tp->snd_ssthresh && tp->snd_cwnd < 2 * tp->max_packets_out;
}

static __always_inline void set_window(struct tcp_sock *tp, u64 window)
{
	tp->snd_cwnd = window < tp->snd_cwnd_clamp ? window : tp->snd_cwnd_clamp;
}

/* Segments that stand in the queue of the path: Vegas's estimate from the round-trip time (Brakmo 1995). */
static __always_inline u32 backlog(u32 window, u32 rtt_us, u32 base_us)
{
	return rtt_us > base_us ? (u64)window * (rtt_us - base_us) / rtt_us : 0;
}

/* Below this a round trip's delay says nothing of a queue (as HyStart++, RFC 9406 section 4.3). */
#define LEAST_QUEUE_DELAY_US 4000
#define BRAKE_SAMPLES 8 /* a round trip, as N_RTT_SAMPLE there */
#define BRAKE_SHARE 8 /* the brake acts once an eighth of the window stands in the queue */

/*
 * Whether slow start has begun to fill the queue. It looks at the smallest of several samples, so that
 * a single late acknowledgement does not count.
 */
static __always_inline bool queue_grows(struct tcp_sock *tp, struct control_state *state)
{
	u32 sample = tp->rack.rtt_us, base = tp->rtt_min.s[0].v;

	if (!state->round_rtt_us || (s32)(tp->snd_una - state->round_end) >= 0) {
		state->round_end = tp->snd_nxt;
		state->round_rtt_us = ~0U;
		state->round_samples = 0;
	}
	if (!sample)
		return false;
	if (sample < state->round_rtt_us)
		state->round_rtt_us = sample;
	if (++state->round_samples < BRAKE_SAMPLES || state->round_rtt_us < base + LEAST_QUEUE_DELAY_US)
		return false;
	return backlog(tp->snd_cwnd, state->round_rtt_us, base) * BRAKE_SHARE > tp->snd_cwnd;
}

static __always_inline void brake(struct tcp_sock *tp)
{
	struct wad_flow *flow = kept(tp);

	tp->snd_ssthresh = tp->snd_cwnd;
	if (flow && !flow->brake_window)
		flow->brake_window = tp->snd_cwnd;
}

/* Finer than WAD_SCALE: the share of one acknowledgement is small in a large window that grows slowly. */
#define SLOW_START_SCALE (WAD_SCALE * WAD_SCALE)

/* What an acknowledged segment adds in slow start, times SLOW_START_SCALE. */
static __always_inline u32 slow_start_gain(struct tcp_sock *tp, struct wad_control *parameters)
{
	u32 increment = parameters->slow_start_increment;
	u32 limit = parameters->max_ssthresh;

	/* RFC 3742 section 2: K = int(cwnd / (0.5 * max_ssthresh)), and cwnd += MSS / K. */
	if (limit && tp->snd_cwnd > limit)
		return SLOW_START_SCALE / (2 * tp->snd_cwnd / limit);
	return increment ? increment * WAD_SCALE : SLOW_START_SCALE;
}

static __always_inline void own_slow_start(struct tcp_sock *tp, struct control_state *state, u32 acked)
{
	u64 window;

	state->slow_start_credit += (u64)acked * slow_start_gain(tp, &state->parameters);
	window = tp->snd_cwnd + state->slow_start_credit / SLOW_START_SCALE;
	state->slow_start_credit %= SLOW_START_SCALE;
	set_window(tp, window < tp->snd_ssthresh ? window : tp->snd_ssthresh);
}

/* Returns what is left of `acked` for congestion avoidance. */
static __noinline u32 slow_start(struct tcp_sock *tp, struct control_state *state, u32 acked)
{
	struct wad_control *parameters = &state->parameters;

	if ((parameters->flags & WAD_DELAY_BRAKE) && queue_grows(tp, state)) {
		brake(tp);
		return acked;
	}
	if (!parameters->slow_start_increment && !parameters->max_ssthresh)
		return tcp_slow_start(tp, acked);
	own_slow_start(tp, state, acked);
	return 0;
}

static __noinline u32 high_speed_increase(struct tcp_sock *tp, struct control_state *state)
{
	state->row = high_speed_row(state->row, tp->snd_cwnd);
	return (state->row + 1) * WAD_SCALE;
}

static __always_inline u32 increase(struct tcp_sock *tp, struct control_state *state)
{
	if (state->parameters.flags & WAD_HIGH_SPEED)
		return high_speed_increase(tp, state);
	return state->parameters.additive_increase;
}

/* A round trip's worth has been earned. */
static __noinline void spend_credit(struct tcp_sock *tp, struct control_state *state, u64 window)
{
	u64 grown = state->credit / window;

	state->credit -= grown * window;
	set_window(tp, tp->snd_cwnd + grown);
}

static __always_inline void congestion_avoidance(struct tcp_sock *tp, struct control_state *state, u32 acked)
{
	u64 window = (u64)tp->snd_cwnd * WAD_SCALE;

	state->credit += (u64)acked * increase(tp, state);
	if (window && state->credit >= window)
		spend_credit(tp, state, window);
}

/* At most `burst_limit` segments more than are on their way: so many leave at one acknowledgement. */
static __noinline void hold_burst_back(struct tcp_sock *tp, struct control_state *state)
{
	u32 flying = tp->packets_out - tp->sacked_out - tp->lost_out + tp->retrans_out;
	u32 allowed = flying + state->parameters.burst_limit;

	state->withheld = 0;
	if (tp->snd_cwnd > allowed) {
		state->withheld = tp->snd_cwnd;
		tp->snd_cwnd = allowed;
	}
}

SEC("struct_ops")
void BPF_PROG(wad_cong_avoid, struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct control_state *state = state_of(sk);

	if (state->changes != control_changes)
		read_parameters(tp, state);
	if (state->withheld > tp->snd_cwnd)
		tp->snd_cwnd = state->withheld;
	if (is_window_limited(tp)) {
		if (tp->snd_cwnd < tp->snd_ssthresh)
			acked = slow_start(tp, state, acked);
		if (acked)
			congestion_avoidance(tp, state, acked);
	}
	if (state->parameters.burst_limit)
		hold_burst_back(tp, state);
}

/* A loss is taken for random where less than this part of the window stands in the queue. */
#define RANDOM_SHARE 32
/* What is then taken: a quarter of the decrease, and not nothing, as the guess can be wrong. */
#define RANDOM_TEMPER 4

static __always_inline bool seems_random(struct tcp_sock *tp, u32 window)
{
	u32 rtt = tp->rack.rtt_us, base = tp->rtt_min.s[0].v;

	return rtt && backlog(window, rtt, base) * RANDOM_SHARE < window;
}

static __always_inline u32 decrease(struct tcp_sock *tp, struct control_state *state, u32 window)
{
	struct wad_control *parameters = &state->parameters;
	struct wad_flow *flow = kept(tp);
	u32 share = parameters->multiplicative_decrease;
	bool random = (parameters->flags & WAD_LOSS_GUESS) && seems_random(tp, window);

	if (parameters->flags & WAD_HIGH_SPEED) {
		u32 row = state->row = high_speed_row(state->row, window);

		share = row < HIGH_SPEED_ROWS ? high_speed[row].decrease : share;
	}
	if (flow) {
		flow->congestion_events++;
		flow->random_losses += random;
		flow->loss_rtt_us = tp->rack.rtt_us;
	}
	return random ? share / RANDOM_TEMPER : share;
}

SEC("struct_ops")
u32 BPF_PROG(wad_ssthresh, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct control_state *state = state_of(sk);
	u64 window = tp->snd_cwnd;
	u32 least;

	if (state->changes != control_changes)
		read_parameters(tp, state);
	if (state->withheld > window)
		window = state->withheld;
	state->withheld = 0;
	state->credit = 0;
	window -= window * decrease(tp, state, window) / WAD_SCALE;
	least = state->parameters.min_ssthresh;
	if (least < 2)
		least = 2;
	return window > least ? window : least;
}

SEC("struct_ops")
u32 BPF_PROG(wad_undo_cwnd, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

SEC("struct_ops")
void BPF_PROG(wad_cwnd_event, struct sock *sk, u32 event)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct control_state *state = state_of(sk);
	u32 restart;

	/* The kernel is about to shrink the window of a flow that was idle (RFC 5681 section 4.1) ... */
	if (event == CA_EVENT_CWND_RESTART) {
		state->idle_window = tp->snd_cwnd;
		return;
	}
	/* ... and now it sends again. */
	if (event == CA_EVENT_TX_START && state->idle_window) {
		if (state->changes != control_changes)
			read_parameters(tp, state);
		restart = state->parameters.restart_window;
		if (restart)
			set_window(tp, restart < state->idle_window ? restart : state->idle_window);
		state->idle_window = 0;
	}
}

#define WAD_OPERATIONS                              \
	{                                           \
		.ssthresh = (void *)wad_ssthresh,   \
		.cong_avoid = (void *)wad_cong_avoid, \
		.undo_cwnd = (void *)wad_undo_cwnd, \
		.cwnd_event = (void *)wad_cwnd_event, \
		.name = "wad",                      \
	}

/* Registered by a link, which ends with the process that holds it. */
SEC(".struct_ops.link")
struct tcp_congestion_ops wad = WAD_OPERATIONS;

/* The same for kernels before 6.4, which know no such link; the loader makes one of the two. */
SEC(".struct_ops")
struct tcp_congestion_ops wad_unlinked = WAD_OPERATIONS;
