package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"vigil/audit"
	"vigil/audit/sink"
	"vigil/cluster"
	"vigil/config"
)

// sinkParts are the sinks of one cluster beyond what the trail knows of them.
type sinkParts struct {
	names []*sink.IndexName // of the indices that events are in, wherever they are
	own   []*sink.IndexName // of those in the store
	files []*sink.File
}

// isAuditIndex reports whether an index holds events of ours.
func (s *Server) isAuditIndex(index string) bool {
	for _, n := range s.sinks.names {
		if n.Match(index) {
			return true
		}
	}
	return false
}

// openSinkNames parses what the configuration package cannot judge: index names and categories.
func (s *Server) openSinkNames(context.Context) error {
	var err error
	s.sinks.names, s.sinks.own, err = checkSinks(&s.cfg)
	return err
}

// checkSinks judges the sinks without opening any. It returns the names of the indices that events are in: all, and those of
// the store.
func checkSinks(cfg *config.Config) (names, own []*sink.IndexName, err error) {
	first, err := sink.ParseIndexName(cfg.Audit.Index)
	if err != nil {
		return nil, nil, fmt.Errorf("audit.index: %w", err)
	}
	if _, err := foldOf(cfg); err != nil {
		return nil, nil, err
	}
	names, own = []*sink.IndexName{first}, []*sink.IndexName{first}
	for _, c := range cfg.Audit.Sinks {
		if _, err := sinkCategories(c); err != nil {
			return nil, nil, err
		}
		if c.Type != "index" {
			continue
		}
		name, err := indexNameOf(cfg, c)
		if err != nil {
			return nil, nil, fmt.Errorf("audit.sinks.%s.index: %w", c.Name, err)
		}
		names = append(names, name)
		if !c.Cluster.On() {
			own = append(own, name)
		}
	}
	return names, own, nil
}

// indexNameOf is where an index sink's events go.
func indexNameOf(cfg *config.Config, c config.Sink) (*sink.IndexName, error) {
	switch {
	case c.DataStream:
		return sink.StreamName(c.Index)
	case c.Index == "":
		return sink.ParseIndexName(cfg.Audit.Index)
	}
	return sink.ParseIndexName(c.Index)
}

func sinkCategories(c config.Sink) ([]audit.Category, error) {
	return categoriesOf("audit.sinks."+c.Name+".categories", c.Categories)
}

// foldOf reads which repeats become one event.
func foldOf(cfg *config.Config) (audit.Fold, error) {
	categories, err := categoriesOf("audit.fold.categories", cfg.Audit.Fold.Categories)
	for _, c := range categories {
		if !c.Folds() {
			err = errors.Join(err, fmt.Errorf("audit.fold.categories: events of category %s do not fold", c))
		}
	}
	return audit.Fold{Window: time.Duration(cfg.Audit.Fold.Window), Categories: categories}, err
}

func categoriesOf(key string, names []string) ([]audit.Category, error) {
	var list []audit.Category
	for _, name := range names {
		category, ok := audit.ParseCategory(name)
		if !ok {
			return nil, fmt.Errorf("%s: %q is not a category", key, name)
		}
		list = append(list, category)
	}
	return list, nil
}

// attachSinks makes the configured sinks and gives them to the trail, which closes them.
func (s *Server) attachSinks() error {
	for _, c := range s.cfg.Audit.Sinks {
		categories, err := sinkCategories(c)
		if err != nil {
			return err
		}
		made, err := s.newSink(c)
		if err != nil {
			return fmt.Errorf("audit.sinks.%s: %w", c.Name, err)
		}
		err = s.trail.Attach(s.seams.sink(made), audit.SinkOptions{
			BatchEntries: c.BatchEvents, BatchBytes: batchBytes(c), Spacing: batchSpacing(c), Categories: categories,
			SkipWhenFull: c.OnFull == "skip",
		})
		if err != nil {
			return errors.Join(err, made.Close())
		}
	}
	return nil
}

// batchBytes is what a place takes at once, unless it was told otherwise; 0 means the default. A Kafka broker takes 1 MiB.
func batchBytes(c config.Sink) int {
	if c.Type == "kafka" {
		return 900 << 10
	}
	return 0
}

// batchSpacing bounds how often a busy sink is written to. Monitors wait for the index; what goes elsewhere is read by others
// and later.
func batchSpacing(c config.Sink) time.Duration {
	if c.Type == "index" {
		return 10 * time.Millisecond
	}
	return 50 * time.Millisecond
}

