package alerting

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vigil/cluster"
)

// How members keep each other informed. A member that has gone is replaced within deadAfter and two looks.
const (
	renewEvery = time.Second
	lookEvery  = 250 * time.Millisecond
	// deadAfter is how long after its last sign a member is taken for gone, by the clock of whoever looks. holdFor is how long a
	// member believes in itself after its last sign, by its own: the difference is what a sign may take to be seen.
	deadAfter = 2500 * time.Millisecond
	holdFor   = 2 * time.Second
	// forgetAfter is when what a dead member left is removed.
	forgetAfter = time.Minute
	// noteFor is how long a note stays: long enough for a successor to read it. maxNotes bounds them.
	noteFor  = 10 * time.Second
	maxNotes = 1000
)

// MembersOptions configure [Members].
type MembersOptions struct {
	// Client reaches the store that the members share.
	Client *cluster.Client
	// Index holds a document for every member.
	Index string
	// ID names this member; no other has it.
	ID string
	// Takes is whether monitors run here. A member that takes none still tells the others what it saw.
	Takes bool
	Log   *slog.Logger
}

// Members shares the monitors of a store among the processes over it, so that each runs on exactly one of them. Every member
// writes a document of its own once a second; who is alive is what each sees change, by its own clock, so clocks need not agree.
// Monitors go to the members that are alive by rendezvous hashing: when one comes or goes, only its monitors move. A member
// that cannot reach the store, or was stopped for a while, holds nothing. Its methods are safe for concurrent use.
type Members struct {
	o   MembersOptions
	run string // tells this process from earlier ones of the same name

	// changed is called when monitors may have come or gone, noted when others saw something of monitors. Neither may block.
	changed func()
	noted   func(ids []string)

	mu      sync.Mutex
	renewed time.Time // when the last sign that succeeded was begun
	looked  time.Time // when the last look that succeeded was begun
	since   time.Time // from when on we are a member that holds
	others  map[string]*member
	notes   map[string]note
	count   int64
	told    int64 // the last note that a sign has told
}

// member is another member as it is seen from here.
type member struct {
	sign   Version // of its document
	at     time.Time
	doc    memberDoc
	buried bool
}

// alive reports whether the member's monitors are its own, as of the last look: what was not looked for cannot be missed.
func (m *member) alive(looked time.Time) bool { return m.doc.Takes && looked.Sub(m.at) < deadAfter }

type note struct {
	number int64
	at     time.Time
}

// memberDoc is a member's document.
type memberDoc struct {
	Member string `json:"member"`
	Run    string `json:"run"`
	Takes  bool   `json:"takes"`
	// Renewed is for people; nobody decides by it.
	Renewed int64 `json:"renewed"`
	// Notes are monitors whose result may have changed, each with a number that grows. "*" stands for all of them.
	Notes map[string]int64 `json:"notes"`
}

const memberMapping = `{"settings":{"index":{"hidden":true,"number_of_shards":1,"auto_expand_replicas":"0-1"}},"mappings":{"dynamic":false,"properties":{
	"member":{"type":"keyword"},"run":{"type":"keyword"},"renewed":{"type":"date"}}}}`

// everyMonitor is the note that stands for all monitors.
const everyMonitor = "*"

// NewMembers returns a member that nobody knows of until [Members.Run].
func NewMembers(o MembersOptions) *Members {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Members{
		o: o, run: rand.Text(), changed: func() {}, noted: func([]string) {},
		others: map[string]*member{}, notes: map[string]note{},
	}
}

// Holds reports whether a monitor is this member's to run, now.
func (m *Members) Holds(monitorID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.believes(time.Now()) {
		return false
	}
	own := weight(m.o.ID, monitorID)
	for id, other := range m.others {
		if w := weight(id, monitorID); (w > own || w == own && id > m.o.ID) && other.alive(m.looked) {
			return false
		}
	}
	return true
}

// believes reports whether the others must still take us for alive. A machine that was suspended had its monotonic clock stand
// still, so the wall clock has a say, too.
func (m *Members) believes(now time.Time) bool {
	return m.o.Takes && !m.renewed.IsZero() && !now.Before(m.since) && now.Sub(m.renewed) < holdFor && now.Sub(m.looked) < holdFor &&
		now.Round(0).Sub(m.renewed.Round(0)) < holdFor
}

// weight is how much a member wants a monitor. All members must come to the same.
func weight(member, monitor string) uint64 {
	sum := sha256.Sum256([]byte(member + "\x00" + monitor))
	return binary.BigEndian.Uint64(sum[:])
}

