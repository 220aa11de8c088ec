package rest

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"
	"unicode/utf16"
)

// PITShard is a part of a point in time: the documents of one shard as one node keeps them.
type PITShard struct {
	Index, UUID string
	Shard       int
	// Node is the node's id, Session the secret of the process that keeps the documents, Context their number in it.
	Node, Session string
	Context       int64
}

// pitVersion is how OpenSearch 2.19.4 begins an id.
const pitVersion = 136408227

// EncodePIT returns the id of a point in time in the form of OpenSearch 2.19: whoever holds it knows which indices it is of.
// See compat/scenarios/audit/10b-matrix-all.json, pit-open.
func EncodePIT(shards []PITShard) string {
	b := binary.AppendUvarint(nil, pitVersion)
	b = binary.AppendUvarint(b, uint64(len(shards)))
	uuids := []string{}
	for _, s := range shards {
		b = appendJava(appendJava(b, s.Index), s.UUID)
		b = binary.AppendUvarint(b, uint64(s.Shard))
		b = append(appendJava(b, s.Node), 0) // no cluster beside this one
		b = binary.BigEndian.AppendUint64(b, uint64(s.Context))
		b = appendJava(b, s.Session)
		if len(uuids) == 0 || uuids[len(uuids)-1] != s.UUID {
			uuids = append(uuids, s.UUID)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(uuids)))
	for _, uuid := range uuids {
		b = append(appendJava(b, uuid), 0, 0) // no aliases, no filter
	}
	return base64.URLEncoding.EncodeToString(b)
}

// DecodePIT reads the parts of a point in time from its id. Filters of aliases are not read.
func DecodePIT(id string) ([]PITShard, error) {
	b, err := base64.URLEncoding.DecodeString(id)
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Type: "illegal_argument_exception", Reason: "invalid id: [" + id + "]", Cause: err}
	}
	d := pitDecoder{b: b}
	d.uvarint() // version
	n := d.uvarint()
	var out []PITShard
	for i := uint64(0); i < n && !d.bad; i++ {
		s := PITShard{Index: d.java(), UUID: d.java(), Shard: int(d.uvarint()), Node: d.java()} //nolint:gosec // a wrong number is found nowhere
		if d.byte() == 1 {
			d.java() // the cluster's alias
		}
		s.Context, s.Session = int64(d.uint64()), d.java() //nolint:gosec // the bits are the number's
		out = append(out, s)
	}
	if d.bad {
		return nil, &Error{Status: http.StatusBadRequest, Type: "illegal_argument_exception", Reason: "invalid id: [" + id + "]"}
	}
	return out, nil
}

// PITIndices returns the indices that points in time are of, each once, in their order.
func PITIndices(ids ...string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for _, id := range ids {
		shards, err := DecodePIT(id)
		if err != nil {
			return nil, err
		}
		for _, s := range shards {
			if !seen[s.Index] {
				seen[s.Index] = true
				names = append(names, s.Index)
			}
		}
	}
	return names, nil
}

// appendJava appends a string as Java streams do: the number of its UTF-16 units, and each as a character of UTF-8.
func appendJava(b []byte, s string) []byte {
	units := utf16.Encode([]rune(s))
	b = binary.AppendUvarint(b, uint64(len(units)))
	for _, u := range units {
		switch {
		case u < 0x80:
			b = append(b, byte(u))
		case u < 0x800:
			b = append(b, 0xc0|byte(u>>6), 0x80|byte(u&0x3f))
		default:
			b = append(b, 0xe0|byte(u>>12), 0x80|byte(u>>6&0x3f), 0x80|byte(u&0x3f))
		}
	}
	return b
}

// pitDecoder reads from the front of b. Once something is missing everything reads as nothing.
type pitDecoder struct {
	b   []byte
	bad bool
}

func (d *pitDecoder) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad, d.b = true, nil
		return make([]byte, n)
	}
	head := d.b[:n]
	d.b = d.b[n:]
	return head
}

func (d *pitDecoder) byte() byte     { return d.take(1)[0] }
func (d *pitDecoder) uint64() uint64 { return binary.BigEndian.Uint64(d.take(8)) }

func (d *pitDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *pitDecoder) java() string {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return ""
	}
	units := make([]uint16, 0, n)
	for range n {
		c := uint16(d.byte())
		switch {
		case c >= 0xe0:
			two := d.take(2)
			c = c<<12 | uint16(two[0]&0x3f)<<6 | uint16(two[1]&0x3f)
		case c >= 0xc0:
			c = c&0x1f<<6 | uint16(d.byte()&0x3f)
		}
		units = append(units, c)
	}
	var s strings.Builder
	for _, r := range utf16.Decode(units) {
		s.WriteRune(r)
	}
	return s.String()
}
