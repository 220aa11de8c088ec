package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
)

// block is a piece of what was written, kept as it lies on disk. All its entries are of the current run.
type block struct {
	first, last uint64
	frames      []byte
}

// recent holds the newest blocks, without holes up to the last durable entry.
type recent struct {
	blocks []block
	bytes  int
}

func (r *recent) add(b block, limit int) {
	if n := len(r.blocks); n > 0 && r.blocks[n-1].last+1 != b.first {
		*r = recent{}
	}
	r.blocks = append(r.blocks, b)
	r.bytes += len(b.frames)
	for len(r.blocks) > 0 && r.bytes > limit {
		r.bytes -= len(r.blocks[0].frames)
		r.blocks[0] = block{}
		r.blocks = r.blocks[1:]
	}
}

// from returns blocks, about as many as the limits need, from the one with entry seq on; none if it is not there any more.
func (r *recent) from(seq uint64, maxEntries, maxBytes int) []block {
	i := sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].last >= seq })
	if i == len(r.blocks) || r.blocks[i].first > seq {
		return nil
	}
	end, size := i, 0
	for end < len(r.blocks) && (end == i || size < maxBytes && r.blocks[end].first < seq+uint64(maxEntries)) {
		size += len(r.blocks[end].frames)
		end++
	}
	return slices.Clone(r.blocks[i:end])
}

// What Read returns at most if it is not told.
const (
	defaultReadEntries = 1 << 10
	defaultReadBytes   = 8 << 20
)

// Read returns durable entries in order, those behind sequence number after, and none if there are none yet. It returns at most
// maxEntries and stops before their payloads exceed maxBytes, but returns at least one; values below 1 mean 1,024 entries
// and 8 MiB. It may return fewer than the limits allow. If the entry after+1 was released, the error is a *TruncatedError.
// Entries come from memory while the reader keeps up, and from disk, checksums verified, otherwise.
func (l *Log) Read(after uint64, maxEntries, maxBytes int) ([]Entry, error) {
	if maxEntries < 1 {
		maxEntries = defaultReadEntries
	}
	if maxBytes < 1 {
		maxBytes = defaultReadBytes
	}
	c := collector{after: after, maxEntries: maxEntries, maxBytes: maxBytes}
	l.mu.Lock()
	closed, last, first := l.closed, l.last, l.first()
	blocks := l.recent.from(after+1, maxEntries, maxBytes)
	l.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case after >= last:
		return nil, nil
	case after+1 < first:
		return nil, &TruncatedError{First: first}
	case blocks != nil:
		c.run = l.run
		for _, b := range blocks {
			if !c.addFrames(b.frames) {
				break
			}
		}
		return c.entries, nil
	}
	if err := l.readDisk(&c); err != nil {
		if errors.Is(err, fs.ErrNotExist) && after+1 < l.First() {
			return nil, &TruncatedError{First: l.First()}
		}
		return nil, fmt.Errorf("read log behind %d: %w", after, err)
	}
	return c.entries, nil
}

// collector gathers the entries behind after until a limit is reached.
type collector struct {
	after      uint64
	maxEntries int
	maxBytes   int

	run     [16]byte
	entries []Entry
	bytes   int
}

// add takes the entries of a frame, which must stay as they are, and reports whether it wants more.
func (c *collector) add(f frame) bool {
	if f.kind == kindRun {
		copy(c.run[:], f.payload)
		return true
	}
	rest := f.payload
	for i := range f.count {
		var payload []byte
		payload, rest, _ = cutEntry(rest)
		seq := f.first + uint64(i)
		if seq <= c.after {
			continue
		}
		if len(c.entries) == c.maxEntries || len(c.entries) > 0 && c.bytes+len(payload) > c.maxBytes {
			return false
		}
		c.bytes += len(payload)
		c.entries = append(c.entries, Entry{Seq: seq, Run: c.run, Payload: payload})
	}
	return true
}

// addFrames takes frames out of memory, which were encoded here and need no verification.
func (c *collector) addFrames(b []byte) bool {
	for len(b) > 0 {
		f, length, _ := parseFrameHeader(b)
		f.payload = b[frameHeaderBytes : frameHeaderBytes+length]
		if f.kind != kindRun && !c.add(f) {
			return false
		}
		b = b[align(frameHeaderBytes+length):]
	}
	return true
}

// place is where reading a file begins.
type place struct {
	seg  *segment
	mark mark
	end  int64
}

// locate finds the file of entry seq and the nearest mark before it. The mark is zero if the file was not verified yet.
func (l *Log) locate(seq uint64) (place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].last >= seq })
	if i == len(l.segments) || l.segments[i].first > seq {
		return place{}, false
	}
	s := l.segments[i]
	p := place{seg: s, end: s.end}
	if n := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].seq > seq }); n > 0 {
		p.mark = s.marks[n-1]
	}
	return p, true
}

func (l *Log) readDisk(c *collector) error {
	p, ok := l.locate(c.after + 1)
	if !ok {
		return fs.ErrNotExist
	}
	f, err := l.fs.OpenFile(p.seg.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if p.mark.seq == 0 {
		if err := l.verifyLate(p.seg, f); err != nil {
			return err
		}
		if p, ok = l.locate(c.after + 1); !ok {
			return fs.ErrNotExist
		}
	}
	c.run = p.mark.run
	r := frameReader{file: f, salt: p.seg.salt, off: p.mark.off, end: p.end}
	for r.off < p.end {
		fr, err := r.next()
		if err != nil {
			return corrupt(p.seg.path, r.off, err)
		}
		if fr.kind == kindEntries && fr.first+uint64(fr.count) <= c.after+1 {
			continue
		}
		fr.payload = bytes.Clone(fr.payload)
		if !c.add(fr) {
			break
		}
	}
	return nil
}

// verifyLate verifies a finished file that Open left out.
func (l *Log) verifyLate(s *segment, f File) error {
	sc, err := l.scanFinished(s, f)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.marks, s.end = sc.marks, sc.end
	return nil
}

// Wait blocks until an entry behind sequence number after is durable and returns nil, or until ctx ends or the log closes and
// returns why. A failed log moves no more but may be read: Wait goes on waiting.
func (l *Log) Wait(ctx context.Context, after uint64) error {
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return ErrClosed
		}
		if l.last > after {
			l.mu.Unlock()
			return nil
		}
		if l.advanced == nil {
			l.advanced = make(chan struct{})
		}
		advanced := l.advanced
		l.mu.Unlock()
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wakeReaders wakes everybody in Wait. The caller holds mu.
func (l *Log) wakeReaders() {
	if l.advanced != nil {
		close(l.advanced)
		l.advanced = nil
	}
}
