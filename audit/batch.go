package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"
	"unicode/utf8"

	"vigil/wal"
)

// maxPooled keeps rare large batches from staying in memory.
const maxPooled = 1 << 20

// sampled is after how many events of many the size of the others is guessed.
const sampled = 32

// batch is the entries of one append, in one buffer.
type batch struct {
	buf        []byte
	ends       []int
	categories []Category
	list       [][]byte
	joined     []joined
	key        []byte // scratch
}

func (t *Trail) putBatch(b *batch) {
	if cap(b.buf) > maxPooled || cap(b.list) > maxPooled/64 {
		return
	}
	b.reset()
	t.batches.Put(b)
}

func (b *batch) reset() {
	clear(b.list)
	clear(b.joined)
	b.buf, b.ends, b.categories, b.list, b.joined = b.buf[:0], b.ends[:0], b.categories[:0], b.list[:0], b.joined[:0]
}

// fill encodes those of the events that the policy keeps, until the batch is large enough, and returns the others. Every
// batch marks its first event, so that what a start finds of a failed one is taken off the requests of a gap.
func (b *batch) fill(t *Trail, p *Policy, events []*Event, request bool) (left []*Event) {
	for i, e := range events {
		if len(b.buf) >= t.split {
			return events[i:]
		}
		if i == sampled {
			b.buf = slices.Grow(b.buf, min(len(b.buf)/sampled*(len(events)-i), t.split))
		}
		if p.Keep(e) {
			b.add(t, t.redact.Event(e), request && b.events() == 0)
		}
	}
	return nil
}

// addMarks adds what the last batch of a step says of intents.
func (b *batch) addMarks(s step) {
	if s.closes != 0 {
		b.end(appendClose(b.buf, s.closes))
	}
	if s.intent != nil {
		b.end(appendIntent(b.buf, s.intent))
	}
}

// events counts the events; gaps and intents are none.
func (b *batch) events() int { return len(b.categories) }

func (b *batch) end(buf []byte) {
	b.buf = buf
	b.ends = append(b.ends, len(buf))
}

func (b *batch) entries() [][]byte {
	begin := 0
	for _, end := range b.ends {
		b.list = append(b.list, b.buf[begin:end:end])
		begin = end
	}
	return b.list
}

// add encodes an event, or that it repeats one.
func (b *batch) add(t *Trail, e *Event, request bool) {
	if !t.folds.folds(e) {
		b.addEvent(t, e, request)
		return
	}
	var key foldKey
	b.key, key = appendFoldKey(b.key[:0], e)
	f, repeat := t.folds.join(key, e, t.log)
	j := joined{fold: f, repeat: repeat, at: e.Time, entry: len(b.ends)}
	switch {
	case f == nil:
		b.addEvent(t, e, request)
		return
	case repeat:
		b.categories = append(b.categories, e.Category)
		b.end(appendRepeat(b.buf, flagsOf(request), e, f.first))
	default:
		begin := len(b.buf)
		b.addEvent(t, e, request)
		j.doc = b.buf[begin+len(appendEventHeader(nil, kindEvent, 0, e.Time, e.Category)):]
	}
	b.joined = append(b.joined, j)
}

func flagsOf(request bool) byte {
	if request {
		return flagRequest
	}
	return 0
}

// addEvent encodes an event, cut so that it fits the limit on bodies and in any case an entry.
func (b *batch) addEvent(t *Trail, e *Event, request bool) {
	begin := len(b.buf)
	for limit := t.maxBody; ; limit /= 2 {
		cut := cutTo(e, limit)
		buf := appendEventHeader(b.buf[:begin], kindEvent, flagsOf(request), e.Time, e.Category)
		b.buf = AppendJSON(buf, &t.node, cut)
		if len(b.buf)-begin <= wal.MaxEntryBytes || limit == 0 {
			if cut != e {
				t.metrics.cut.Inc()
			}
			break
		}
	}
	b.categories = append(b.categories, e.Category)
	b.end(b.buf)
}

// addGap adds the record of a gap and closes the intents that it covers.
func (b *batch) addGap(t *Trail, s gapState) {
	if s.events > 0 {
		e := s.event(time.Now(), t.gap.boot)
		buf := appendEventHeader(b.buf, kindGap, 0, e.Time, e.Category)
		for _, n := range []uint64{s.generation, s.events, s.requests} {
			buf = binary.BigEndian.AppendUint64(buf, n)
		}
		b.end(AppendJSON(buf, &t.node, e))
	}
	for _, seq := range s.closes {
		b.end(appendClose(b.buf, seq))
	}
}

// cutTo returns e, or a copy whose body or difference was cut at a character to at most limit bytes and says so.
func cutTo(e *Event, limit int) *Event {
	long := e.DiffContent
	if e.Body != nil && len(*e.Body) > limit {
		long = *e.Body
	}
	if len(long) <= limit {
		return e
	}
	sum := sha256.Sum256([]byte(long))
	c := *e
	c.Cut = &Cut{Length: int64(len(long)), SHA256: hex.EncodeToString(sum[:])}
	if e.Body != nil && len(*e.Body) > limit {
		body := cutString(*e.Body, limit)
		c.Body = &body
	}
	c.DiffContent = cutString(e.DiffContent, limit)
	return &c
}

// cutString never splits a character.
func cutString(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
