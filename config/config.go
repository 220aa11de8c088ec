// Package config reads vigil.yml: defaults, strict decoding, validation.
//
// What needs a restart is here; what can change at run time (users, roles, audit policy, monitors) is kept as documents in
// system indices and changed through the API. The package opens no sockets and starts nothing. Start reading at [Config]
// and [Load].
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config is everything that vigil.yml can say. [Default] is a complete and valid value.
type Config struct {
	// File is the absolute path of the file that was read, empty if there was none.
	File string `yaml:"-"`

	// ClusterName and NodeName appear in answers and in every event. An empty node name means the host's name.
	ClusterName string `yaml:"cluster_name"`
	NodeName    string `yaml:"node_name"`
	// Data is the folder that holds everything that must survive a restart: the log, the engine, the state.
	Data     string   `yaml:"data"`
	HTTP     HTTP     `yaml:"http"`
	Cluster  Cluster  `yaml:"cluster"`
	Store    Store    `yaml:"store"`
	Security Security `yaml:"security"`
	Audit    Audit    `yaml:"audit"`
	// Compliance says what counts as reading a document.
	Compliance Compliance `yaml:"compliance"`
	Notify     Notify     `yaml:"notify"`
	Log        Log        `yaml:"log"`
	// AdminSubjects are the subjects of client certificates that are administrators, in RFC 2253 order, compared by attributes.
	AdminSubjects []string `yaml:"admin_dns"`
}

// HTTP is the listener of the cluster API and its limits.
type HTTP struct {
	Listen string `yaml:"listen"`
	TLS    TLS    `yaml:"tls"`
	// Insecure allows listening beyond loopback without TLS.
	Insecure bool `yaml:"insecure"`
	// MaxContentLength bounds a request's body after decompression; what is longer is answered with 413.
	MaxContentLength Bytes `yaml:"max_content_length"`
	// MaxInFlight bounds the bytes of all bodies being read or served at once; what does not fit is answered with 429.
	MaxInFlight Bytes `yaml:"max_in_flight"`
	// MaxHeaderSize bounds request line and headers together.
	MaxHeaderSize Bytes `yaml:"max_header_size"`
	// ReadHeaderTimeout, ReadTimeout and IdleTimeout end slow and silent clients.
	ReadHeaderTimeout Duration `yaml:"read_header_timeout"`
	ReadTimeout       Duration `yaml:"read_timeout"`
	IdleTimeout       Duration `yaml:"idle_timeout"`
	// DrainTimeout is how long SIGTERM waits for requests in flight.
	DrainTimeout Duration `yaml:"drain_timeout"`
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []string `yaml:"trusted_proxies"`
}

// TLS is the server's certificate and what it asks of clients. It is on when CertFile is set.
type TLS struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
	// ClientAuth is optional (a certificate identifies, its absence leaves passwords) or required.
	ClientAuth string `yaml:"client_auth"`
}

// Cluster says what Vigil guards.
type Cluster struct {
	Embedded Embedded `yaml:"embedded"`
	Upstream Upstream `yaml:"upstream"`
}

// Embedded is the engine that comes with Vigil.
type Embedded struct {
	// Path is the engine's folder, below the data folder unless absolute.
	Path string `yaml:"path"`
}

// Security is who may manage users, roles and the audit configuration.
type Security struct {
	// InitialAdminPassword is the password of the user admin at the first start. Empty means a random one.
	InitialAdminPassword     Secret `yaml:"initial_admin_password"`
	InitialAdminPasswordFile string `yaml:"initial_admin_password_file"`
	// RESTRoles are the roles that may call the security API.
	RESTRoles []string `yaml:"rest_roles"`
	// RESTDisabled takes methods of an endpoint of that API ("AUDIT") from one of these roles again, or from all of them
	// ("global"): {role: {ENDPOINT: [METHOD]}}. "*" is every method.
	RESTDisabled map[string]map[string][]string `yaml:"rest_disabled"`
	// CredentialCacheTTL is how long a verified password is believed without hashing it again.
	CredentialCacheTTL Duration `yaml:"credential_cache_ttl"`
}

