// Package sink takes audit events to where they are looked at, one file per kind of place.
//
// A sink only delivers: which events there are and what they say was decided before, and no sink waits, retries or keeps
// count; [audit.Trail] does that. Start reading at [audit.Sink] and [Index].
package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigil/audit"
	"vigil/cluster"
)

// Cluster is where events are indexed. [cluster.Client] is one.
type Cluster interface {
	Bulk(ctx context.Context, ops []cluster.BulkOp) ([]cluster.BulkResult, error)
	EnsureIndex(ctx context.Context, name string, body any) error
	PutIndexTemplate(ctx context.Context, name string, body any) error
	EnsureDataStream(ctx context.Context, name string) error
	Targets(ctx context.Context, name string) ([]string, error)
	Refresh(ctx context.Context, indices ...string) error
	Search(ctx context.Context, indices []string, body any) (cluster.SearchResult, error)
}

// IndexOptions says where events are indexed. Cluster and Index are required.
type IndexOptions struct {
	// Name is the sink's; "index" by default.
	Name    string
	Cluster Cluster
	Index   *IndexName
	// Timeout ends an attempt to deliver a batch; 0 means no bound.
	Timeout time.Duration
	// Close, if there is one, is called when the sink is closed.
	Close func()
	// OnDelivered is told of entries that an index holds now, in batches, in order; of some more than once.
	OnDelivered func(index string, entries []audit.Entry)
}

// Index writes events into indices named after the events' own times, or into a data stream. It creates documents under the
// entries' ids, so what comes twice is there once. Where a rollover may have put another index behind the name meanwhile, it
// looks for what may have come before: see series.go.
type Index struct {
	o         IndexOptions
	templated bool
	// own is the last name that was found not to be somebody's alias, and series whether there is more than one index behind it.
	own    string
	series bool
}

// NewIndex returns the sink. It talks to the cluster when the first events come.
func NewIndex(o IndexOptions) (*Index, error) {
	if o.Cluster == nil || o.Index == nil {
		return nil, errors.New("index sink: no cluster or no index name")
	}
	if o.Name == "" {
		o.Name = "index"
	}
	if o.OnDelivered == nil {
		o.OnDelivered = func(string, []audit.Entry) {}
	}
	return &Index{o: o}, nil
}

// Name implements [audit.Sink].
func (s *Index) Name() string { return s.o.Name }

// Close implements [audit.Sink].
func (s *Index) Close() error {
	if s.o.Close != nil {
		s.o.Close()
	}
	return nil
}

// Write indexes a batch. The template comes first, because an index that was made without it would keep its mapping.
func (s *Index) Write(ctx context.Context, batch []audit.Entry) error {
	if s.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.o.Timeout)
		defer cancel()
	}
	if !s.templated {
		name, body := Template(s.o.Index)
		if err := s.o.Cluster.PutIndexTemplate(ctx, name, body); err != nil {
			return fmt.Errorf("store audit index template: %w", err)
		}
		s.templated = true
	}
	var lookups []audit.Entry
	for _, e := range batch {
		if err := s.check(ctx, s.o.Index.Format(e.Time)); err != nil {
			return err
		}
		if s.series && e.Again {
			lookups = append(lookups, e)
		}
	}
	there, err := s.find(ctx, lookups)
	if err != nil {
		return fmt.Errorf("look for events that may be indexed already: %w", err)
	}
	s.tell(there)
	rejected, err := s.write(ctx, without(batch, there))
	if err != nil {
		return fmt.Errorf("index audit events: %w", err)
	}
	if len(rejected) > 0 {
		return &audit.RejectedError{Rejections: rejected}
	}
	return nil
}

// check holds the events whose index name is an alias that leads elsewhere. Once the index is there, no alias can have its
// name, so a name is asked about once.
func (s *Index) check(ctx context.Context, name string) error {
	if name == s.own {
		return nil
	}
	if s.o.Index.stream {
		s.own, s.series = name, true
		return nil
	}
	targets, err := s.o.Cluster.Targets(ctx, name)
	if err != nil {
		return fmt.Errorf("index audit events: %w", err)
	}
	for _, target := range targets {
		if !s.belongs(target, name) {
			return fmt.Errorf("index audit events: the name %s is an alias of %s: remove the alias", name, target)
		}
	}
	s.own, s.series = name, len(targets) > 0 && !slices.Contains(targets, name)
	return nil
}

// belongs reports whether a concrete index is where events of that name are to be: it has the name, or is one of a series that
// a rollover makes, the name with a number behind it, or is behind the data stream.
func (s *Index) belongs(index, name string) bool {
	if s.o.Index.stream {
		return s.o.Index.Match(index)
	}
	number, cut := strings.CutPrefix(index, name+"-")
	return index == name || cut && number != "" && strings.Trim(number, "0123456789") == ""
}

