package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
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

// validate reports everything that is wrong with the sinks. Insecure allows clusters without TLS beyond this machine.
func (l Sinks) validate(insecure bool) []error {
	var errs []error
	for _, s := range l {
		for _, e := range s.problems() {
			errs = append(errs, fmt.Errorf("audit.sinks.%s.%w", s.Name, e))
		}
		if s.Cluster.On() {
			errs = append(errs, s.Cluster.problems("audit.sinks."+s.Name+".cluster", insecure)...)
		}
	}
	errs = append(errs, l.shared()...)
	if len(l) == 0 {
		errs = append(errs, errors.New("audit.sinks: must name at least one sink"))
	}
	return errs
}

// shared reports sinks that write to one place: two files would cut each other's lines, and of two events with one id an index
// keeps the first.
func (l Sinks) shared() []error {
	var errs []error
	first := map[string]string{}
	for _, s := range l {
		var place string
		switch s.Type {
		case "file":
			place = "file " + filepath.Clean(s.Path)
		case "index":
			place = "index " + s.Index + " " + strings.Join(slices.Sorted(slices.Values(s.Cluster.URLs)), " ")
		default:
			continue
		}
		if other, taken := first[place]; taken {
			errs = append(errs, fmt.Errorf("audit.sinks.%s: writes where audit.sinks.%s does", s.Name, other))
		}
		first[place] = s.Name
	}
	return errs
}

func (s *Sink) problems() []error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(key, got string, want ...string) {
		check(slices.Contains(want, got), "%s: %q is not one of %s", key, got, strings.Join(want, ", "))
	}
	check(sinkName.MatchString(s.Name), "name: must be 1 to 60 letters, digits, '.', '_' and '-' and begin with a letter or digit")
	oneOf("format", s.Format, sinkFormats...)
	oneOf("on_full", s.OnFull, "hold", "skip")
	check(s.BatchEvents > 0 && s.BatchEvents <= 100_000, "batch_events: must be between 1 and 100000")
	switch s.Type {
	case "index":
		s.checkIndex(check)
	case "file":
		check(s.Path != "", "path: must not be empty")
		check(s.MaxSize > 0 && s.MaxAge > 0, "max_size and max_age: must be more than zero")
		check(s.Keep >= 0 && s.KeepFor >= 0, "keep and keep_for: must not be negative")
	case "webhook":
		oneOf("body", s.Body, "array", "lines")
		s.checkWebhook(check)
	case "syslog":
		oneOf("network", s.Network, "tcp", "tls")
		check(isHostPort(s.Address), "address: %q is not host:port", s.Address)
		check(s.Facility >= 0 && s.Facility <= 23, "facility: must be between 0 and 23")
		check(s.MaxMessage >= 1<<10, "max_message: must be at least 1kb")
		check(s.Network == "tls" || s.CAFile == "", "ca_file: has no effect without network: tls")
	case "kafka":
		oneOf("sasl", s.SASL, sinkSASL...)
		check(len(s.Brokers) > 0, "brokers: must name at least one")
		for _, b := range s.Brokers {
			check(isHostPort(b), "brokers: %q is not host:port", b)
		}
		check(s.Topic != "", "topic: must not be empty")
		check((s.SASL != "") == (s.Username != "") && (s.SASL != "") == (s.Password != ""),
			"sasl: it, username and password are needed together")
		check(s.TLS || s.CAFile == "", "ca_file: has no effect without tls: true")
	}
	if s.Type == "webhook" || s.Type == "syslog" || s.Type == "kafka" {
		check(s.Timeout > 0, "timeout: must be more than zero")
	}
	return errs
}

func (s *Sink) checkIndex(check func(ok bool, format string, args ...any)) {
	check(!s.DataStream || s.Index != "", "index: needed with data_stream, whose name it is")
	check(s.Cluster.Timeout > 0, "cluster.timeout: must be more than zero")
	off := s.Cluster
	off.URLs = nil
	check(s.Cluster.On() || reflect.DeepEqual(off, defaultSink("index").Cluster),
		"cluster.urls: needed for the other settings of cluster")
}

func (s *Sink) checkWebhook(check func(ok bool, format string, args ...any)) {
	// The error of a URL that does not parse would repeat it.
	u, err := url.Parse(s.URL)
	check(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "url: is not an http or https URL")
	check(err != nil || u.User == nil, "url: must not hold credentials; use token or headers")
	check(s.Token == "" || headerValues.MatchString(string(s.Token)), "token: must be printable ASCII")
	for name, value := range s.Headers {
		check(headerName.MatchString(name), "headers: %q is not a header's name", name)
		check(headerValues.MatchString(string(value)), "headers.%s: must be printable ASCII", name)
	}
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && port != ""
}
