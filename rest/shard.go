package rest

import (
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// maxRoutingShards is how many shards an index can be split into by default, if it has one shard.
const maxRoutingShards = 1024

// ShardOf returns the shard that holds a document: its routing value, or its id if it has none, hashed as OpenSearch does,
// for an index with the default index.number_of_routing_shards. With fewer than two shards it is 0.
func ShardOf(routing string, shards int) int {
	if shards < 2 {
		return 0
	}
	// The hash is taken modulo the number of shards that the index could be split into by doubling, at least once.
	factor := 1
	for first := true; first || shards*factor*2 <= maxRoutingShards; first = false {
		factor *= 2
	}
	n := shards * factor
	return (int(murmur3(routing))%n + n) % n / factor
}

// murmur3 is the 32-bit x86 variant with seed 0 over the UTF-16 code units of s, low byte first, as a Java int.
// Text that is not UTF-8 is read as Java would after decoding it: one U+FFFD for each bad byte.
func murmur3(s string) int32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	var h, pending, units uint32
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }
	// Two code units make a block of four bytes.
	add := func(unit uint32) {
		if units++; units%2 == 1 {
			pending = unit
			return
		}
		h = bits.RotateLeft32(h^mix(pending|unit<<16), 13)*5 + 0xe6546b64
	}
	for _, r := range s {
		if r < utf8.RuneSelf || utf16.RuneLen(r) != 2 {
			add(uint32(r))
			continue
		}
		high, low := utf16.EncodeRune(r)
		add(uint32(high))
		add(uint32(low))
	}
	if units%2 == 1 {
		h ^= mix(pending)
	}
	h ^= units * 2
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return int32(h ^ h>>16)
}