// Note tells whoever holds a monitor that its result may have changed. It does not wait.
func (m *Members) Note(ids []string) {
	if len(ids) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, id := range ids {
		if len(m.notes) >= maxNotes {
			id = everyMonitor
		}
		m.count++
		m.notes[id] = note{m.count, now}
	}
}

// Run is a member until ctx ends, and then leaves, so that the others need not wait for it.
func (m *Members) Run(ctx context.Context) error {
	watch := cluster.NewWatch(cluster.WatchOptions{Client: m.o.Client, Index: m.o.Index, Changed: m.see})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if m.due(time.Now()) {
			m.renew(ctx)
		}
		m.look(ctx, watch)
		select {
		case <-ctx.Done():
			m.leave(context.WithoutCancel(ctx))
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// due reports whether the others must hear from us.
func (m *Members) due(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Sub(m.renewed) > renewEvery-lookEvery || m.told < m.count
}

// renew gives a sign and tells what was noted.
func (m *Members) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, holdFor)
	defer cancel()
	start := time.Now()
	m.mu.Lock()
	doc := memberDoc{Member: m.o.ID, Run: m.run, Takes: m.o.Takes, Renewed: start.UnixMilli(), Notes: map[string]int64{}}
	for id, n := range m.notes {
		if start.Sub(n.at) > noteFor {
			delete(m.notes, id)
			continue
		}
		doc.Notes[id] = n.number
	}
	lost, told := start.Sub(m.renewed) >= holdFor, m.count
	m.mu.Unlock()
	err := m.o.Client.EnsureIndex(ctx, m.o.Index, json.RawMessage(memberMapping))
	if err == nil {
		_, err = m.o.Client.Index(ctx, m.o.Index, memberID(m.o.ID), doc, cluster.IndexOptions{Refresh: "true"})
	}
	if err != nil {
		m.o.Log.WarnContext(ctx, "this member cannot be renewed; its monitors go to others", "member", m.o.ID, "error", err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if lost {
		// What is to become ours is others' until they have seen us.
		m.since = time.Now().Add(deadAfter)
	}
	m.renewed, m.told = start, told
}

func memberID(id string) string { return "alerting-member-" + id }

// look reads what the others say, and finds out who has gone.
func (m *Members) look(ctx context.Context, watch *cluster.Watch) {
	if err := watch.Read(ctx); err != nil && ctx.Err() == nil {
		m.o.Log.WarnContext(ctx, "cannot read the members", "error", err)
	}
	m.mu.Lock()
	m.looked = watch.LastRead()
	gone := map[string]Version{}
	for id, other := range m.others {
		if !other.buried && time.Since(other.at) > forgetAfter {
			gone[id], other.buried = other.sign, true
		}
	}
	m.mu.Unlock()
	for id, sign := range gone {
		_, err := m.o.Client.Delete(ctx, m.o.Index, memberID(id), onlyIf(&sign))
		if err != nil && ctx.Err() == nil {
			m.o.Log.InfoContext(ctx, "what a member left that is gone was not removed here", "member", id, "error", err)
		}
	}
	m.changed()
}

// see takes note of the members as their documents are now.
func (m *Members) see(docs map[string]cluster.Doc) {
	m.mu.Lock()
	seen := map[string]bool{}
	var heard []string
	for _, d := range docs {
		var doc memberDoc
		if err := json.Unmarshal(d.Source, &doc); err != nil || doc.Member == "" || doc.Member == m.o.ID {
			continue
		}
		seen[doc.Member] = true
		heard = append(heard, m.hear(doc, versionOf(d))...)
	}
	for id := range m.others {
		if !seen[id] { // it has left
			delete(m.others, id)
		}
	}
	m.mu.Unlock()
	if len(heard) > 0 {
		m.noted(heard)
	}
}

// hear returns the monitors of which a member tells something new.
func (m *Members) hear(doc memberDoc, sign Version) (news []string) {
	before := m.others[doc.Member]
	if before != nil && before.sign == sign {
		return nil
	}
	for id, n := range doc.Notes {
		if before == nil || before.doc.Run != doc.Run || n > before.doc.Notes[id] {
			news = append(news, id)
		}
	}
	m.others[doc.Member] = &member{sign: sign, at: time.Now(), doc: doc}
	return news
}

// leave has the others take over at their next look.
func (m *Members) leave(ctx context.Context) {
	m.mu.Lock()
	m.renewed = time.Time{}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, holdFor)
	defer cancel()
	_, err := m.o.Client.Delete(ctx, m.o.Index, memberID(m.o.ID), cluster.IndexOptions{Refresh: "true"})
	if err != nil && !errors.Is(err, cluster.ErrNotFound) {
		m.o.Log.WarnContext(ctx, "cannot leave; the others find out by themselves", "member", m.o.ID, "error", err)
	}
}