// write sends a batch in one request, or in two halves if the cluster does not take it as one.
func (s *Index) write(ctx context.Context, batch []audit.Entry) ([]audit.Rejection, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	results, err := s.o.Cluster.Bulk(ctx, s.operations(batch))
	if e, ok := errors.AsType[*cluster.Error](err); ok && refusesWhole(e) {
		if len(batch) == 1 {
			return []audit.Rejection{{Entry: batch[0], Reason: e.Error()}}, nil
		}
		half := len(batch) / 2
		first, err := s.write(ctx, batch[:half])
		if err != nil {
			return nil, err
		}
		second, err := s.write(ctx, batch[half:])
		return append(first, second...), err
	}
	if err != nil {
		return nil, err
	}
	return s.judge(ctx, batch, results)
}

// refusesWhole tells a request that is too large, or in which one event spoils the others.
func refusesWhole(e *cluster.Error) bool {
	return e.Status == http.StatusRequestEntityTooLarge || e.Status == http.StatusBadRequest
}

func (s *Index) operations(batch []audit.Entry) []cluster.BulkOp {
	ops := make([]cluster.BulkOp, len(batch))
	for i, e := range batch {
		ops[i] = cluster.BulkOp{Op: "create", Index: s.o.Index.Format(e.Time), ID: e.ID, Source: e.Doc}
	}
	return ops
}

// judge tells what was delivered, offers what was rejected once more in other words, and returns what is hopeless. Its
// error means that something has to come again.
func (s *Index) judge(ctx context.Context, batch []audit.Entry, results []cluster.BulkResult) ([]audit.Rejection, error) {
	if len(results) != len(batch) {
		return nil, fmt.Errorf("%d results for %d events", len(results), len(batch))
	}
	var rejected []audit.Rejection
	var again error
	delivered := make([]audit.Entry, 0, len(batch))
	for i, r := range results {
		taken := r.Err == nil || r.Err.Status == http.StatusConflict
		switch name := s.o.Index.Format(batch[i].Time); {
		case taken && r.Index != "" && !s.belongs(r.Index, name):
			// Somebody made the alias after it was looked for.
			s.own = ""
			again = fmt.Errorf("events for %s were indexed into %s", name, r.Index)
		case taken:
			delivered = append(delivered, batch[i])
		case hopeless(r.Err):
			rejected = append(rejected, audit.Rejection{Entry: batch[i], Reason: r.Err.Error()})
		case r.Err.Type == "index_not_found_exception":
			// Indices are not created on the way here: the cluster has action.auto_create_index off.
			again = errors.Join(r.Err, s.ensure(ctx, name))
		default:
			again = r.Err
		}
	}
	rejected, rescued, err := s.rescue(ctx, rejected)
	s.tell(append(delivered, rescued...))
	return rejected, errors.Join(again, err)
}

func (s *Index) ensure(ctx context.Context, name string) error {
	if s.o.Index.stream {
		return s.o.Cluster.EnsureDataStream(ctx, name)
	}
	return s.o.Cluster.EnsureIndex(ctx, name, nil)
}

// hopeless tells a document that the index will never take from an index that takes none at the moment.
func hopeless(e *cluster.Error) bool {
	if e.Status != http.StatusBadRequest {
		return false
	}
	// The cluster has too many shards, or somebody closed the index or left an alias without an index to write to.
	return e.Type != "validation_exception" && e.Type != "index_closed_exception" &&
		!strings.HasPrefix(e.Reason, "no write index is defined")
}

// rescue offers rejected events with the names that clients chose rewritten, see [safeNames].
func (s *Index) rescue(ctx context.Context, rejected []audit.Rejection) (
	hopelessly []audit.Rejection, rescued []audit.Entry, err error,
) {
	var tried []audit.Rejection
	var ops []cluster.BulkOp
	for _, r := range rejected {
		doc, changed := safeNames(r.Entry.Doc)
		if !changed {
			hopelessly = append(hopelessly, r)
			continue
		}
		tried = append(tried, r)
		ops = append(ops, cluster.BulkOp{
			Op: "create", Index: s.o.Index.Format(r.Entry.Time), ID: r.Entry.ID, Source: doc,
		})
	}
	if len(tried) == 0 {
		return hopelessly, nil, nil
	}
	results, err := s.o.Cluster.Bulk(ctx, ops)
	if err != nil {
		return nil, nil, err
	}
	for i, r := range results {
		switch {
		case r.Err == nil || r.Err.Status == http.StatusConflict:
			rescued = append(rescued, tried[i].Entry)
		case hopeless(r.Err):
			hopelessly = append(hopelessly, tried[i])
		default:
			err = r.Err
		}
	}
	return hopelessly, rescued, err
}

// tell groups entries by index; consecutive ones nearly always share it.
func (s *Index) tell(delivered []audit.Entry) {
	slices.SortFunc(delivered, func(a, b audit.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	for len(delivered) > 0 {
		index := s.o.Index.Format(delivered[0].Time)
		n := 1
		for n < len(delivered) && s.o.Index.Format(delivered[n].Time) == index {
			n++
		}
		s.o.OnDelivered(index, delivered[:n:n])
		delivered = delivered[n:]
	}
}
