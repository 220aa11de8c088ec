package security

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"vigil/cluster"
	"vigil/rest"
)

// Limits on the configuration as a whole.
const (
	maxEntities = 20_000
	maxDocument = 16 << 20
	maxName     = 512
)

// document is one type of configuration as it is stored, and what a conditional write must name.
type document struct {
	typ    string
	all    entities
	raw    json.RawMessage
	stored *cluster.Doc // nil if there is none yet
}

// read gets a document. One that is not there is empty.
func (a *API) read(ctx context.Context, typ string) (*document, error) {
	d, err := a.o.Client.Get(ctx, a.o.Index, typ)
	if errors.Is(err, cluster.ErrNotFound) {
		return &document{typ: typ, all: entities{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", typ, err)
	}
	all, err := parseSource(typ, d.Source)
	if err != nil {
		return nil, err
	}
	rest.EffectsFrom(ctx).ReadSection(told(typ, d.Source))
	return &document{typ: typ, all: all, raw: d.Source, stored: &d}, nil
}

// told is a document as events tell it: its entities with the _meta among them, which is what OpenSearch stores. See
// compat/scenarios/audit v12 and v11.
func told(typ string, source json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(source, &members); err != nil || len(members[typ]) < 2 || members["_meta"] == nil {
		return source
	}
	out := append([]byte(`{"_meta":`), members["_meta"]...)
	if entities := members[typ][1:]; len(entities) > 1 {
		return append(append(out, ','), entities...)
	}
	return append(out, '}')
}

// parseSource takes the entities out of {"<type>":{…},"_meta":…}.
func parseSource(typ string, source json.RawMessage) (entities, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(source, &members); err != nil {
		return nil, fmt.Errorf("document %s: %w", typ, err)
	}
	v, err := decodeAny(members[typ])
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", typ, err)
	}
	all, err := convert[entities](v)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", typ, err)
	}
	if all == nil {
		all = entities{}
	}
	return all, nil
}

func source(typ string, all any) (json.RawMessage, error) {
	meta := map[string]any{"type": typ, "config_version": 2}
	return encode(map[string]any{typ: all, "_meta": meta})
}

// write stores the document if nobody else has changed it since it was read, tells the gateway, and has the change take
// effect. It returns when the next request is judged by it.
func (a *API) write(ctx context.Context, d *document) error {
	if len(d.all) > maxEntities {
		return refuse(http.StatusBadRequest, "There may be at most %d of them", maxEntities)
	}
	src, err := source(d.typ, d.all)
	if err != nil {
		return err
	}
	if len(src) > maxDocument {
		return refuse(http.StatusRequestEntityTooLarge, "All of them together are longer than %d bytes", maxDocument)
	}
	o := cluster.IndexOptions{OpType: "create"}
	if d.stored != nil {
		o = cluster.IndexOptions{IfSeqNo: &d.stored.SeqNo, IfPrimaryTerm: &d.stored.PrimaryTerm}
	} else if err := ensureIndex(ctx, a.o.Client, a.o.Index); err != nil {
		return err
	}
	res, err := a.o.Client.Index(ctx, a.o.Index, d.typ, src, o)
	if err != nil {
		return fmt.Errorf("writing %s: %w", d.typ, err)
	}
	a.tell(ctx, d, res, src)
	if err := a.o.Changed(ctx); err != nil {
		e := refuse(http.StatusInternalServerError, "Error the change is stored but not yet in force")
		e.cause = fmt.Errorf("reloading after a change of %s: %w", d.typ, err)
		return e
	}
	return nil
}

// ensureIndex creates the security index if it is not there.
func ensureIndex(ctx context.Context, client *cluster.Client, index string) error {
	body := map[string]any{
		"settings": map[string]any{"index": map[string]any{"number_of_shards": 1, "auto_expand_replicas": "0-all"}},
		// Nothing searches by field; dynamic mappings would make a field of every user's name.
		"mappings": map[string]any{"dynamic": false},
	}
	if err := client.EnsureIndex(ctx, index, body); err != nil {
		return fmt.Errorf("security index: %w", err)
	}
	return nil
}

// tell reports the write to whoever audits the request. Changing an entity, and adding or deleting one, updates the document.
func (a *API) tell(ctx context.Context, d *document, res cluster.IndexResult, src json.RawMessage) {
	fx := rest.EffectsFrom(ctx)
	w := rest.Write{Index: a.o.Index, ID: d.typ, Operation: rest.OpUpdate, Version: res.Version, After: told(d.typ, src)}
	if d.stored == nil {
		w.Operation = rest.OpCreate
	}
	if fx.Wants(a.o.Index).Before {
		w.Before = told(d.typ, d.raw)
	}
	fx.Wrote(w)
}

// lock makes read-modify-write exclusive in this process; between processes the conditional write decides.
func (a *API) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case a.changing <- struct{}{}:
		return func() { <-a.changing }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