func (s *Server) newSink(c config.Sink) (audit.Sink, error) {
	format, err := sink.ParseFormat(c.Format)
	if err != nil {
		return nil, err
	}
	made, err := s.newPlainSink(c)
	if err != nil {
		return nil, err
	}
	// An index has the id as the document's, and the original's fields exactly.
	if c.Type == "index" && c.Format == "native" {
		return made, nil
	}
	return sink.WithFormat(made, format), nil
}

// newPlainSink makes a sink that sends documents as they are.
func (s *Server) newPlainSink(c config.Sink) (audit.Sink, error) {
	switch c.Type {
	case "index":
		return s.newIndexSink(c)
	case "file":
		path := c.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.cfg.Data, path)
		}
		f, err := sink.NewFile(sink.FileOptions{
			Name: c.Name, Path: path, MaxBytes: int64(c.MaxSize), MaxAge: time.Duration(c.MaxAge), Keep: c.Keep,
			KeepFor: time.Duration(c.KeepFor), Compress: c.Compress, Logger: s.log,
		})
		if err != nil {
			return nil, err
		}
		s.sinks.files = append(s.sinks.files, f)
		return f, nil
	case "stdout":
		return sink.NewStdout(c.Name, os.Stdout)
	case "webhook":
		return newWebhookSink(c)
	case "syslog":
		o := sink.SyslogOptions{
			Name: c.Name, Address: c.Address, Host: s.nodeName(), Facility: c.Facility, MaxMessage: int(c.MaxMessage),
			Timeout: time.Duration(c.Timeout),
		}
		if c.Network == "tls" {
			var err error
			if o.TLS, err = sink.TLSConfig(c.CAFile); err != nil {
				return nil, err
			}
		}
		return sink.NewSyslog(o)
	case "kafka":
		return newKafkaSink(c)
	}
	return nil, fmt.Errorf("type %q is not known", c.Type)
}

// newIndexSink makes a sink of the store, or of another cluster over a connection of its own.
func (s *Server) newIndexSink(c config.Sink) (audit.Sink, error) {
	name, err := indexNameOf(&s.cfg, c)
	if err != nil {
		return nil, err
	}
	o := sink.IndexOptions{Name: c.Name, Cluster: s.store, Index: name}
	if s.sharesStore() && !c.Cluster.On() {
		o.OnDelivered = s.delivered // the engine tells by itself
	}
	if c.Cluster.On() {
		remote, err := s.remoteOptions(&c.Cluster.Connection)
		if err != nil {
			return nil, fmt.Errorf("cluster.%w", err)
		}
		o.Timeout = time.Duration(c.Cluster.Timeout)
		remote.RequestTimeout, remote.Gzip, remote.TellCauses = o.Timeout, c.Cluster.Gzip, true
		r, err := cluster.NewRemote(remote)
		if err != nil {
			return nil, err
		}
		o.Cluster, o.Close = cluster.NewClient(r), r.Close
	}
	return sink.NewIndex(o)
}

func newWebhookSink(c config.Sink) (audit.Sink, error) {
	tls, err := sink.TLSConfig(c.CAFile)
	if err != nil {
		return nil, err
	}
	o := sink.WebhookOptions{
		Name: c.Name, URL: c.URL, Client: sink.NewHTTPClient(tls, time.Duration(c.Timeout)), Lines: c.Body == "lines",
		Header: http.Header{}, Gzip: c.Gzip,
	}
	if c.Secret != "" {
		o.Secret = []byte(c.Secret)
	}
	for name, value := range c.Headers {
		o.Header.Set(name, string(value))
	}
	if c.Token != "" {
		o.Header.Set("Authorization", "Bearer "+string(c.Token))
	}
	return sink.NewWebhook(o)
}

func newKafkaSink(c config.Sink) (audit.Sink, error) {
	o := sink.KafkaOptions{
		Name: c.Name, Brokers: c.Brokers, Topic: c.Topic, SASL: c.SASL, Username: c.Username, Password: string(c.Password),
		Timeout: time.Duration(c.Timeout),
	}
	if c.TLS {
		var err error
		if o.TLS, err = sink.TLSConfig(c.CAFile); err != nil {
			return nil, err
		}
	}
	return sink.NewKafka(o)
}

// followHangups opens the files of file sinks anew whenever the process gets SIGHUP, until ctx ends.
func (s *Server) followHangups(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			for _, f := range s.sinks.files {
				f.Reopen()
			}
		case <-ctx.Done():
			return nil
		}
	}
}
