package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vigil/wal"
	"vigil/wal/waltest"
)

// model is what a log must hold: the entries that were acknowledged, and groups that may be there.
type model struct {
	entries   []wal.Entry
	groups    map[int][]string
	committed uint64
	tried     uint64
}

// TestCrashes opens, uses and crashes a log again and again, at random moments, also while it opens.
func TestCrashes(t *testing.T) {
	rounds := uint64(300)
	if testing.Short() {
		rounds = 60
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(seed, 1))
		fsys := waltest.New()
		m := &model{groups: map[int][]string{}}
		for generation := range 8 {
			if r.IntN(2) == 0 {
				fsys.StopAfter(1 + r.IntN(60))
			}
			l, err := wal.Open(wal.Options{Dir: dir, FS: fsys, SegmentBytes: 4 << 10, RecentBytes: r.IntN(4000), VerifyBytes: int64(r.IntN(2))})
			if err == nil {
				if err = m.check(l); err == nil {
					m.use(t, l, r, generation*1000)
				}
			}
			if err != nil && !errors.Is(err, waltest.ErrStopped) {
				t.Fatalf("seed %d, generation %d: %v", seed, generation, err)
			}
			next := fsys.Kill
			if r.IntN(4) > 0 {
				next = func() *waltest.FS { return fsys.Crash(r) }
			}
			old := l
			fsys = next()
			if old != nil {
				old.Close()
			}
		}
	}
}

// use appends, commits and releases until something fails or enough is done.
func (m *model) use(t *testing.T, l *wal.Log, r *rand.Rand, id int) {
	for range r.IntN(30) {
		var group []string
		id++
		n := 1 + r.IntN(4)
		for i := range n {
			group = append(group, fmt.Sprintf("%d %d %d %s", id, i, n, strings.Repeat("x", r.IntN(1500))))
		}
		m.groups[id] = group
		first, err := l.Append(t.Context(), payloads(group)...)
		if err != nil {
			return
		}
		for i, e := range group {
			m.entries = append(m.entries, wal.Entry{Seq: first + uint64(i), Run: l.Run(), Payload: []byte(e)})
		}
		delete(m.groups, id)
		switch r.IntN(5) {
		case 0:
			m.tried = l.Last()
			if l.Commit("reader", m.tried) == nil {
				m.committed = m.tried
			}
		case 1:
			_, _ = l.Release(l.Last() - min(l.Last(), 10))
		}
	}
}

// check compares the log with the model, and adopts groups that survived without having been acknowledged.
func (m *model) check(l *wal.Log) error {
	if l.First() > 1 && l.First() > uint64(len(m.entries)) {
		return fmt.Errorf("log begins at %d, the last acknowledged entry is %d", l.First(), len(m.entries))
	}
	after := l.First() - 1
	for {
		got, err := l.Read(after, 3, 0)
		if err != nil {
			return err
		}
		if len(got) == 0 {
			break
		}
		for _, e := range got {
			if after++; e.Seq != after {
				return fmt.Errorf("got entry %d, want %d", e.Seq, after)
			}
			if after > uint64(len(m.entries)) {
				if err := m.adopt(e); err != nil {
					return err
				}
			}
			if want := m.entries[after-1]; want.Run != e.Run || !bytes.Equal(want.Payload, e.Payload) {
				return fmt.Errorf("entry %d is %.20q of run %x, want %.20q of run %x", after, e.Payload, e.Run, want.Payload, want.Run)
			}
		}
	}
	if after != uint64(len(m.entries)) || after != l.Last() {
		return fmt.Errorf("got entries up to %d, last is %d; want %d", after, l.Last(), len(m.entries))
	}
	at, err := l.Cursor("reader")
	if err != nil || at != m.committed && at != m.tried {
		return fmt.Errorf("cursor at %d, %w; want %d or %d", at, err, m.committed, m.tried)
	}
	m.committed, m.tried = at, at
	return nil
}

// adopt takes the group that begins with e into the model: all of it must be there.
func (m *model) adopt(e wal.Entry) error {
	var id, i, n int
	if _, err := fmt.Sscanf(string(e.Payload), "%d %d %d", &id, &i, &n); err != nil || i != 0 {
		return fmt.Errorf("entry %d is %.20q: not the first of its group", e.Seq, e.Payload)
	}
	for i, p := range m.groups[id] {
		m.entries = append(m.entries, wal.Entry{Seq: e.Seq + uint64(i), Run: e.Run, Payload: []byte(p)})
	}
	if len(m.groups[id]) == 0 {
		return fmt.Errorf("entry %d is %.20q: a second time or never appended", e.Seq, e.Payload)
	}
	delete(m.groups, id)
	return nil
}
