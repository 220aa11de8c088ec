package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"vigil/wal"
)

// A snapshot is the shortest log that gives the present state. The file:
//
//	8 bytes  "VGLSNAP" and the format's version, 1
//	8 bytes  the log's sequence number up to which it holds everything
//	frames   4 bytes length, 4 bytes crc32c of length and payload, payload: an entry as in the log
//	a frame  of length 0: the end
//
// Numbers are little-endian. It is written beside the old one, synced and renamed over it.
const (
	snapshotName  = "snapshot"
	snapshotMagic = "VGLSNAP\x01"
	snapshotPiece = 1 << 20 // written at once
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// view is all that was published at one moment. Later writes do not change it.
type view struct {
	logged  uint64
	changes []change
	docs    []storeView
}

// storeView is the part of one index.
type storeView struct {
	uuid  string
	slots []*slot
	at    uint64
	tombs map[string]tombstone
}

// view returns what is published. The committer calls it, or Close after the committer has ended: nothing is published
// meanwhile.
func (e *Engine) view() (*view, error) {
	s := e.state.Load()
	changes, err := s.changes()
	if err != nil {
		return nil, err
	}
	v := &view{logged: e.logged, changes: changes}
	now := e.opts.Now()
	for _, name := range s.names() {
		x := s.indices[name]
		x.docs.expire(now, x.gcDeletes())
		slots, at := x.docs.view()
		v.docs = append(v.docs, storeView{uuid: x.UUID, slots: slots, at: at, tombs: x.docs.tombstones()})
	}
	return v, nil
}

// startSnapshot has what is published written by a goroutine of the committer's, so that writes go on meanwhile.
func (e *Engine) startSnapshot() {
	v, err := e.view()
	if err != nil {
		e.noteSnapshot(err)
		return
	}
	e.sinceCompact = 0
	done := make(chan error, 1)
	e.snapshot = done
	go func() { done <- e.compact(v) }()
}

// noteSnapshot takes the end of a snapshot that ran beside the writes.
func (e *Engine) noteSnapshot(err error) {
	e.snapshot = nil
	if err != nil {
		e.opts.Logger.Error("snapshot not written", "error", err)
		e.sinceCompact += e.opts.MaxLog / 2 // not again at once
	}
}

// compact writes a snapshot and releases the log behind it: never more, as entries are logged while it is written.
func (e *Engine) compact(v *view) error {
	temp := filepath.Join(e.opts.Dir, snapshotName+".tmp")
	if err := e.writeSnapshot(temp, v); err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), e.fs.Remove(temp))
	}
	if err := e.fs.Rename(temp, filepath.Join(e.opts.Dir, snapshotName)); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := e.fs.SyncDir(e.opts.Dir); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	e.compacted.Store(v.logged)
	if _, err := e.log.Release(v.logged + 1); err != nil {
		return fmt.Errorf("release log: %w", err)
	}
	return nil
}

func (e *Engine) writeSnapshot(name string, v *view) (err error) {
	f, err := e.fs.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := &frameWriter{w: bufio.NewWriterSize(&offsetWriter{f: f}, snapshotPiece)}
	head := binary.LittleEndian.AppendUint64([]byte(snapshotMagic), v.logged)
	if _, err := w.w.Write(head); err != nil {
		return err
	}
	for _, c := range v.changes {
		entry, err := encodeMeta([]change{c})
		if err != nil {
			return err
		}
		w.frame(entry)
	}
	for _, d := range v.docs {
		w.documents(d)
	}
	w.frame(nil)
	if w.err != nil {
		return w.err
	}
	if err := w.w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

type frameWriter struct {
	w   *bufio.Writer
	err error
}

func (w *frameWriter) frame(payload []byte) {
	if w.err != nil {
		return
	}
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:4], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[4:], frameSum(head[:4], payload))
	if _, w.err = w.w.Write(head[:]); w.err == nil {
		_, w.err = w.w.Write(payload)
	}
}

func frameSum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli()), castagnoli(), payload)
}

func (w *frameWriter) documents(v storeView) {
	for _, sl := range v.slots {
		if !sl.alive(v.at) {
			continue
		}
		d := sl.doc
		w.frame((&docEntry{
			uuid: v.uuid, id: d.ID, routing: d.Routing, shard: d.Shard, seq: d.Seq, term: d.Term, version: d.Version,
			time: d.Indexed.UnixMilli(), source: d.Source,
		}).encode())
	}
	for id, t := range v.tombs {
		w.frame((&docEntry{
			uuid: v.uuid, id: id, shard: t.shard, seq: t.seq, term: t.term, version: t.version, time: t.at.UnixMilli(), deleted: true,
		}).encode())
	}
}

