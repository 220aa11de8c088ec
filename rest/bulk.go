package rest

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strconv"

	"github.com/valyala/fastjson"
)

// maxIDBytes bounds the id of a document, as in OpenSearch.
const maxIDBytes = 512

// BulkItem is one operation of a bulk as the client wrote it.
type BulkItem struct {
	// Op is "index", "create", "update" or "delete". An index with op_type create is a create.
	Op    string
	Index string
	// ID is empty if the cluster is to choose one.
	ID            string
	Routing       string
	IfSeqNo       *int64
	IfPrimaryTerm *int64
	Version       *int64
	// VersionType is "internal", "external", "external_gte", or empty.
	VersionType     string
	Pipeline        string
	RequireAlias    bool
	RetryOnConflict int
	// SourceFilter is the _source of an update's action line: what its answer returns.
	SourceFilter json.RawMessage
	// Source is the line after the action line, unparsed: a document, or the body of an update. Nil for a delete.
	// It is a part of the bulk's body.
	Source json.RawMessage
	// Line is the number of the action line, counting from 1.
	Line int
}

// Bulk reads the body of a bulk. Items without an index have the default one. Sources are neither copied nor parsed.
//
// An error, always an [Error] in OpenSearch's words, refuses the whole request and ends the iteration; it may come after
// items. So nothing may be executed before the iteration has ended without one.
func Bulk(body []byte, defaultIndex string) iter.Seq2[BulkItem, error] {
	return func(yield func(BulkItem, error) bool) {
		if len(body) == 0 {
			yield(BulkItem{}, bodyRequired("request body is required"))
			return
		}
		p := bulkParser{
			lines:        lines{rest: body, unterminated: `The bulk request must be terminated by a newline [\n]`},
			defaultIndex: defaultIndex,
		}
		n := 0
		for {
			item, ok, err := p.next()
			if err != nil {
				yield(BulkItem{}, err)
				return
			}
			if !ok {
				break
			}
			n++
			p.complaints = append(p.complaints, item.complaints()...)
			// After a complaint nothing will be executed; what counts is the list of all of them.
			if len(p.complaints) == 0 && !yield(item, nil) {
				return
			}
		}
		if n == 0 {
			p.complaints = []string{"no requests added"}
		}
		if len(p.complaints) > 0 {
			yield(BulkItem{}, validationFailed(p.complaints))
		}
	}
}

func bodyRequired(reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Type: "parse_exception", Reason: reason}
}

type bulkParser struct {
	lines
	json         fastjson.Parser
	defaultIndex string
	complaints   []string
}

// next returns the next operation, or false after the last one.
func (p *bulkParser) next() (BulkItem, bool, error) {
	for {
		line, ok, err := p.lines.next()
		if !ok || err != nil {
			return BulkItem{}, false, err
		}
		action, err := p.parse(line)
		if err != nil {
			return BulkItem{}, false, err
		}
		if action == nil {
			continue
		}
		item, err := p.item(action)
		if err != nil {
			return BulkItem{}, false, err
		}
		if item.Op == "delete" {
			return item, true, nil
		}
		source, ok, err := p.lines.next()
		if err != nil {
			return BulkItem{}, false, err
		}
		if !ok {
			// OpenSearch drops an operation without its source silently. A truncated body should not look like a success.
			return BulkItem{}, false, illegalArgument(fmt.Sprintf(
				"Malformed action/metadata line [%d], expected a source line after it but found the end", item.Line))
		}
		item.Source = json.RawMessage(source)
		return item, true, nil
	}
}

