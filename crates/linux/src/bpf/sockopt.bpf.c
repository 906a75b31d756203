// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * cgroup/setsockopt and getsockopt: an application's fixed buffers.
 *
 * A fixed SO_RCVBUF decides the window scale of the SYN and switches autotuning off, and when it
 * is set nobody knows yet where the connection will go. So where some path overrides
 * applications, the size is noted and held back: sock_ops applies it once the destination is
 * known not to override it. Meanwhile, and for good where it is overridden, getsockopt answers
 * what Linux would have answered.
 *
 * The daemon raises the host's limits for its paths. What any application may ask for stays cut
 * to the limits of before, whatever its protocol and wherever it connects.
 *
 * SO_SNDBUFFORCE and SO_RCVBUFFORCE pass: they are an administrator's program's, and deliberate.
 */

static __always_inline bool is_buffer(int level, int name)
{
	return level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF);
}

static __always_inline bool is_tcp(struct bpf_sock *sk)
{
	return sk->protocol == IPPROTO_TCP && (sk->family == AF_INET || sk->family == AF_INET6);
}

static __always_inline void ends_of_sock(struct bpf_sock *sk, struct ends *ends)
{
	__be32 remote[4] = { sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2], sk->dst_ip6[3] };

	ends->local_port = sk->src_port;
	ends->remote_port = bpf_ntohs(sk->dst_port);
	if (sk->family == AF_INET || is_mapped(remote)) {
		ends->family = 4;
		ends->local[0] = sk->src_ip4;
		ends->remote[0] = sk->dst_ip4;
		return;
	}
	ends->family = 6;
	ends->local[0] = sk->src_ip6[0];
	ends->local[1] = sk->src_ip6[1];
	ends->local[2] = sk->src_ip6[2];
	ends->local[3] = sk->src_ip6[3];
	__builtin_memcpy(ends->remote, remote, sizeof(remote));
}

/* Whether the path of a connection overrides the application; the flow may be young. */
static __always_inline bool is_overridden(struct bpf_sock *sk)
{
	struct wad_parameters *parameters;
	struct ends ends = { 0 };
	u32 path;

	ends_of_sock(sk, &ends);
	path = find_path(&ends);
	parameters = bpf_map_lookup_elem(&paths, &path);
	return parameters && (parameters->policy & WAD_OVERRIDE);
}

/* Held are sockets that are not yet connected, and flows whose path overrides the application. */
static __always_inline bool holds(struct bpf_sock *sk, struct wad_flow *flow)
{
	if (flow && (flow->state & WAD_OVERRIDDEN))
		return true;
	if (sk->state == BPF_TCP_CLOSE || sk->state == BPF_TCP_LISTEN)
		return true;
	return !(flow && (flow->state & WAD_OPEN)) && is_overridden(sk);
}

SEC("cgroup/setsockopt")
int wad_setsockopt(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	u32 *asked = ctx->optval;
	struct wad_flow *flow;
	u32 limit;

	if (!is_buffer(ctx->level, ctx->optname) || (void *)(asked + 1) > ctx->optval_end)
		return 1;
	/* As the kernel would have, had the daemon not raised its limits. */
	limit = ctx->optname == SO_SNDBUF ? wmem_max_before : rmem_max_before;
	if (*asked > limit)
		*asked = limit;
	if (!any_override || !sk || !is_tcp(sk))
		return 1;
	flow = bpf_sk_storage_get(&flows, sk, NULL, 0);
	if (!holds(sk, flow))
		return 1;
	if (!flow)
		flow = bpf_sk_storage_get(&flows, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!flow)
		return 1;
	if (ctx->optname == SO_SNDBUF) {
		flow->asked_send = *asked;
		flow->state |= WAD_SEND_HELD;
	} else {
		flow->asked_receive = *asked;
		flow->state |= WAD_RECEIVE_HELD;
	}
	ctx->optlen = -1; /* the kernel's own handler does not run; the caller sees success */
	return 1;
}

/* What getsockopt answers after setsockopt: twice the size, and no less than the kernel's minimum. */
static __always_inline int as_linux_answers(u32 asked, u32 least)
{
	return asked > least / 2 ? asked * 2 : least;
}

SEC("cgroup/getsockopt")
int wad_getsockopt(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct wad_flow *flow;
	int *answer = ctx->optval;

	if (!any_override || !is_buffer(ctx->level, ctx->optname) || !sk || !is_tcp(sk))
		return 1;
	if ((void *)(answer + 1) > ctx->optval_end || ctx->retval)
		return 1;
	flow = bpf_sk_storage_get(&flows, sk, NULL, 0);
	if (!flow)
		return 1;
	if (ctx->optname == SO_SNDBUF && (flow->state & WAD_SEND_HELD))
		*answer = as_linux_answers(flow->asked_send, SOCK_MIN_SNDBUF);
	else if (ctx->optname == SO_RCVBUF && (flow->state & WAD_RECEIVE_HELD))
		*answer = as_linux_answers(flow->asked_receive, SOCK_MIN_RCVBUF);
	return 1;
}
