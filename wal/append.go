package wal

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"time"
)

// pieceBytes is the most that one write carries, unless one frame is larger: a disk answers others between pieces.
const pieceBytes = 1 << 20

// group is one call of Append on its way to the disk.
type group struct {
	entries [][]byte
	bytes   int64 // of its frames
	first   uint64
	err     error
	// turn wakes the caller: true when it must lead the next write, false when its group was dealt with.
	turn chan bool
}

func newGroup(entries [][]byte) (*group, error) {
	g := &group{entries: entries, turn: make(chan bool, 1)}
	for rest := entries; len(rest) > 0; {
		n, payload := cutFrame(rest)
		for _, e := range rest[:n] {
			if len(e) > MaxEntryBytes {
				return nil, fmt.Errorf("%w: entry of %d bytes", ErrTooLarge, len(e))
			}
		}
		g.bytes += align(frameHeaderBytes + payload)
		rest = rest[n:]
	}
	if g.bytes > MaxGroupBytes {
		return nil, fmt.Errorf("%w: group of %d bytes", ErrTooLarge, g.bytes)
	}
	return g, nil
}

// cutFrame says how many of the entries the next frame takes, and its payload's length.
func cutFrame(entries [][]byte) (n int, payload int64) {
	for _, e := range entries {
		size := int64(entryHeaderBytes + len(e))
		if n > 0 && frameHeaderBytes+payload+size > groupFrameBytes {
			break
		}
		n++
		payload += size
	}
	return n, payload
}

// Append writes the entries as one group, in order, and returns the sequence number of the first when all are durable. After a
// crash the log holds either all of a group or nothing of it. The entries must not change until Append returns; it keeps none
// of them. Without entries it does nothing and returns 0.
//
// ctx is looked at once, before the group is queued; a group in the queue is written, and Append waits for it. After an
// ErrFailed nobody can tell what became of the group before the next Open, which finds all of it or nothing; after any other
// error nothing of it was written. Of those, ErrFull and the lack of file descriptors pass: a later Append may succeed, as room
// is taken before the first byte of a group is written, and a write that fails in spite of that is final.
//
// Callers share writes: whoever comes while nobody writes leads, writes and syncs at once all that is queued, and hands the
// lead to one of those that came meanwhile.
func (l *Log) Append(ctx context.Context, entries ...[]byte) (first uint64, err error) {
	if len(entries) == 0 {
		return 0, nil
	}
	g, err := newGroup(entries)
	if err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	if err := l.enqueue(g); err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	if <-g.turn {
		l.lead()
	}
	if g.err != nil {
		return 0, fmt.Errorf("append: %w", g.err)
	}
	return g.first, nil
}

func (l *Log) enqueue(g *group) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return l.failed
	}
	if l.closed {
		return ErrClosed
	}
	l.queue = append(l.queue, g)
	if !l.leading {
		l.leading = true
		g.turn <- true
	}
	return nil
}

