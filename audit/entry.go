package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// What an entry of the log holds, integers big-endian. These bytes stay readable for ever: what changes gets a new version.
//
//	version u8 = 1, kind u8, and by kind
//	event:  flags u8, time i64 (Unix milliseconds), n u8, category [n]byte, document
//	gap:    as event, but between category and document: generation u64, events u64, requests u64
//	intent: the intent as a JSON object
//	close:  the sequence number of the intent u64
//	skip:   as event
//	repeat: as event, but instead of the document: the sequence number of the event that it repeats u64
//	fold:   as event, but between category and document: the sequence number of the event whose repeats it tells of u64
const entryVersion = 1

type entryKind uint8

const (
	kindEvent entryKind = iota + 1
	kindIntent
	kindClose
	kindGap
	kindSkip
	kindRepeat
	kindFold
)

// flagRequest marks the first event of an append that begins a request, so that requests can be counted.
const flagRequest = 1

// stored is a decoded entry. Its slices belong to the log.
type stored struct {
	kind     entryKind
	flags    byte
	time     time.Time
	category Category
	doc      []byte // of events and gaps; of intents the JSON object
	intent   uint64 // of a close
	first    uint64 // of a repeat and a fold
	gap      counted
}

// counted is what a gap record covers.
type counted struct {
	generation, events, requests uint64
}

func appendEventHeader(b []byte, kind entryKind, flags byte, at time.Time, c Category) []byte {
	b = append(b, entryVersion, byte(kind), flags)
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	return append(append(b, byte(len(c))), c...)
}

func appendClose(b []byte, intent uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, entryVersion, byte(kindClose)), intent)
}

var errEntry = errors.New("not an entry of an audit log")

func decodeEntry(b []byte) (stored, error) {
	if len(b) < 2 {
		return stored{}, errEntry
	}
	if b[0] != entryVersion {
		return stored{}, fmt.Errorf("entry has format version %d, which is newer than this program", b[0])
	}
	s := stored{kind: entryKind(b[1])}
	b = b[2:]
	switch s.kind {
	case kindIntent:
		s.doc = b
		return s, nil
	case kindClose:
		if len(b) != 8 {
			return stored{}, errEntry
		}
		s.intent = binary.BigEndian.Uint64(b)
		return s, nil
	case kindEvent, kindGap, kindSkip, kindRepeat, kindFold:
		return decodeEvent(s, b)
	default:
		return stored{}, fmt.Errorf("entry has the unknown kind %d", s.kind)
	}
}

func decodeEvent(s stored, b []byte) (stored, error) {
	const fixed = 1 + 8 + 1
	if len(b) < fixed || len(b) < fixed+int(b[fixed-1]) {
		return stored{}, errEntry
	}
	s.flags = b[0]
	s.time = time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))).UTC()
	n := fixed + int(b[fixed-1])
	s.category = Category(b[fixed:n])
	b = b[n:]
	if s.kind == kindRepeat || s.kind == kindFold {
		if len(b) < 8 || s.kind == kindRepeat && len(b) > 8 {
			return stored{}, errEntry
		}
		s.first = binary.BigEndian.Uint64(b)
		b = b[8:]
	}
	if s.kind == kindGap {
		if len(b) < 24 {
			return stored{}, errEntry
		}
		s.gap = counted{
			generation: binary.BigEndian.Uint64(b), events: binary.BigEndian.Uint64(b[8:]), requests: binary.BigEndian.Uint64(b[16:]),
		}
		b = b[24:]
	}
	s.doc = b
	return s, nil
}
