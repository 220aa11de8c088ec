package engine

import (
	"encoding/json"
	"net/http"

	"vigil/engine/query"
	"vigil/rest"
)

// mgetDoc is one document of a mget.
type mgetDoc struct {
	Index, ID, Routing string
	filter             *query.SourceFilter
}

func (q *request) mgetDocs() ([]mgetDoc, error) {
	n, err := query.ParseJSON(q.body)
	if err != nil {
		return nil, err
	}
	if n.Kind != query.Object {
		return nil, rest.Errorf(http.StatusBadRequest, "parse_exception", "unexpected token [%s], expected [START_OBJECT]", n.Token())
	}
	def := mgetDoc{Index: q.call.Vars["index"], Routing: q.str("routing", "")}
	if def.filter, err = sourceFilter(q.sourceParams()); err != nil {
		return nil, err
	}
	var out []mgetDoc
	for i, key := range n.Keys {
		v := n.Items[i]
		if v.Kind != query.Array || key != "docs" && key != "ids" {
			return nil, rest.Errorf(http.StatusBadRequest, "parsing_exception", "unknown key [%s] for a %s, expected [docs] or [ids]", key, v.Token())
		}
		for _, it := range v.Items {
			d := def
			if key == "ids" {
				d.ID, err = it.Text()
			} else {
				err = d.read(it)
			}
			if err != nil {
				return nil, err
			}
			if d.Index == "" {
				return nil, validation("index is missing for doc " + itoa(len(out)))
			}
			if d.ID == "" {
				return nil, validation("id is missing for doc " + itoa(len(out)))
			}
			out = append(out, d)
		}
	}
	return out, nil
}

func (d *mgetDoc) read(n *query.Node) error {
	if n.Kind != query.Object {
		return badRequest("docs array element should include an object")
	}
	for i, key := range n.Keys {
		v := n.Items[i]
		var err error
		switch key {
		case "_index":
			d.Index, err = v.Text()
		case "_id":
			d.ID, err = v.Text()
		case "routing", "_routing":
			d.Routing, err = v.Text()
		case "_source":
			d.filter, err = sourceFilter(json.RawMessage(v.JSON()))
		default:
			line, col := v.Pos()
			err = &query.Error{Type: "parsing_exception", Reason: "unknown key [" + key + "] for a " + v.Token() + ", expected [_index], [_id], [routing] or [_source]", Line: line, Column: col}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
