package waltest

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	pageBytes   = 4 << 10
	sectorBytes = 512
)

// node is a file's content: as programs see it and as the disk has it. Pages that are missing are zero.
type node struct {
	pages    map[int64][]byte
	size     int64
	modified time.Time

	synced     map[int64][]byte // shares pages with pages unless dirty
	syncedSize int64
	dirty      map[int64]bool

	allocated int64
}

func newNode() *node {
	return &node{
		pages: map[int64][]byte{}, synced: map[int64][]byte{}, dirty: map[int64]bool{},
		modified: time.Now(),
	}
}

// writable returns a page of its own to change.
func (n *node) writable(p int64) []byte {
	if !n.dirty[p] {
		page := make([]byte, pageBytes)
		copy(page, n.pages[p])
		n.pages[p] = page
		n.dirty[p] = true
	}
	if n.pages[p] == nil {
		n.pages[p] = make([]byte, pageBytes)
	}
	return n.pages[p]
}

func (n *node) writeAt(b []byte, off int64) {
	n.modified = time.Now()
	for len(b) > 0 {
		m := copy(n.writable(off / pageBytes)[off%pageBytes:], b)
		b, off = b[m:], off+int64(m)
	}
	n.size = max(n.size, off)
}

func (n *node) readAt(b []byte, off int64) (int, error) {
	read := 0
	for read < len(b) && off < n.size {
		chunk := b[read:min(int64(len(b)), int64(read)+n.size-off)]
		chunk = chunk[:min(int64(len(chunk)), pageBytes-off%pageBytes)]
		clear(chunk)
		if page := n.pages[off/pageBytes]; page != nil {
			copy(chunk, page[off%pageBytes:])
		}
		read, off = read+len(chunk), off+int64(len(chunk))
	}
	if read < len(b) {
		return read, io.EOF
	}
	return read, nil
}

func (n *node) truncate(size int64) {
	n.modified = time.Now()
	for p := range n.pages {
		if p*pageBytes >= size {
			delete(n.pages, p)
			n.dirty[p] = true
		}
	}
	if p := size / pageBytes; n.pages[p] != nil {
		clear(n.writable(p)[size%pageBytes:])
	}
	n.size = size
	n.allocated = min(n.allocated, size)
}

func (n *node) sync() {
	for p := range n.dirty {
		if n.pages[p] == nil {
			delete(n.synced, p)
			continue
		}
		n.synced[p] = n.pages[p]
	}
	clear(n.dirty)
	n.syncedSize = n.size
}

// crash returns what the disk holds if power fails now: all that was synced, and of the rest nothing, everything, a
// prefix that ends inside a sector, or sectors at random.
func (n *node) crash(r *rand.Rand) *node {
	c := newNode()
	c.modified = n.modified
	c.pages = maps.Clone(n.synced)
	c.size = n.syncedSize
	if r.IntN(2) == 0 {
		c.size = n.size
	}
	pages := slices.Sorted(maps.Keys(n.dirty))
	const sectors = pageBytes / sectorBytes
	cut := r.IntN(len(pages)*sectors + 1)
	mode := r.IntN(4)
	for i, p := range pages {
		page := make([]byte, pageBytes)
		copy(page, n.synced[p])
		now := make([]byte, pageBytes)
		copy(now, n.pages[p])
		for s := range sectors {
			at := s * sectorBytes
			keep := 0
			switch at := i*sectors + s; {
			case mode == 1, mode == 2 && at < cut, mode == 3 && r.IntN(2) == 0:
				keep = sectorBytes
			case mode == 2 && at == cut:
				keep = r.IntN(sectorBytes)
			}
			copy(page[at:at+keep], now[at:])
		}
		c.pages[p] = page
	}
	c.truncate(c.size)
	for p, page := range c.pages {
		if bytes.Count(page, []byte{0}) == pageBytes {
			delete(c.pages, p)
		}
	}
	c.allocated = c.size
	c.sync()
	c.synced = maps.Clone(c.pages)
	return c
}
