package audit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// DescribeRead puts into a read event what was shown of the document: the names of the watched fields, or, unless only
// metadata is wanted, their values as strings.
func (p *Policy) DescribeRead(e *Event, shown map[string]string) {
	w := []byte{'{'}
	if p.ReadMetadataOnly() {
		w = appendNames(w, "field_names", slices.Sorted(maps.Keys(shown)))
	} else {
		w = appendValues(w, shown)
	}
	p.setBody(e, string(append(w, '}')))
}

// DerivedRead is what an answer showed of watched fields in other ways than as fields of one document.
type DerivedRead struct {
	// Fields are the names of the watched fields, as the request or the answer writes them. What a script read is not known,
	// so it names the patterns of all that is watched.
	Fields []string
	// Shown are the values of fields of one document, if the answer belongs to one.
	Shown map[string]string
	// Script is the text of the script that read the fields, cut if it is long, or why it is not known what read them.
	Script string
	// Aggregations and Suggestions are the names of those that tell of the fields; one below another is named "outer>inner".
	Aggregations, Suggestions []string
	// ToldBy is "explanation", "profile" or "error" if such a text told of the fields. What it told is not known, so Fields
	// names all that is watched.
	ToldBy string
}

// DescribeDerivedRead puts into a read event the names of the fields and what showed them. Values are told only of a document,
// and only if more than metadata is wanted.
func (p *Policy) DescribeDerivedRead(e *Event, d DerivedRead) {
	names := slices.Clone(d.Fields)
	for name := range d.Shown {
		names = append(names, name)
	}
	slices.Sort(names)
	w := appendNames([]byte{'{'}, "field_names", slices.Compact(names))
	if d.Script != "" {
		w = appendString(append(w, `,"script":`...), d.Script)
	}
	if len(d.Aggregations) > 0 {
		w = appendNames(append(w, ','), "aggregations", d.Aggregations)
	}
	if len(d.Suggestions) > 0 {
		w = appendNames(append(w, ','), "suggestions", d.Suggestions)
	}
	if d.ToldBy != "" {
		w = appendString(append(w, `,"told_by":`...), d.ToldBy)
	}
	if len(d.Shown) > 0 && !p.ReadMetadataOnly() {
		w = append(appendValues(append(w, `,"fields":{`...), d.Shown), '}')
	}
	p.setBody(e, string(append(w, '}')))
}

// appendNames appends a member that is a list of names.
func appendNames(w []byte, member string, names []string) []byte {
	w = append(appendString(w, member), ":["...)
	for i, name := range names {
		if i > 0 {
			w = append(w, ',')
		}
		w = appendString(w, name)
	}
	return append(w, ']')
}

// appendValues appends the members of an object in the order of their names.
func appendValues(w []byte, values map[string]string) []byte {
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			w = append(w, ',')
		}
		w = append(appendString(w, name), ':')
		w = appendString(w, values[name])
	}
	return w
}

// Names returns the patterns of the fields that are watched as the configuration writes them, sorted.
func (w *FieldWatch) Names() []string {
	if w.all {
		return []string{"*"}
	}
	var names []string
	for _, f := range w.fields {
		names = append(names, f.list()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Literals returns the names among those of [FieldWatch.Names] that stand for themselves.
func (w *FieldWatch) Literals() []string {
	var names []string
	for _, f := range w.fields {
		names = slices.AppendSeq(names, maps.Keys(f.literal))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// list returns the elements of the list that was compiled, blank ones left out.
func (p *Patterns) list() []string {
	var list []string
	if p.any {
		list = append(list, "*")
	}
	list = slices.AppendSeq(list, maps.Keys(p.literal))
	list = append(list, p.globs...)
	for _, re := range p.regexps {
		list = append(list, "/"+strings.TrimSuffix(strings.TrimPrefix(re.String(), `\A(?:`), `)\z`)+"/")
	}
	return list
}

// DescribeConfigRead puts into the event of a configuration read which section was read and, unless only metadata is wanted,
// the section as text. It tells the whole section whatever part of it was answered, as OpenSearch 2.19 does.
func (p *Policy) DescribeConfigRead(e *Event, section string, stored json.RawMessage) {
	if p.ReadMetadataOnly() {
		p.setBody(e, `{"field_names":["`+section+`"]}`)
		return
	}
	w := append(appendString([]byte{'{'}, section), ':')
	p.setBody(e, string(append(appendString(w, string(stored)), '}')))
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
	p.DescribeChange(e, before, after)
}

// DescribeChange puts into a write event the difference to the document before, whatever the configuration says: in the
// extended format a change of users, roles or the audit configuration always tells what it changed.
func (p *Policy) DescribeChange(e *Event, before, after json.RawMessage) {
	diff, err := Diff(before, after)
	if err != nil {
		// Without a readable document before, the new one is all that can be told; it was parsed when it was stored.
		p.setBody(e, string(after))
		return
	}
	noop := diff == ""
	e.DiffIsNoop = &noop
	e.DiffContent = describedDocument(e, diff)
}

// setBody sets the body, without credentials.
func (p *Policy) setBody(e *Event, body string) {
	body = describedDocument(e, body)
	e.Body = &body
}

// describedDocument is what an event may say of its document.
func describedDocument(e *Event, text string) string {
	for _, index := range e.Resolved {
		text = RedactDocument(index, e.DocID, text)
	}
	if e.DocID == internalUsers {
		text = RedactHashes(text)
	}
	return text
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
