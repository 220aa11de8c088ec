package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Sinks are the places that events are delivered to, in the order of the file, where they are a mapping from names. The order
// counts: the first one holds a full log by default, the others are skipped.
type Sinks []Sink

// Sink is one place. Which settings there are depends on the type: index, file, stdout, webhook, syslog or kafka.
type Sink struct {
	// Name is the key of the sink: letters, digits, '.', '_' and '-'. It names the sink's cursor, so a renamed sink is a new one.
	Name string `yaml:"-"`
	// Type is index, file, stdout, webhook, syslog or kafka.
	Type string `yaml:"type"`
	// Format is native (the fields of the audit log), ecs (Elastic Common Schema) or ocsf (Open Cybersecurity Schema Framework).
	Format string `yaml:"format"`
	// Categories are those that the sink gets; all if empty. Gap records go to every sink.
	Categories []string `yaml:"categories"`
	// OnFull is hold (a full log waits for this sink, by default the first) or skip (it passes over what the sink has not
	// taken and records the gap, by default the others).
	OnFull string `yaml:"on_full"`
	// BatchEvents bounds the events delivered at once.
	BatchEvents int `yaml:"batch_events"`

	// Index is the Joda pattern of the index, by default audit.index; with data_stream the name of the stream.
	Index string `yaml:"index" for:"index"`
	// DataStream appends to a data stream instead of writing into an index of the event's day.
	DataStream bool `yaml:"data_stream" for:"index"`
	// Cluster is another OpenSearch or Elasticsearch that the index is in; without urls it is where the state is.
	Cluster SinkCluster `yaml:"cluster" for:"index"`

	// Path is the file that events are appended to, below the data folder unless absolute.
	Path string `yaml:"path" for:"file"`
	// MaxSize and MaxAge end a file: at that size, and at every multiple of the age (24h: at midnight UTC).
	MaxSize Bytes    `yaml:"max_size" for:"file"`
	MaxAge  Duration `yaml:"max_age" for:"file"`
	// Keep is how many ended files stay, KeepFor for how long; 0 means no bound.
	Keep    int      `yaml:"keep" for:"file"`
	KeepFor Duration `yaml:"keep_for" for:"file"`
	// Compress packs ended files with gzip.
	Compress bool `yaml:"compress" for:"file"`

	// URL is where batches are posted.
	URL string `yaml:"url" for:"webhook"`
	// Body is array (one JSON array) or lines (newline-delimited JSON).
	Body string `yaml:"body" for:"webhook"`
	// Secret signs every request with HMAC-SHA256.
	Secret     Secret `yaml:"secret" for:"webhook"`
	SecretFile string `yaml:"secret_file" for:"webhook"`
	// Token is sent as Authorization: Bearer.
	Token     Secret `yaml:"token" for:"webhook"`
	TokenFile string `yaml:"token_file" for:"webhook"`
	// Headers are sent with every request. Their values count as secrets.
	Headers map[string]Secret `yaml:"headers" for:"webhook"`
	// Gzip compresses bodies.
	Gzip bool `yaml:"gzip" for:"webhook"`

	// Address is host:port.
	Address string `yaml:"address" for:"syslog"`
	// Network is tcp or tls.
	Network string `yaml:"network" for:"syslog"`
	// Facility is the number of the syslog facility; by default 10 for authentication and 13 for everything else.
	Facility int `yaml:"facility" for:"syslog"`
	// MaxMessage bounds a message: the longest values of a longer event are cut.
	MaxMessage Bytes `yaml:"max_message" for:"syslog"`

	// Brokers are the host:port of some brokers.
	Brokers []string `yaml:"brokers" for:"kafka"`
	// Topic must exist.
	Topic string `yaml:"topic" for:"kafka"`
	// TLS encrypts the connections.
	TLS bool `yaml:"tls" for:"kafka"`
	// SASL is plain, scram-sha-256, scram-sha-512, or empty for none.
	SASL         string `yaml:"sasl" for:"kafka"`
	Username     string `yaml:"username" for:"kafka"`
	Password     Secret `yaml:"password" for:"kafka"`
	PasswordFile string `yaml:"password_file" for:"kafka"`

	// CAFile holds the certificates that the server's must descend from; by default those of the system.
	CAFile string `yaml:"ca_file" for:"webhook syslog kafka"`
	// Timeout ends an attempt to deliver a batch.
	Timeout Duration `yaml:"timeout" for:"webhook syslog kafka"`
}

// SinkCluster is a cluster over the network that an index sink writes to, whatever it is that Vigil guards.
type SinkCluster struct {
	Connection `yaml:",inline"`
	// Gzip compresses what is sent.
	Gzip bool `yaml:"gzip"`
	// Timeout ends an attempt to deliver a batch.
	Timeout Duration `yaml:"timeout"`
}

