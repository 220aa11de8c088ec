package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Connection says where a cluster over the network is, and who it believes to be calling.
type Connection struct {
	// URLs are the nodes, such as https://node-1:9200. They are tried in turn.
	URLs []string `yaml:"urls"`
	// Username and Password are who the cluster believes to be calling.
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
}

// On reports whether there is a cluster.
func (c *Connection) On() bool { return len(c.URLs) > 0 }

// problems reports what is wrong with a connection that is on; key is where its settings are. Only an insecure one may send
// requests in the clear beyond this machine.
func (c *Connection) problems(key string, insecure bool) []error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(key+format, args...)) }
	secure := true
	for _, s := range c.URLs {
		p, err := url.Parse(s)
		if err != nil || p.Scheme != "http" && p.Scheme != "https" || p.Hostname() == "" || p.RawQuery != "" || p.Fragment != "" {
			wrong(".urls: %s", notURL(s, p))
			continue
		}
		if p.User != nil {
			wrong(".urls: credentials belong into username and password_file, not into the address of %s", p.Host)
		}
		secure = secure && p.Scheme == "https"
		if p.Scheme == "http" && !isLoopback(p.Hostname()) && !insecure {
			wrong(".urls: %s would send requests in the clear beyond this machine; use https, or --insecure if you mean it", p.Host)
		}
	}
	if (c.Username == "") != (c.Password == "") {
		wrong(": username and password (or password_file) are needed together")
	}
	if c.APIKey != "" && c.Username != "" {
		wrong(": username and api_key exclude each other")
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		wrong(": cert_file and key_file are needed together")
	}
	if strings.Contains(c.Username, ":") {
		wrong(": username must not hold a colon")
	}
	if !secure && (c.CertFile != "" || c.CAFile != "") {
		wrong(": cert_file and ca_file need https")
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

// readSecrets replaces *_file settings by what the files hold; key is where the settings are.
func (c *Connection) readSecrets(key string) error {
	return errors.Join(
		readSecretFile(key+".password", &c.Password, c.PasswordFile), readSecretFile(key+".api_key", &c.APIKey, c.APIKeyFile),
	)
}