// Audit is the part of auditing that needs a restart: where events are kept and what happens when they can't be.
type Audit struct {
	// OnFailure is refuse (503 while events cannot be recorded) or allow (serve and count the gap).
	OnFailure string `yaml:"on_failure"`
	// Format is opensearch (the fields of OpenSearch 2.19 exactly) or extended (more about the request, and how it ended).
	Format string `yaml:"format"`
	// Outcomes says which requests have an event that tells how they ended, in the extended format: audited (those of which
	// some other event is kept), all (of every user and request that is not ignored) or none.
	Outcomes string `yaml:"outcomes"`
	// Index is the Joda pattern of the index that events are delivered to, by the event's own time.
	Index string `yaml:"index"`
	// MaxBodyBytes cuts longer request bodies in events; the event then says the full length and digest.
	MaxBodyBytes Bytes    `yaml:"max_body_bytes"`
	Log          AuditLog `yaml:"log"`
	// Initial is the audit configuration at the first start, in the form of the API ({enabled, audit, compliance}); what it does
	// not say has its default. Afterwards the API alone changes the configuration.
	Initial map[string]any `yaml:"initial"`
	// ReadOnly are the parts of the audit configuration that only administrators by certificate may change, such as
	// /audit/enable_rest.
	ReadOnly []string `yaml:"read_only"`
	// SettingsChanges makes events of the categories CLUSTER_SETTINGS_CHANGED and INDEX_SETTINGS_CHANGED, which OpenSearch has
	// since 3.8.
	SettingsChanges bool `yaml:"settings_changes"`
	Fold            Fold `yaml:"fold"`
	// Redact are rules that take parts of events out before they are stored anywhere: see docs/redaction.md.
	Redact []RedactRule `yaml:"redact"`
	// RedactKey is the key of the rules that hash, at least 16 bytes. With the same key equal values have equal hashes, on all
	// gateways and for ever.
	RedactKey     Secret `yaml:"redact_key"`
	RedactKeyFile string `yaml:"redact_key_file"`
	// Sinks are the places that events are delivered to, by name; by default one, the index.
	Sinks Sinks `yaml:"sinks"`
}

// AuditLog bounds the log that events are in before and after delivery.
type AuditLog struct {
	// Keep is how long delivered entries stay for replay.
	Keep Duration `yaml:"keep"`
	// MaxBytes bounds the log; 0 means a tenth of the disk, at least 1 GiB.
	MaxBytes Bytes `yaml:"max_bytes"`
}

// Notify limits where alert messages may go.
type Notify struct {
	// AllowNetworks lists networks that are reachable although they are loopback, private, link-local or metadata.
	AllowNetworks []string `yaml:"allow_networks"`
	// AllowHosts, if not empty, are the only host names (with * as wildcard) that messages go to; DenyHosts never are.
	AllowHosts []string `yaml:"allow_hosts"`
	DenyHosts  []string `yaml:"deny_hosts"`
	// AWS says as whom Amazon SNS and SES are called. Without a key: as the environment, the shared files or the role of the
	// machine say.
	AWS AWS `yaml:"aws"`
}

// AWS is an identity at Amazon's services.
type AWS struct {
	AccessKeyID         string `yaml:"access_key_id"`
	SecretAccessKey     Secret `yaml:"secret_access_key"`
	SecretAccessKeyFile string `yaml:"secret_access_key_file"`
	// SessionToken belongs to a temporary key.
	SessionToken Secret `yaml:"session_token"`
	// Endpoint stands for the services' own addresses, such as https://vpce-1.sns.eu-west-1.vpce.amazonaws.com.
	Endpoint string `yaml:"endpoint"`
}