var (
	sinkTypes    = []string{"index", "file", "stdout", "webhook", "syslog", "kafka"}
	sinkFormats  = []string{"native", "ecs", "ocsf"}
	sinkSASL     = []string{"", "plain", "scram-sha-256", "scram-sha-512"}
	sinkName     = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._-]{0,59}\z`)
	headerName   = regexp.MustCompile("\\A[A-Za-z0-9!#$%&'*+.^_`|~-]+\\z")
	headerValues = regexp.MustCompile(`\A[\t\x20-\x7e]*\z`)
)

// DefaultSinks are the sinks of a file that names none: the index of audit.index.
func DefaultSinks() Sinks {
	s := defaultSink("index")
	s.Name, s.OnFull = "index", "hold"
	return Sinks{s}
}

// defaultSink returns the defaults of a type.
func defaultSink(typ string) Sink {
	s := Sink{Type: typ, Format: "native", BatchEvents: 1000}
	switch typ {
	case "index":
		s.Cluster.Timeout = Duration(30 * time.Second)
	case "file":
		s.MaxSize, s.MaxAge, s.Keep, s.Compress = 100<<20, Duration(24*time.Hour), 10, true
	case "webhook":
		s.Body, s.Timeout = "array", Duration(30*time.Second)
	case "syslog":
		s.Network, s.MaxMessage, s.Timeout = "tls", 8<<10, Duration(30*time.Second)
	case "kafka":
		s.Timeout = Duration(30 * time.Second)
	}
	return s
}

// UnmarshalYAML reads the mapping. A setting of another type is an unknown key.
func (l *Sinks) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: audit.sinks is not a mapping from names to sinks", n.Line)
	}
	list := make(Sinks, 0, len(n.Content)/2)
	var errs []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if slices.ContainsFunc(list, func(s Sink) bool { return s.Name == key.Value }) {
			errs = append(errs, fmt.Errorf("line %d: audit.sinks.%s is already defined", key.Line, key.Value))
			continue
		}
		s, err := decodeSink(key.Value, n.Content[i+1])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if s.OnFull == "" {
			s.OnFull = "skip"
			if len(list) == 0 {
				s.OnFull = "hold"
			}
		}
		list = append(list, s)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	*l = list
	return nil
}

func decodeSink(name string, n *yaml.Node) (Sink, error) {
	path := "audit.sinks." + name
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return Sink{}, fmt.Errorf("line %d: %s is not a mapping", n.Line, path)
	}
	typ := ""
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "type" {
			typ = n.Content[i+1].Value
		}
	}
	if !slices.Contains(sinkTypes, typ) {
		return Sink{}, fmt.Errorf("line %d: %s.type: %q is not one of %s", n.Line, path, typ, strings.Join(sinkTypes, ", "))
	}
	allowed := map[string]reflect.Type{}
	for f := range sinkFields(typ) {
		allowed[f.Tag.Get("yaml")] = f.Type
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		t, known := allowed[key.Value]
		if !known {
			return Sink{}, fmt.Errorf("line %d: unknown key %q: it is no setting of a sink of type %s", key.Line, path+"."+key.Value, typ)
		}
		if err := unknownKeys(n.Content[i+1], t, path+"."+key.Value+"."); err != nil {
			return Sink{}, err
		}
	}
	s := defaultSink(typ)
	if err := n.Decode(&s); err != nil {
		return Sink{}, fmt.Errorf("%s: %w", path, err)
	}
	s.Name = name
	return s, nil
}

// sinkFields are the settings of a type, by their number.
func sinkFields(typ string) func(yield func(reflect.StructField, int) bool) {
	return func(yield func(reflect.StructField, int) bool) {
		n := 0
		for f := range reflect.TypeFor[Sink]().Fields() {
			types, some := f.Tag.Lookup("for")
			if f.Tag.Get("yaml") != "-" && (!some || slices.Contains(strings.Fields(types), typ)) && !yield(f, n) {
				return
			}
			n++
		}
	}
}

// MarshalYAML writes the mapping in its order, each sink with the settings of its type.
func (l Sinks) MarshalYAML() (any, error) {
	all := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range l {
		one := &yaml.Node{Kind: yaml.MappingNode}
		for f, n := range sinkFields(s.Type) {
			var key, value yaml.Node
			key.SetString(f.Tag.Get("yaml"))
			if err := value.Encode(reflect.ValueOf(s).Field(n).Interface()); err != nil {
				return nil, err
			}
			one.Content = append(one.Content, &key, &value)
		}
		var name yaml.Node
		name.SetString(s.Name)
		all.Content = append(all.Content, &name, one)
	}
	return all, nil
}

// readSecrets replaces *_file settings by what the files hold.
func (l Sinks) readSecrets() error {
	for i := range l {
		s := &l[i]
		path := "audit.sinks." + s.Name
		err := errors.Join(
			readSecretFile(path+".secret", &s.Secret, s.SecretFile), readSecretFile(path+".token", &s.Token, s.TokenFile),
			readSecretFile(path+".password", &s.Password, s.PasswordFile), s.Cluster.readSecrets(path+".cluster"),
		)
		if err != nil {
			return err
		}
	}
	return nil
}
