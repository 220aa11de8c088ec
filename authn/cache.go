package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"
)

const cacheShards = 16

// proof stands for a name, a password and the hash it was verified against, without telling any of them.
type proof [sha256.Size]byte

// cache remembers which credentials were verified a short while ago. It holds proofs only, keyed with bytes that never
// leave the process, so a memory dump helps nobody guess faster than the stored hashes would. A changed hash makes another
// proof: no invalidation is needed, old proofs just expire.
type cache struct {
	ttl  time.Duration
	max  int // per shard
	macs sync.Pool

	shards [cacheShards]struct {
		sync.RWMutex
		until map[proof]time.Time
	}
}

// mac is a keyed hash with its scratch space.
type mac struct {
	h   hash.Hash
	len [8]byte
	buf []byte
}

func newCache(size int, ttl time.Duration) *cache {
	c := &cache{ttl: ttl, max: max(1, size/cacheShards)}
	key := make([]byte, sha256.BlockSize)
	_, _ = rand.Read(key) // never fails: it ends the process instead
	c.macs.New = func() any { return &mac{h: hmac.New(sha256.New, key)} }
	for i := range c.shards {
		c.shards[i].until = map[proof]time.Time{}
	}
	return c
}

// proofOf digests the three with their lengths, so that no two triples share an input.
func (c *cache) proofOf(name, password, hash string) (p proof) {
	m, _ := c.macs.Get().(*mac)
	m.h.Reset()
	m.buf = m.buf[:0]
	for _, s := range [...]string{name, password, hash} {
		binary.BigEndian.PutUint64(m.len[:], uint64(len(s)))
		m.buf = append(append(m.buf, m.len[:]...), s...)
	}
	_, _ = m.h.Write(m.buf)
	clear(m.buf)
	copy(p[:], m.h.Sum(m.buf[:0]))
	c.macs.Put(m)
	return p
}

// has reports whether the proof was added within the time to live.
func (c *cache) has(p proof) bool {
	s := &c.shards[p[0]%cacheShards]
	s.RLock()
	until, ok := s.until[p]
	s.RUnlock()
	return ok && time.Now().Before(until)
}

// add remembers the proof. A full shard first loses what has expired, then what map order offers, which is random.
func (c *cache) add(p proof) {
	now := time.Now()
	s := &c.shards[p[0]%cacheShards]
	s.Lock()
	defer s.Unlock()
	if len(s.until) >= c.max {
		for k, until := range s.until {
			if !now.Before(until) {
				delete(s.until, k)
			}
		}
	}
	for k := range s.until {
		if len(s.until) < c.max {
			break
		}
		delete(s.until, k)
	}
	s.until[p] = now.Add(c.ttl)
}

// clear forgets everything.
func (c *cache) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		clear(s.until)
		s.Unlock()
	}
}