// Log is the process's own log, on standard error.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		ClusterName: "vigil",
		Data:        "./data",
		HTTP: HTTP{
			Listen:            "127.0.0.1:9200",
			TLS:               TLS{ClientAuth: "optional"},
			MaxContentLength:  100 << 20,
			MaxInFlight:       1 << 30,
			MaxHeaderSize:     64 << 10,
			ReadHeaderTimeout: Duration(10 * time.Second),
			ReadTimeout:       Duration(5 * time.Minute),
			IdleTimeout:       Duration(5 * time.Minute),
			DrainTimeout:      Duration(30 * time.Second),
		},
		Cluster: Cluster{Embedded: Embedded{Path: "engine"}, Upstream: DefaultUpstream()},
		Store:   Store{Place: "same"},
		Security: Security{
			RESTRoles:          []string{"all_access", "security_manager", "security_rest_api_access"},
			CredentialCacheTTL: Duration(5 * time.Minute),
		},
		Audit: Audit{
			OnFailure:    "refuse",
			Format:       "opensearch",
			Outcomes:     "audited",
			Index:        "'security-auditlog-'YYYY.MM.dd",
			MaxBodyBytes: 4 << 20,
			Log:          AuditLog{Keep: Duration(24 * time.Hour)},
			Fold:         Fold{Categories: []string{"FAILED_LOGIN"}},
			Sinks:        DefaultSinks(),
		},
		Compliance: Compliance{ReadDerived: true},
		Log:        Log{Level: "info", Format: "text"},
	}
}

// LogDir is where the audit log lives.
func (c *Config) LogDir() string { return filepath.Join(c.Data, "log") }

// EngineDir is where the embedded engine lives.
func (c *Config) EngineDir() string {
	if filepath.IsAbs(c.Cluster.Embedded.Path) {
		return c.Cluster.Embedded.Path
	}
	return filepath.Join(c.Data, c.Cluster.Embedded.Path)
}

// Validate reports everything that is wrong with the values, all at once.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	oneOf := func(key, got string, want ...string) {
		if !slices.Contains(want, got) {
			wrong(key, "%q is not one of %s", got, strings.Join(want, ", "))
		}
	}
	networks := func(key string, list []string) {
		for _, s := range list {
			if _, err := netip.ParsePrefix(s); err != nil {
				wrong(key, "%q is not a network such as 127.0.0.0/8", s)
			}
		}
	}
	if c.ClusterName == "" {
		wrong("cluster_name", "must not be empty")
	}
	if c.Data == "" {
		wrong("data", "must not be empty")
	}
	if c.Cluster.Embedded.Path == "" {
		wrong("cluster.embedded.path", "must not be empty")
	}
	oneOf("audit.on_failure", c.Audit.OnFailure, "refuse", "allow")
	oneOf("audit.format", c.Audit.Format, "opensearch", "extended")
	oneOf("audit.outcomes", c.Audit.Outcomes, "audited", "all", "none")
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	networks("http.trusted_proxies", c.HTTP.TrustedProxies)
	networks("notify.allow_networks", c.Notify.AllowNetworks)
	if a := c.Notify.AWS; (a.AccessKeyID == "") != (a.SecretAccessKey == "" && a.SecretAccessKeyFile == "") {
		wrong("notify.aws", "access_key_id and secret_access_key are needed together")
	}
	if a := c.Notify.AWS.Endpoint; a != "" && !strings.HasPrefix(a, "https://") && !strings.HasPrefix(a, "http://") {
		wrong("notify.aws.endpoint", "%q is not an address such as https://sns.example.org", a)
	}
	positive := map[string]int64{
		"http.max_content_length": int64(c.HTTP.MaxContentLength), "http.max_in_flight": int64(c.HTTP.MaxInFlight),
		"http.max_header_size": int64(c.HTTP.MaxHeaderSize), "http.read_header_timeout": int64(c.HTTP.ReadHeaderTimeout),
		"http.read_timeout": int64(c.HTTP.ReadTimeout), "http.idle_timeout": int64(c.HTTP.IdleTimeout),
		"http.drain_timeout": int64(c.HTTP.DrainTimeout), "audit.max_body_bytes": int64(c.Audit.MaxBodyBytes),
		"security.credential_cache_ttl": int64(c.Security.CredentialCacheTTL), "audit.log.keep": int64(c.Audit.Log.Keep),
	}
	for _, key := range slices.Sorted(mapKeys(positive)) {
		if positive[key] <= 0 {
			wrong(key, "must be more than zero")
		}
	}
	if c.HTTP.MaxInFlight < c.HTTP.MaxContentLength {
		wrong("http.max_in_flight", "must be at least http.max_content_length")
	}
	if c.Audit.MaxBodyBytes > 24<<20 {
		wrong("audit.max_body_bytes", "must be at most 24mb, so that an event fits into a frame of the log")
	}
	for role, endpoints := range c.Security.RESTDisabled {
		for endpoint, methods := range endpoints {
			for _, m := range methods {
				oneOf("security.rest_disabled."+role+"."+endpoint, m, "GET", "PUT", "POST", "PATCH", "DELETE", "*")
			}
		}
	}
	errs = append(errs, c.Audit.Fold.problems()...)
	errs = append(errs, c.Audit.Sinks.validate(c.HTTP.Insecure)...)
	errs = append(errs, c.validateUpstream()...)
	errs = append(errs, c.validateListen()...)
	return errors.Join(errs...)
}