// parse returns the object of an action line, or nil for a blank one.
func (p *bulkParser) parse(line []byte) (*fastjson.Object, error) {
	if blank(line) {
		return nil, nil
	}
	if len(line) > maxMetadataLine {
		return nil, p.malformed("it is longer than [%d] bytes", maxMetadataLine)
	}
	v, err := parseLine(&p.json, line)
	if err != nil {
		return nil, &Error{
			Status: http.StatusBadRequest, Type: "json_parse_exception",
			Reason: fmt.Sprintf("Malformed action/metadata line [%d], it is not JSON", p.line), Cause: err,
		}
	}
	o, err := v.Object()
	if err != nil {
		return nil, p.malformed("expected START_OBJECT but found [%s]", token(v))
	}
	return o, nil
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

func (p *bulkParser) malformed(format string, args ...any) *Error {
	return illegalArgument(fmt.Sprintf("Malformed action/metadata line [%d], ", p.line) + fmt.Sprintf(format, args...))
}

// item reads {"index":{…}}.
func (p *bulkParser) item(action *fastjson.Object) (BulkItem, error) {
	item := BulkItem{Index: p.defaultIndex, Line: p.line}
	if action.Len() == 0 {
		return item, p.malformed("expected FIELD_NAME but found [END_OBJECT]")
	}
	var err error
	n := 0
	action.Visit(func(key []byte, v *fastjson.Value) {
		if n++; n > 1 || err != nil {
			return
		}
		item.Op = string(key)
		switch item.Op {
		case "index", "create", "update", "delete":
		default:
			err = p.malformed("expected one of [create, delete, index, update] but found [%s]", item.Op)
			return
		}
		params, notObject := v.Object()
		if notObject != nil {
			err = p.malformed("expected START_OBJECT or END_OBJECT but found [%s]", token(v))
			return
		}
		err = p.params(&item, params)
	})
	switch {
	case err != nil:
		return item, err
	case n > 1:
		return item, p.malformed("expected END_OBJECT but found [FIELD_NAME]")
	case item.Op == "update" && (item.Version != nil || item.VersionType != "" && item.VersionType != "internal"):
		return item, illegalArgument("Update requests do not support versioning. " +
			"Please use `if_seq_no` and `if_primary_term` instead")
	}
	return item, nil
}

func (p *bulkParser) params(item *BulkItem, params *fastjson.Object) error {
	var err error
	seen := make(map[string]bool, 4)
	params.Visit(func(key []byte, v *fastjson.Value) {
		if err != nil {
			return
		}
		name := string(key)
		if seen[name] {
			err = p.malformed("duplicate field [%s]", name)
			return
		}
		seen[name] = true
		err = p.param(item, name, v)
	})
	return err
}

// param sets one parameter of an action line. Null leaves it out.
func (p *bulkParser) param(item *BulkItem, name string, v *fastjson.Value) error {
	kind := v.Type()
	if kind == fastjson.TypeNull {
		return nil
	}
	if kind == fastjson.TypeArray || kind == fastjson.TypeObject && name != "_source" {
		return p.malformed("expected a simple value for field [%s] but found [%s]", name, token(v))
	}
	var err error
	switch name {
	case "_index":
		item.Index = text(v)
	case "_id":
		if item.ID = text(v); item.ID == "" {
			err = illegalArgument("if _id is specified it must not be empty")
		}
	case "routing":
		item.Routing = text(v)
	case "op_type":
		err = p.opType(item, text(v))
	case "pipeline":
		item.Pipeline = text(v)
	case "_source":
		item.SourceFilter, err = rawJSON(v)
	case "require_alias":
		item.RequireAlias, err = boolean(v)
	case "version":
		item.Version, err = p.number(name, v)
	case "if_seq_no":
		item.IfSeqNo, err = p.number(name, v)
	case "if_primary_term":
		item.IfPrimaryTerm, err = p.number(name, v)
	case "version_type":
		item.VersionType, err = versionType(text(v))
	case "retry_on_conflict":
		var n *int64
		if n, err = p.number(name, v); err == nil {
			item.RetryOnConflict = int(min(*n, 1<<30))
		}
	default:
		err = illegalArgument(fmt.Sprintf("Action/metadata line [%d] contains an unknown parameter [%s]", p.line, name))
	}
	return err
}

func (p *bulkParser) opType(item *BulkItem, value string) error {
	switch {
	case item.Op == "index" && (value == "index" || value == "create"):
		item.Op = value
	case item.Op != "index" && value == item.Op:
	default:
		return p.malformed("op_type [%s] does not fit the action [%s]", value, item.Op)
	}
	return nil
}

// number reads whole numbers that are not negative, also as strings.
func (p *bulkParser) number(name string, v *fastjson.Value) (*int64, error) {
	n, err := strconv.ParseInt(text(v), 10, 64)
	if err != nil || n < 0 {
		return nil, p.malformed("[%s] is not a number for field [%s]", text(v), name)
	}
	return &n, nil
}

func versionType(s string) (string, error) {
	switch s {
	case "internal", "external", "external_gte":
		return s, nil
	case "external_gt":
		return "external", nil
	}
	return "", illegalArgument("No version type match [" + s + "]")
}

// complaints lists what OpenSearch's validation has against an item.
func (b *BulkItem) complaints() []string {
	var out []string
	if b.Index == "" {
		out = append(out, "index is missing")
	}
	if b.ID == "" && (b.Op == "delete" || b.Op == "update") {
		out = append(out, "id is missing")
	}
	versioned := b.Version != nil || b.VersionType != "" && b.VersionType != "internal"
	if b.Op == "create" {
		if versioned {
			out = append(out, "create operations only support internal versioning. use index instead")
		}
		if b.IfSeqNo != nil || b.IfPrimaryTerm != nil {
			out = append(out, "create operations do not support compare and set. use index instead")
		}
	}
	if b.Op == "index" && b.ID == "" && versioned {
		out = append(out, "an id must be provided if version type or value are set")
	}
	if b.IfSeqNo != nil && versioned {
		out = append(out, "compare and write operations can not use versioning")
	}
	if b.IfSeqNo != nil && b.IfPrimaryTerm == nil {
		out = append(out, "ifSeqNo is set, but primary term is [0]")
	}
	if b.IfSeqNo == nil && b.IfPrimaryTerm != nil {
		out = append(out, fmt.Sprintf("ifSeqNo is unassigned, but primary term is [%d]", *b.IfPrimaryTerm))
	}
	if len(b.ID) > maxIDBytes {
		out = append(out, fmt.Sprintf("id [%s] is too long, must be no longer than %d bytes but was: %d",
			b.ID, maxIDBytes, len(b.ID)))
	}
	return out
}
