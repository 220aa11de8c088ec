package engine

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"vigil/engine/query"
	"vigil/engine/segment"
	"vigil/rest"
)

const reindexParams = "refresh timeout wait_for_active_shards wait_for_completion requests_per_second scroll slices max_docs require_alias "

// reindexBody is the body of a reindex, read member by member so that what is not built is refused by name.
type reindexBody struct {
	source   []byte // the search
	from     []string
	dest     string
	opType   string
	version  string
	pipeline string
	routing  string
}

func (e *Engine) handleReindex(q *request) (*answer, error) {
	b, err := q.byQueryOptions("indices:data/write/reindex")
	if err != nil {
		return nil, err
	}
	r := &reindexBody{opType: "index", version: "internal", routing: "keep"}
	if err := r.read(q.body, b); err != nil {
		return nil, err
	}
	dest, err := rest.ExpandDateMath(r.dest, q.now)
	if err != nil {
		return nil, err
	}
	if slices.Contains(r.from, dest) {
		return nil, validation("reindex cannot write into an index its reading from [" + dest + "]")
	}
	if b.spec, err = q.sub(rest.SearchItem{}).searchSpec(r.from, r.source); err != nil {
		return nil, err
	}
	b.pipeline = r.pipeline
	source := b.spec.Source
	b.spec.Size, b.spec.From, b.spec.Timeout = -1, -1, 0 // the timeout is that of the writes
	b.body = b.shownSearch(true, false)
	b.read = func(d *segment.Doc) json.RawMessage { return filtered(source, d.Source) }
	b.make = func(_ string, d *segment.Doc) (*docOp, error) {
		op := &docOp{BulkItem: rest.BulkItem{Op: r.opType, Index: dest, ID: d.ID, Routing: d.Routing, VersionType: r.version}}
		if r.version == "external" || r.version == "external_gte" {
			op.Version = &d.Version
		}
		if r.routing == "discard" {
			op.Routing = ""
		}
		if op.Source = filtered(source, d.Source); op.Source == nil {
			op.Source = json.RawMessage("{}")
		}
		if b.script == nil {
			return op, nil
		}
		return e.scripted(q, b.script, op, d)
	}
	return e.runByQuery(q, b, func(*byQueryAnswer) {})
}

func (r *reindexBody) read(body []byte, b *byQuery) error {
	if len(body) == 0 {
		return rest.Errorf(http.StatusBadRequest, "parse_exception", "request body is required")
	}
	n, err := query.ParseJSON(body)
	if err != nil {
		return err
	}
	for i, key := range n.Keys {
		v := n.Items[i]
		switch key {
		case "source":
			err = r.readSource(v, b)
		case "dest":
			err = r.readDest(v)
		case "script":
			b.script, err = parseScript(v)
		case "conflicts":
			b.proceed = v.Raw == "proceed"
		case "max_docs", "size":
			b.max, err = v.Int()
		default:
			err = unknownField("reindex", key, v)
		}
		if err != nil {
			return err
		}
	}
	if len(r.from) == 0 {
		return validation("use _all if you really want to copy from all existing indexes")
	}
	if r.dest == "" {
		return validation("index must be specified")
	}
	return nil
}

func unknownField(parser, key string, v *query.Node) error {
	line, col := v.Pos()
	return rest.Errorf(http.StatusBadRequest, "x_content_parse_exception", "[%d:%d] [%s] unknown field [%s]", line, col, parser, key)
}

func (r *reindexBody) readSource(n *query.Node, b *byQuery) error {
	out := []byte{'{'}
	for i, key := range n.Keys {
		v := n.Items[i]
		var err error
		switch key {
		case "index":
			var list stringList
			if json.Unmarshal([]byte(v.JSON()), &list) != nil {
				return badRequest("[reindex] [index] must be a string or a list of strings")
			}
			r.from = list
		case "size":
			if b.batch, err = v.Int(); err == nil && (b.batch < 1 || b.batch > 10_000) {
				err = badRequest("[size] parameter must be positive and at most 10000, found [%d]", b.batch)
			}
		case "query", "_source", "sort":
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, strconv.Quote(key)+":"+v.JSON()...)
		default:
			err = unknownField("source", key, v)
		}
		if err != nil {
			return err
		}
	}
	r.source = append(out, '}')
	return nil
}

func (r *reindexBody) readDest(n *query.Node) error {
	for i, key := range n.Keys {
		v := n.Items[i]
		text, err := v.Text()
		if err != nil {
			return err
		}
		switch key {
		case "index":
			r.dest = text
		case "op_type":
			if text != "index" && text != "create" {
				return badRequest("opType must be 'create' or 'index', found: [%s]", text)
			}
			r.opType = text
		case "version_type":
			if text != "internal" && text != "external" && text != "external_gte" {
				return badRequest("No version type match [%s]", text)
			}
			r.version = text
		case "pipeline":
			r.pipeline = text
		case "routing":
			if text != "keep" && text != "discard" {
				return badRequest("[dest] [routing] [%s] is not supported", text)
			}
			r.routing = text
		default:
			return unknownField("dest", key, v)
		}
	}
	return nil
}
