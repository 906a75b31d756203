/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/* The maps: the policy that the loader writes, the state of each flow, and the way back. */
#pragma once

/* Sizes of the three policy maps are set by the loader to what the configuration needs. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct wad_prefix);
	__type(value, u32); /* index of the prefix's first rule */
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct wad_rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct wad_parameters);
} paths SEC(".maps");

/* Cloned, so that a connection inherits what its listener's application asked for. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct wad_flow);
} flows SEC(".maps");

/* Orders of user space for running flows, by socket cookie. The loader makes room for as many as it has. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WAD_MAX_ORDERS);
	__type(key, u64);
	__type(value, struct wad_order);
} orders SEC(".maps");

/* Some 2,500 records: as many as open and close in a twentieth of a second on a busy host. */
#define RECORDS_BYTES (1 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RECORDS_BYTES);
} records SEC(".maps");

/* Records that found the ring full. User space compares it and reads the flows anew. */
u64 lost_records;

/*
 * Grows whenever the parameters of the control have changed for some flow: the control then reads
 * those of its own anew. One load for each acknowledgement, instead of a look-up.
 */
u32 control_changes = 1;

/* The cgroup that is tuned, by the inode number of its directory. */
const volatile u64 cgroup_id = 0;

/* Whether any path sets something that must be known before the SYN. */
const volatile bool any_receive_window;
const volatile bool any_ecn;
const volatile bool any_at_connect;

/* Whether any path overrides applications; otherwise their buffers are not even looked at. */
const volatile bool any_override;

/* The host's net.core limits as they were before the daemon raised them. */
const volatile u32 wmem_max_before = ~0U;
const volatile u32 rmem_max_before = ~0U;

/* Makes the type of the records part of the object's BTF, where the loader's types come from. */
const struct wad_record record_type __attribute__((used)) = {};
const struct wad_order order_type __attribute__((used)) = {};
