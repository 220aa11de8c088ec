package config

import (
	"fmt"
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"
)

// Upstream is a cluster over the network that Vigil guards instead of its own engine. It is on when URLs is set. The user needs
// every right that is given to somebody here.
type Upstream struct {
	Connection `yaml:",inline"`
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
	case u.On() && c.Store.Place == "same" && c.Store.KeyFile == "":
		wrong("store.key_file: needed where the guarded cluster holds the state: the same file for all gateways, 64 hexadecimal digits")
	}
	if !u.On() {
		off := *u
		off.URLs = nil
		if !reflect.DeepEqual(off, DefaultUpstream()) {
			wrong("cluster.upstream.urls: needed for the other settings of cluster.upstream")
		}
		return errs
	}
	errs = append(errs, u.problems("cluster.upstream", c.HTTP.Insecure)...)
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