// validateListen checks the listener: TLS is complete, and nothing listens in the clear beyond loopback by accident.
func (c *Config) validateListen() []error {
	var errs []error
	t := c.HTTP.TLS
	if (t.CertFile == "") != (t.KeyFile == "") {
		errs = append(errs, errors.New("http.tls: cert_file and key_file are needed together"))
	}
	if !slices.Contains([]string{"optional", "required"}, t.ClientAuth) {
		errs = append(errs, fmt.Errorf("http.tls.client_auth: %q is not one of optional, required", t.ClientAuth))
	}
	if t.ClientAuth == "required" && t.ClientCAFile == "" {
		errs = append(errs, errors.New("http.tls.client_ca_file: needed to require client certificates"))
	}
	if len(c.AdminSubjects) > 0 && t.ClientCAFile == "" {
		errs = append(errs, errors.New("http.tls.client_ca_file: needed for admin_dns, because only verified certificates count"))
	}
	host, _, err := net.SplitHostPort(c.HTTP.Listen)
	if err != nil {
		return append(errs, fmt.Errorf("http.listen: %q is not host:port", c.HTTP.Listen))
	}
	if t.CertFile == "" && !c.HTTP.Insecure && !isLoopback(host) {
		errs = append(errs, fmt.Errorf("http.listen: %s is reachable from other machines and has no TLS; set http.tls, or --insecure if you mean it", c.HTTP.Listen))
	}
	return errs
}

// isLoopback reports whether a listen host is reachable from this machine only.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// readSecrets replaces *_file settings by what the files hold, without the trailing newline.
func (c *Config) readSecrets() error {
	if err := c.Audit.Sinks.readSecrets(); err != nil {
		return err
	}
	if err := c.Cluster.Upstream.readSecrets("cluster.upstream"); err != nil {
		return err
	}
	if err := readSecretFile("notify.aws.secret_access_key", &c.Notify.AWS.SecretAccessKey, c.Notify.AWS.SecretAccessKeyFile); err != nil {
		return err
	}
	if err := readSecretFile("audit.redact_key", &c.Audit.RedactKey, c.Audit.RedactKeyFile); err != nil {
		return err
	}
	return readSecretFile("security.initial_admin_password", &c.Security.InitialAdminPassword, c.Security.InitialAdminPasswordFile)
}