// offsetWriter writes a file from its beginning.
type offsetWriter struct {
	f   wal.File
	off int64
}

func (w *offsetWriter) Write(b []byte) (int, error) {
	n, err := w.f.WriteAt(b, w.off)
	w.off += int64(n)
	return n, err
}

// load reads the snapshot, if there is one, and the log behind it.
func (e *Engine) load() (*state, error) {
	r := &replay{state: emptyState(), byUUID: map[string]*index{}, now: e.opts.Now()}
	if err := e.loadSnapshot(r); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	after := e.logged
	if last := e.log.Last(); last < after {
		return nil, fmt.Errorf("the snapshot holds entries up to %d but the log ends at %d", after, last)
	}
	for {
		entries, err := e.log.Read(after, 0, 0)
		if err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		if len(entries) == 0 {
			break
		}
		for _, entry := range entries {
			if err := r.entry(entry.Payload); err != nil {
				return nil, fmt.Errorf("replay entry %d: %w", entry.Seq, err)
			}
			after = entry.Seq
			e.sinceCompact += int64(len(entry.Payload))
		}
	}
	e.logged = after
	return r.state, nil
}

func (e *Engine) loadSnapshot(r *replay) (err error) {
	f, err := e.fs.OpenFile(filepath.Join(e.opts.Dir, snapshotName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReaderSize(io.NewSectionReader(f, 0, 1<<62), snapshotPiece)
	var head [16]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	if string(head[:8]) != snapshotMagic {
		return errors.New("it has another format: " + strconv.Quote(string(head[:8])))
	}
	e.logged = binary.LittleEndian.Uint64(head[8:])
	e.compacted.Store(e.logged)
	for {
		payload, err := readFrame(in)
		if err != nil {
			return err
		}
		if len(payload) == 0 {
			return nil
		}
		if err := r.entry(payload); err != nil {
			return err
		}
	}
}

func readFrame(in io.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, fmt.Errorf("it ends early: %w", err)
	}
	n := binary.LittleEndian.Uint32(head[:4])
	if n > wal.MaxEntryBytes {
		return nil, errors.New("a frame is too long")
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, fmt.Errorf("it ends early: %w", err)
	}
	if frameSum(head[:4], payload) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errors.New("a checksum is wrong")
	}
	return payload, nil
}

// replay rebuilds a state from entries.
type replay struct {
	state  *state
	byUUID map[string]*index
	now    time.Time
}

func (r *replay) entry(b []byte) error {
	if len(b) == 0 {
		return errEntry
	}
	switch b[0] {
	case entryMeta:
		var m metaEntry
		if err := json.Unmarshal(b[1:], &m); err != nil {
			return fmt.Errorf("%w: %w", errEntry, err)
		}
		next, err := r.state.with(m.Changes)
		if err != nil {
			return err
		}
		r.state = next
		clear(r.byUUID)
		for _, x := range next.indices {
			r.byUUID[x.UUID] = x
		}
		return nil
	case entryIndex, entryDelete:
		return r.document(b)
	}
	return fmt.Errorf("%w: kind %d", errEntry, b[0])
}

func (r *replay) document(b []byte) error {
	d, err := decodeDoc(b)
	if err != nil {
		return err
	}
	x := r.byUUID[d.uuid]
	if x == nil {
		return nil // the index was deleted while the document was on its way
	}
	if d.shard >= len(x.docs.nextSeq) {
		return fmt.Errorf("%w: shard %d", errEntry, d.shard)
	}
	rec := record{tomb: tombstone{version: d.version, seq: d.seq, term: d.term, shard: d.shard, at: d.at()}}
	if !d.deleted {
		p, err := x.mapping.Reparse(d.id, d.source)
		if err != nil {
			return fmt.Errorf("document %s of %s: %w", d.id, x.Name, err)
		}
		doc := newDoc(p, bytes.Clone(d.source))
		doc.ID, doc.Routing, doc.Shard = d.id, d.routing, d.shard
		doc.Seq, doc.Term, doc.Version, doc.Indexed = d.seq, d.term, d.version, d.at()
		rec.doc = doc
	}
	x.docs.publish(d.id, d.shard, rec)
	x.docs.nextSeq[d.shard] = max(x.docs.nextSeq[d.shard], d.seq+1)
	return nil
}
