// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
/*
 * iter/bpf_sk_storage_map: every designated flow that is open, in all namespaces, as one record
 * each. For `wad flows`, and to resynchronise after a record was lost.
 */

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
	fill_record(&record, WAD_RECORD_SAMPLE, tp, flow);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