// lead writes what is queued, the caller's own group in front, and passes the lead on.
func (l *Log) lead() {
	if l.shared {
		// Those whose groups the last write carried have just been woken. Without a turn for them, one leads alone and
		// the others wait for two syncs instead of one. Where nobody else can run this returns at once.
		runtime.Gosched()
	}
	l.mu.Lock()
	batch := l.queue
	l.queue = nil
	l.mu.Unlock()
	l.shared = len(batch) > 1
	own := batch[0]
	for len(batch) > 0 {
		n, err := l.writeSome(batch)
		for _, g := range batch[:n] {
			g.err = err
			if g != own {
				g.turn <- false
			}
		}
		batch = batch[n:]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 {
		l.queue[0].turn <- true
		return
	}
	l.leading = false
	l.idle.Broadcast()
}

// writeSome makes the first n groups of the batch durable, those that fit into one file, or says why they are not written.
func (l *Log) writeSome(batch []*group) (n int, err error) {
	l.mu.Lock()
	err = l.failed
	l.mu.Unlock()
	if err != nil {
		return len(batch), err
	}
	n, bytes := l.fitting(batch)
	if n == 0 {
		if err = l.rotate(runFrameBytes + batch[0].bytes); err != nil {
			return len(batch), l.refuse(err)
		}
		n, bytes = l.fitting(batch)
	}
	if err = l.reserve(l.active.end + bytes); err != nil {
		return len(batch), l.refuse(err)
	}
	w, err := l.write(batch[:n])
	if err != nil {
		return len(batch), l.fail(err)
	}
	l.publish(w)
	return n, nil
}

// fitting says how many groups the active file takes, and with how many bytes. A file without entries takes any first one.
func (l *Log) fitting(batch []*group) (n int, bytes int64) {
	a := l.active
	if a == nil {
		return 0, 0
	}
	if !a.run {
		bytes = runFrameBytes
	}
	for _, g := range batch {
		alone := n == 0 && !a.entries
		if !alone && a.end+bytes+g.bytes > l.segmentBytes {
			break
		}
		n++
		bytes += g.bytes
	}
	return n, bytes
}

// written is what one write and fdatasync made durable.
type written struct {
	groups  []*group
	entries int
	base    int64
	end     int64
	recent  recent
	sync    time.Duration
}

// write encodes, writes and syncs the groups behind the last durable frame. Only the leader calls it.
func (l *Log) write(groups []*group) (written, error) {
	a := l.active
	e := encoder{file: a.file, salt: a.seg.salt, base: a.end, at: a.end, next: l.last + 1, keep: l.recentBytes}
	for _, g := range groups {
		e.left += g.bytes
	}
	if !a.run {
		e.left += runFrameBytes
		e.addRun(l.run)
	}
	for _, g := range groups {
		g.first = e.next
		if err := e.addGroup(g.entries); err != nil {
			return written{}, err
		}
	}
	if err := e.flush(); err != nil {
		return written{}, err
	}
	began := time.Now()
	if err := a.file.Sync(); err != nil {
		return written{}, fmt.Errorf("sync: %w", err)
	}
	w := written{
		groups: groups, entries: int(e.next - l.last - 1), base: a.end, end: e.at,
		recent: e.recent, sync: time.Since(began),
	}
	a.end, a.run, a.entries = e.at, true, true
	return w, nil
}

// publish lets readers see what was made durable.
func (l *Log) publish(w written) {
	if l.onSync != nil {
		l.onSync(w.sync, w.entries, int(w.end-w.base))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.active.seg
	s.marks = addMark(s.marks, mark{seq: l.last + 1, off: w.base, run: l.run})
	l.last += uint64(w.entries)
	s.last, s.end, s.modified = l.last, w.end, time.Now()
	for _, b := range w.recent.blocks {
		l.recent.add(b, l.recentBytes)
	}
	l.refused = nil
	l.stats.Appends += uint64(len(w.groups))
	l.stats.Entries += uint64(w.entries)
	l.stats.Bytes += uint64(w.end - w.base)
	l.stats.Syncs++
	l.stats.SyncTime += w.sync
	l.wakeReaders()
}

// fail ends the log with cause.
func (l *Log) fail(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = fmt.Errorf("%w: %w", ErrFailed, cause)
	return l.failed
}

// refuse keeps the reason why a group was not written for Err, if it is not final.
func (l *Log) refuse(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.refused = err
	}
	return err
}

// encoder turns groups into frames and writes them in pieces of whole frames.
type encoder struct {
	file File
	salt uint32
	base int64 // of the whole write
	at   int64 // where the next piece goes
	next uint64
	left int64 // bytes still to be encoded, to size buffers by

	buf    []byte
	first  uint64 // of the first entry in buf
	recent recent // what was written, its newest keep bytes
	keep   int
}

func (e *encoder) addRun(run [16]byte) {
	e.begin(16)
	start := len(e.buf)
	e.buf = append(e.buf, make([]byte, frameHeaderBytes)...)
	e.buf = append(e.buf, run[:]...)
	e.buf = appendFrame(e.buf, start, e.salt, frame{kind: kindRun, first: e.next, base: e.base})
}

func (e *encoder) addGroup(entries [][]byte) error {
	for len(entries) > 0 {
		n, payload := cutFrame(entries)
		if size := align(frameHeaderBytes + payload); len(e.buf) > 0 && int64(len(e.buf))+size > pieceBytes {
			if err := e.flush(); err != nil {
				return err
			}
		}
		e.begin(payload)
		start := len(e.buf)
		e.buf = append(e.buf, make([]byte, frameHeaderBytes)...)
		for _, entry := range entries[:n] {
			e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(len(entry)))
			e.buf = append(e.buf, entry...)
		}
		f := frame{kind: kindEntries, first: e.next, count: n, more: n < len(entries), base: e.base}
		e.buf = appendFrame(e.buf, start, e.salt, f)
		e.next += uint64(n)
		entries = entries[n:]
	}
	return nil
}

// begin allocates the next piece. It is kept for readers, so it is as large as what will be in it.
func (e *encoder) begin(payload int64) {
	if e.buf == nil {
		e.first = e.next
		e.buf = make([]byte, 0, max(min(e.left, pieceBytes), align(frameHeaderBytes+payload)))
	}
}

func (e *encoder) flush() error {
	if len(e.buf) == 0 {
		return nil
	}
	if _, err := e.file.WriteAt(e.buf, e.at); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	e.at += int64(len(e.buf))
	e.left -= int64(len(e.buf))
	if e.next > e.first {
		e.recent.add(block{first: e.first, last: e.next - 1, frames: e.buf}, e.keep)
	}
	e.buf = nil
	return nil
}
