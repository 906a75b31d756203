// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * tp_btf/tcp_cong_state_set: counts the congestion signals of designated flows, under whichever control.
 *
 * It sees the changes of all sockets of the host. They are rare, of a flow without losses there is none, and
 * those of other flows end at the first look-up.
 */

SEC("tp_btf/tcp_cong_state_set")
int BPF_PROG(wad_congestion, struct sock *sk, u8 is)
{
	struct wad_counts *counts;
	struct tcp_sock *tp;
	u8 was;

	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	was = BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);
	if (is == was)
		return 0;
	if (!kept(tp))
		return 0;
	counts = bpf_sk_storage_get(&wad_counts, tp, NULL, is >= TCP_CA_CWR ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (counts)
		count_congestion(tp, counts, was, is);
	return 0;
}
