package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The log's entries begin with a byte that says what follows. The same entries make up a snapshot.
const (
	entryMeta   = 1 // JSON: metaEntry
	entryIndex  = 2 // a document, see docEntry
	entryDelete = 3 // a delete, see docEntry
)

var errEntry = errors.New("entry cannot be read")

// metaEntry is a change of the metadata; all of it happens at once.
type metaEntry struct {
	Changes []change `json:"changes"`
}

// docEntry is an operation on a document as the log holds it: uuid, id and routing as length and bytes, the numbers as
// varints in the order of the struct, and the source as the rest.
type docEntry struct {
	uuid, id, routing        string
	shard                    int
	seq, term, version, time int64 // time in ms since the epoch
	source                   []byte
	deleted                  bool
}

func encodeMeta(changes []change) ([]byte, error) {
	b, err := json.Marshal(metaEntry{changes})
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return append([]byte{entryMeta}, b...), nil
}

// encode returns the entry. Its end is the source, of which it is a copy.
func (d *docEntry) encode() []byte {
	b := make([]byte, 0, 64+len(d.uuid)+len(d.id)+len(d.routing)+len(d.source))
	kind := byte(entryIndex)
	if d.deleted {
		kind = entryDelete
	}
	b = append(b, kind)
	for _, s := range []string{d.uuid, d.id, d.routing} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range []int64{int64(d.shard), d.seq, d.term, d.version, d.time} {
		b = binary.AppendVarint(b, n)
	}
	return append(b, d.source...)
}

// decodeDoc reads a docEntry. Its source is a part of b.
func decodeDoc(b []byte) (*docEntry, error) {
	if len(b) == 0 {
		return nil, errEntry
	}
	d := &docEntry{deleted: b[0] == entryDelete}
	b = b[1:]
	for _, s := range []*string{&d.uuid, &d.id, &d.routing} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, errEntry
		}
		*s = string(b[size : size+int(n)])
		b = b[size+int(n):]
	}
	var shard int64
	for _, p := range []*int64{&shard, &d.seq, &d.term, &d.version, &d.time} {
		n, size := binary.Varint(b)
		if size <= 0 {
			return nil, errEntry
		}
		*p = n
		b = b[size:]
	}
	if shard < 0 || d.seq < 0 {
		return nil, errEntry
	}
	d.shard, d.source = int(shard), b
	return d, nil
}

func (d *docEntry) at() time.Time { return time.UnixMilli(d.time) }
