package audit

import (
	"encoding/json"
	"slices"
	"strings"
)

// DescribeRead puts into a read event what was shown of the document: the names of the watched fields, or, unless only
// metadata is wanted, their values as strings.
func (p *Policy) DescribeRead(e *Event, shown map[string]string) {
	names := make([]string, 0, len(shown))
	for name := range shown {
		names = append(names, name)
	}
	slices.Sort(names)
	w := []byte{'{'}
	if p.ReadMetadataOnly() {
		w = append(w, `"field_names":[`...)
		for i, name := range names {
			if i > 0 {
				w = append(w, ',')
			}
			w = appendString(w, name)
		}
		w = append(w, ']')
	} else {
		for i, name := range names {
			if i > 0 {
				w = append(w, ',')
			}
			w = append(appendString(w, name), ':')
			w = appendString(w, shown[name])
		}
	}
	p.setBody(e, string(append(w, '}')))
}

// DescribeConfigRead puts into the event of a configuration read which section was read, or, unless only metadata is
// wanted, what the answer said.
func (p *Policy) DescribeConfigRead(e *Event, section string, answer []byte) {
	if p.ReadMetadataOnly() {
		p.setBody(e, `{"field_names":["`+section+`"]}`)
		return
	}
	p.setBody(e, strings.TrimSpace(string(answer)))
}

// DescribeWrite puts into a write event what became of the document: nothing if only metadata is wanted, the difference to
// the document before, or the whole new document. Deletes say nothing more, as in OpenSearch 2.19.
func (p *Policy) DescribeWrite(e *Event, before, after json.RawMessage) {
	if p.WriteMetadataOnly() || after == nil {
		return
	}
	if !p.WriteDiffs() {
		p.setBody(e, string(after))
		return
	}
	diff, err := Diff(before, after)
	if err != nil {
		// Without a readable document before, the new one is all that can be told; it was parsed when it was stored.
		p.setBody(e, string(after))
		return
	}
	noop := diff == ""
	e.DiffIsNoop = &noop
	e.DiffContent = diff
	if e.DocID == internalUsers {
		e.DiffContent = RedactHashes(diff)
	}
}

// setBody sets the body, without the password hashes that the users' document is full of.
func (p *Policy) setBody(e *Event, body string) {
	if e.DocID == internalUsers {
		body = RedactHashes(body)
	}
	e.Body = &body
}

const internalUsers = "internalusers"

// WatchesAnyRead reports whether some index is watched when a user reads. It is for answers of which it is not known
// beforehand what indices they show.
func (p *Policy) WatchesAnyRead(user string) bool {
	if p.readsConfig(user) {
		return true
	}
	c := &p.config.Compliance
	return p.config.Enabled && c.Enabled && len(p.watchedReads) > 0 && !p.readIgnoreUsers.matchKnown(user)
}
