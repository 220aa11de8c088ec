package audit

import (
	"errors"
	"fmt"

	"vigil/wal"
)

// intentsCursor is the log's cursor up to which no intent is open and no gap record is in doubt.
const intentsCursor = "intents"

// scan is what recover finds in the part of the log that the last process may have left unfinished.
type scan struct {
	open     map[uint64][]byte // intents by sequence number
	told     []counted
	failedAt uint64
	found    counted          // events behind failedAt
	folds    map[uint64]*fold // that are not told, by the first event's sequence number
}

// recover reads the end of the log: open intents, and what of a gap is told or not missing after all.
func (t *Trail) recover() error {
	state, _ := t.gap.snapshot()
	s := scan{open: make(map[uint64][]byte), failedAt: state.failedAt, folds: make(map[uint64]*fold)}
	if err := t.scan(&s); err != nil {
		return err
	}
	t.restoreFolds(s.folds)
	var fate []uint64 // intents of requests that were counted as missing
	if s.failedAt != 0 {
		for seq := range s.open {
			if seq >= s.failedAt {
				fate = append(fate, seq)
			}
		}
	}
	if !state.empty() || len(s.told) > 0 || len(fate) > 0 {
		t.gap.repair(s.told, s.found, fate)
	}
	state, _ = t.gap.snapshot()
	for _, seq := range state.closes {
		delete(s.open, seq)
	}
	for seq, doc := range s.open {
		in, err := decodeIntent(doc, seq)
		if err != nil {
			return err
		}
		t.intents.found(in)
	}
	return nil
}

func (t *Trail) scan(s *scan) error {
	after, err := t.log.Cursor(intentsCursor)
	if err != nil {
		return fmt.Errorf("find open intents: %w", err)
	}
	if err := t.each(after, s.add); err != nil {
		return fmt.Errorf("find open intents: %w", err)
	}
	return nil
}

// each gives add what the log holds behind after.
func (t *Trail) each(after uint64, add func(wal.Entry) error) error {
	for {
		entries, err := t.log.Read(after, 0, 0)
		if released, ok := errors.AsType[*wal.TruncatedError](err); ok {
			after = released.First - 1
			continue
		}
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return nil
		}
		for _, e := range entries {
			if err := add(e); err != nil {
				return fmt.Errorf("entry %d: %w", e.Seq, err)
			}
			after = e.Seq
		}
	}
}

func (s *scan) add(e wal.Entry) error {
	d, err := decodeEntry(e.Payload)
	if err != nil {
		return err
	}
	switch d.kind {
	case kindIntent:
		s.open[e.Seq] = d.doc
	case kindClose:
		delete(s.open, d.intent)
	case kindGap:
		s.told = append(s.told, d.gap)
	case kindSkip: // never counted as missing
	case kindFold:
		delete(s.folds, d.first)
	case kindEvent, kindRepeat:
		if d.kind == kindRepeat {
			s.repeat(d)
		}
		if s.failedAt != 0 && e.Seq >= s.failedAt {
			s.found.events++
			if d.flags&flagRequest != 0 {
				s.found.requests++
			}
		}
	}
	return nil
}

func (s *scan) repeat(d stored) {
	f := s.folds[d.first]
	if f == nil {
		f = &fold{category: d.category, first: d.first, after: d.first - 1}
		s.folds[d.first] = f
	}
	f.add(d.time)
}
