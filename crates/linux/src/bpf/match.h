/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * Which path entry a connection belongs to: one longest-prefix lookup by the destination, then
 * a walk along the prefix's rules, most specific first. The last rule of a prefix leads on to
 * those of the next shorter prefix that covers it. The same walk exists in user space for
 * `wad explain`; a test holds them against each other.
 */
#pragma once

struct ends {
	u32 family;
	__be32 local[4], remote[4];
	u16 local_port, remote_port;
};

/* A member of the context, read where it stands: the verifier refuses a computed address of one. */
#define READ_MEMBER(member) (*(volatile typeof(member) *)&(member))

static __always_inline void ends_of(struct bpf_sock_ops *ops, struct ends *ends)
{
	__be32 local4 = READ_MEMBER(ops->local_ip4), remote4 = READ_MEMBER(ops->remote_ip4);
	__be32 remote[4] = { 0 };

	ends->local_port = ops->local_port;
	ends->remote_port = bpf_ntohl(ops->remote_port);
	if (ops->family == AF_INET6) {
		remote[0] = READ_MEMBER(ops->remote_ip6[0]);
		remote[1] = READ_MEMBER(ops->remote_ip6[1]);
		remote[2] = READ_MEMBER(ops->remote_ip6[2]);
		remote[3] = READ_MEMBER(ops->remote_ip6[3]);
		ends->local[0] = READ_MEMBER(ops->local_ip6[0]);
		ends->local[1] = READ_MEMBER(ops->local_ip6[1]);
		ends->local[2] = READ_MEMBER(ops->local_ip6[2]);
		ends->local[3] = READ_MEMBER(ops->local_ip6[3]);
	}
	ends->family = 6;
	__builtin_memcpy(ends->remote, remote, sizeof(remote));
	if (ops->family == AF_INET || is_mapped(remote)) {
		ends->family = 4;
		ends->local[0] = local4;
		ends->remote[0] = remote4;
		ends->local[1] = ends->local[2] = ends->local[3] = 0;
		ends->remote[1] = ends->remote[2] = ends->remote[3] = 0;
	}
}

/* The same of a socket. */
static __always_inline void ends_of_socket(const struct sock_common *skc, struct ends *ends)
{
	ends->local_port = skc->skc_num;
	ends->remote_port = bpf_ntohs(skc->skc_dport);
	ends->family = is_ipv4(skc) ? 4 : 6;
	if (ends->family == 4) {
		ends->local[0] = skc->skc_rcv_saddr;
		ends->remote[0] = skc->skc_daddr;
		return;
	}
	for (int i = 0; i < 4; i++) {
		ends->local[i] = skc->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
		ends->remote[i] = skc->skc_v6_daddr.in6_u.u6_addr32[i];
	}
}

static __always_inline bool in_prefix(const __be32 *address, const u8 *prefix, u32 length)
{
	const __be32 *words = (const __be32 *)prefix;

	for (int i = 0; i < 4; i++) {
		if (length == 0)
			return true;
		u32 bits = length < 32 ? length : 32;
		u32 mask = ~0U << (32 - bits);

		if (bpf_ntohl(address[i] ^ words[i]) & mask)
			return false;
		length -= bits;
	}
	return true;
}

/* As find_path(), not static, so that the verifier looks at it once, and not at every rule of the longest chain. */
__noinline bool rule_matches(const struct wad_rule *rule, const struct ends *ends)
{
	if (!rule || !ends)
		return false;
	return ends->remote_port >= rule->destination_port_low &&
	       ends->remote_port <= rule->destination_port_high &&
	       ends->local_port >= rule->source_port_low &&
	       ends->local_port <= rule->source_port_high &&
	       in_prefix(ends->local, rule->source, rule->source_length);
}

/*
 * The index of the path entry that a connection belongs to, or WAD_NO_RULE. It is a function of its own,
 * and not static, so that the verifier looks at it once and not at every place where it is called.
 */
__noinline u32 find_path(const struct ends *ends)
{
	struct wad_prefix key = { .length = 32 + 128 };
	u32 *first, index;

	if (!ends)
		return WAD_NO_RULE;
	key.family = bpf_htonl(ends->family);
	__builtin_memcpy(key.address, ends->remote, sizeof(key.address));
	if (ends->family == 4)
		key.length = 32 + 32;
	first = bpf_map_lookup_elem(&prefixes, &key);
	if (!first)
		return WAD_NO_RULE;
	index = *first;
	for (int i = 0; i < WAD_MAX_CHAIN; i++) {
		struct wad_rule *rule = bpf_map_lookup_elem(&rules, &index);

		if (!rule)
			return WAD_NO_RULE;
		if (rule_matches(rule, ends))
			return rule->path;
		index = rule->next;
	}
	return WAD_NO_RULE;
}
