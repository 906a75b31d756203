/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/* What every object does with a socket: its addresses and names, in the form of records. */
#pragma once

static __always_inline bool is_mapped(const __be32 *address)
{
	return address[0] == 0 && address[1] == 0 && address[2] == bpf_htonl(0xffff);
}

/* Whether IPv4 packets carry the flow; one between IPv4-mapped addresses is. */
static __always_inline bool is_ipv4(const struct sock_common *skc)
{
	const struct in6_addr *v6 = &skc->skc_v6_daddr;
	__be32 words[3] = { v6->in6_u.u6_addr32[0], v6->in6_u.u6_addr32[1], v6->in6_u.u6_addr32[2] };

	return skc->skc_family == AF_INET || is_mapped(words);
}

/* As two words, without the call of a helper. */
static __always_inline void copy_name(char *out, const char *name)
{
	_Static_assert(TCP_CA_NAME_MAX == 2 * sizeof(u64), "the name of a control is two words");
	((u64 *)out)[0] = ((const u64 *)name)[0];
	((u64 *)out)[1] = ((const u64 *)name)[1];
}

/* Writes an address of a socket as 16 bytes; an IPv4-mapped one becomes IPv4. */
static __always_inline void put_address(u8 *out, bool ipv4, __be32 v4, struct in6_addr *v6)
{
	__be32 *words = (__be32 *)out;

	if (ipv4) {
		words[0] = v4;
		words[1] = words[2] = words[3] = 0;
		return;
	}
	words[0] = v6->in6_u.u6_addr32[0];
	words[1] = v6->in6_u.u6_addr32[1];
	words[2] = v6->in6_u.u6_addr32[2];
	words[3] = v6->in6_u.u6_addr32[3];
}
