package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Upstream is a cluster over the network that Vigil guards instead of its own engine. It is on when URLs is set.
type Upstream struct {
	// URLs are the nodes, such as https://node-1:9200. They are tried in turn.
	URLs []string `yaml:"urls"`
	// Username and Password are who the cluster believes to be calling. The user needs every right that is given to
	// somebody here.
	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	// APIKey stands for them: the base64 form.
	APIKey     Secret `yaml:"api_key"`
	APIKeyFile string `yaml:"api_key_file"`
	// CertFile and KeyFile are the client certificate, CAFile the authorities that the nodes' must descend from; by default
	// those of the system.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	CAFile   string `yaml:"ca_file"`
	// ConnectTimeout bounds making a connection, TLS included. RequestTimeout bounds the wait for an answer to begin: 504.
	ConnectTimeout Duration `yaml:"connect_timeout"`
	RequestTimeout Duration `yaml:"request_timeout"`
	// HealthInterval is how often a node that takes no requests is tried again, and how soon names that others made are known.
	HealthInterval Duration `yaml:"health_interval"`
	// MaxConnections bounds the connections to each node; requests beyond them wait.
	MaxConnections int `yaml:"max_connections"`
}

// DefaultUpstream returns the settings of an upstream that names none.
func DefaultUpstream() Upstream {
	return Upstream{
		ConnectTimeout: Duration(5 * time.Second), RequestTimeout: Duration(5 * time.Minute),
		HealthInterval: Duration(time.Second), MaxConnections: 1000,
	}
}

// On reports whether there is an upstream.
func (u *Upstream) On() bool { return len(u.URLs) > 0 }

// UnmarshalYAML reads the settings of the store, or its place alone.
func (s *Store) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&s.Place)
	}
	type settings Store // without this method
	return n.Decode((*settings)(s))
}

// validateUpstream reports what is wrong with the cluster and the store.
func (c *Config) validateUpstream() []error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	u := &c.Cluster.Upstream
	switch {
	case c.Store.Place != "same" && c.Store.Place != "embedded":
		wrong("store: %q is not one of same, embedded; a cluster of its own for events and state is not built yet", c.Store.Place)
	case u.On() && c.Store.Place != "embedded":
		wrong("store: events and state within the guarded cluster are not built yet; with cluster.upstream say store: embedded")
	}
	if !u.On() {
		off := *u
		off.URLs = nil
		if !reflect.DeepEqual(off, DefaultUpstream()) {
			wrong("cluster.upstream.urls: needed for the other settings of cluster.upstream")
		}
		return errs
	}
	secure := true
	for _, s := range u.URLs {
		p, err := url.Parse(s)
		if err != nil || p.Scheme != "http" && p.Scheme != "https" || p.Hostname() == "" || p.RawQuery != "" || p.Fragment != "" {
			wrong("cluster.upstream.urls: %s", notURL(s, p))
			continue
		}
		if p.User != nil {
			wrong("cluster.upstream.urls: credentials belong into username and password_file, not into the address of %s", p.Host)
		}
		secure = secure && p.Scheme == "https"
		if p.Scheme == "http" && !isLoopback(p.Hostname()) && !c.HTTP.Insecure {
			wrong("cluster.upstream.urls: %s would send requests in the clear beyond this machine; use https, or --insecure if you mean it", p.Host)
		}
	}
	errs = append(errs, u.validateCredentials(secure)...)
	for key, d := range map[string]Duration{
		"connect_timeout": u.ConnectTimeout, "request_timeout": u.RequestTimeout, "health_interval": u.HealthInterval,
	} {
		if d <= 0 {
			wrong("cluster.upstream.%s: must be more than zero", key)
		}
	}
	if u.MaxConnections <= 0 {
		wrong("cluster.upstream.max_connections: must be more than zero")
	}
	return errs
}

// notURL describes an address without what may be a password in it.
func notURL(s string, p *url.URL) string {
	if p == nil || p.User != nil {
		return "not an address such as https://node-1:9200"
	}
	return fmt.Sprintf("%q is not an address such as https://node-1:9200", s)
}

func (u *Upstream) validateCredentials(secure bool) []error {
	var errs []error
	wrong := func(text string) {
		errs = append(errs, errors.New("cluster.upstream: "+text))
	}
	if (u.Username == "") != (u.Password == "") {
		wrong("username and password (or password_file) are needed together")
	}
	if u.APIKey != "" && u.Username != "" {
		wrong("username and api_key exclude each other")
	}
	if (u.CertFile == "") != (u.KeyFile == "") {
		wrong("cert_file and key_file are needed together")
	}
	if strings.Contains(u.Username, ":") {
		wrong("username must not hold a colon")
	}
	if !secure && (u.CertFile != "" || u.CAFile != "") {
		wrong("cert_file and ca_file need https")
	}
	return errs
}

// readSecrets replaces *_file settings by what the files hold.
func (u *Upstream) readSecrets() error {
	for _, s := range []struct {
		name, file string
		value      *Secret
	}{{"password", u.PasswordFile, &u.Password}, {"api_key", u.APIKeyFile, &u.APIKey}} {
		if err := readSecretFile("cluster.upstream."+s.name, s.value, s.file); err != nil {
			return err
		}
	}
	return nil
}
