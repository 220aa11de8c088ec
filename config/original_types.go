package config

import (
	"encoding/base64"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// builder fills the mapping of one sink.
type builder struct {
	t *translator
	s *originalSink
}

func (b builder) typ(name string) {
	put(b.s.node, []string{"type"}, scalar(name), b.s.typ.line)
	b.t.tell(b.s.typ, Taken, "audit.sinks.%s.type: %s", b.s.name, name)
}

// none tells that there is no such sink here.
func (b builder) none(why string) {
	b.t.tell(b.s.typ, Refused, "%s", why)
	for _, o := range b.s.settings {
		b.t.tell(o, Refused, "%s", why)
	}
	b.s.node = nil
}

// pop takes a setting, nil if it is not there.
func (b builder) pop(key string) *original {
	o := b.s.settings[key]
	delete(b.s.settings, key)
	return o
}

// set puts a setting into the sink under the name that it has here.
func (b builder) set(key, to string, as func(*yaml.Node) (*yaml.Node, error)) *yaml.Node {
	o := b.pop(key)
	if o == nil {
		return nil
	}
	value, err := as(o.value)
	if err != nil {
		b.t.tell(o, Refused, "%v", err)
		return nil
	}
	b.t.tell(o, Taken, "audit.sinks.%s.%s", b.s.name, to)
	for _, n := range append([]*yaml.Node{value}, value.Content...) {
		if strings.Contains(n.Value, "@") { // an address with a password
			b.t.secrets[n] = true
		}
	}
	put(b.s.node, strings.Split(to, "."), value, o.line)
	return value
}

// secret is set for what is not printed.
func (b builder) secret(key, to string) {
	if n := b.set(key, to, text); n != nil {
		b.t.secrets[n] = true
	}
}

// only takes a setting whose value is the only way here, and refuses every other value.
func (b builder) only(key, value, why string) {
	if o := b.pop(key); o != nil {
		b.t.without(o, row{unless: value, text: why})
	}
}

func (b builder) index() {
	b.typ("index")
	if o := b.pop("index"); o != nil {
		if b.s.name == "default" {
			b.t.put(o, "audit.index", o.value)
			return
		}
		b.s.settings["index"] = o
		b.set("index", "index", text)
	}
}

func (b builder) dataStream() {
	b.typ("index")
	put(b.s.node, []string{"data_stream"}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"}, b.s.typ.line)
	if b.s.settings["data_stream.name"] == nil {
		put(b.s.node, []string{"index"}, scalar("opensearch-security-auditlog"), b.s.typ.line)
	}
	b.set("data_stream.name", "index", text)
	b.only("data_stream.template.manage", "true", "the template of the stream is always made")
	for _, key := range []string{"name", "number_of_shards", "number_of_replicas"} {
		b.only("data_stream.template."+key, "", "the template of the stream is Vigil's; make one of a higher priority")
	}
}

func (b builder) external() {
	b.typ("index")
	b.set("index", "index", text)
	scheme := "http://"
	if o := b.pop("enable_ssl"); o != nil {
		if o.value.Value == "true" {
			scheme = "https://"
		}
		b.t.tell(o, Taken, "the scheme of audit.sinks.%s.cluster.urls", b.s.name)
	}
	urls := func(n *yaml.Node) (*yaml.Node, error) {
		hosts, err := elements(n)
		for i, h := range hosts {
			if !strings.Contains(h, "://") {
				hosts[i] = scheme + h
			}
		}
		return sequence(hosts, n.Line), err
	}
	if b.s.settings["http_endpoints"] == nil {
		put(b.s.node, []string{"cluster", "urls"}, sequence([]string{scheme + "localhost:9200"}, b.s.typ.line), b.s.typ.line)
	}
	b.set("http_endpoints", "cluster.urls", urls)
	b.set("username", "cluster.username", text)
	b.secret("password", "cluster.password")
	b.set("pemtrustedcas_filepath", "cluster.ca_file", text)
	b.set("pemcert_filepath", "cluster.cert_file", text)
	b.set("pemkey_filepath", "cluster.key_file", text)
	b.only("enable_ssl_client_auth", "true", "a client certificate is shown if cert_file and key_file are set")
	b.only("verify_hostnames", "true", "the name in a certificate is always verified")
	for _, key := range []string{"pemtrustedcas_content", "pemcert_content", "pemkey_content"} {
		b.only(key, "", "put the content into a file and name it in "+strings.TrimSuffix(key, "_content")+"_filepath")
	}
	b.only("pemkey_password", "", "a key with a password is not read; take the password from the file")
	b.only("cert_alias", "", "key stores are not read; name PEM files")
	for _, key := range []string{"enabled_ssl_ciphers", "enabled_ssl_protocols"} {
		b.only(key, "", "TLS 1.2 and later with Go's ciphers is what there is")
	}
}

func (b builder) webhook() {
	b.typ("webhook")
	b.set("webhook.url", "url", text)
	const why = "Vigil posts JSON; receivers of other forms are destinations of monitors"
	format := b.pop("webhook.format")
	switch {
	case format == nil:
		b.t.tell(b.s.typ, Refused, "without webhook.format events are sent as text: %s. Say webhook.format: JSON", why)
	case !strings.EqualFold(format.value.Value, "JSON"):
		b.t.tell(format, Refused, "%s", why)
	default:
		b.t.tell(format, Taken, "audit.sinks.%s.body: lines, batch_events: 1", b.s.name)
	}
	// One event in one request, as the plugin does.
	put(b.s.node, []string{"body"}, scalar("lines"), b.s.typ.line)
	put(b.s.node, []string{"batch_events"}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: "1"}, b.s.typ.line)
	b.set("webhook.ssl.pemtrustedcas_filepath", "ca_file", text)
	b.only("webhook.ssl.pemtrustedcas_content", "", "put the content into a file and name it in webhook.ssl.pemtrustedcas_filepath")
	b.only("webhook.ssl.verify", "true", "certificates are always verified; name their authority in webhook.ssl.pemtrustedcas_filepath")
	b.basicAuth()
}

// basicAuth makes a header of a name and a password, which count only together.
func (b builder) basicAuth() {
	user, password := b.pop("username"), b.pop("password")
	switch {
	case user != nil && password != nil:
		value := scalar("Basic " + base64.StdEncoding.EncodeToString([]byte(user.value.Value+":"+password.value.Value)))
		put(b.s.node, []string{"headers", "Authorization"}, value, user.line)
		b.t.secrets[value] = true
		b.t.tell(user, Taken, "audit.sinks.%s.headers.Authorization", b.s.name)
		b.t.tell(password, Taken, "audit.sinks.%s.headers.Authorization", b.s.name)
	case user != nil:
		b.t.tell(user, NoEffect, "there is no password to it")
	case password != nil:
		b.t.tell(password, NoEffect, "there is no username to it")
	}
}

var jaas = regexp.MustCompile(`(username|password)\s*=\s*"([^"]*)"`)

func (b builder) kafka() {
	b.typ("kafka")
	b.set("bootstrap_servers", "brokers", list)
	b.set("topic_name", "topic", text)
	if o := b.pop("security_protocol"); o != nil {
		tls := "false"
		if strings.HasSuffix(strings.ToUpper(o.value.Value), "SSL") {
			tls = "true"
		}
		put(b.s.node, []string{"tls"}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: tls}, o.line)
		b.t.tell(o, Taken, "audit.sinks.%s.tls: %s", b.s.name, tls)
	}
	b.set("sasl_mechanism", "sasl", func(n *yaml.Node) (*yaml.Node, error) { return scalar(strings.ToLower(n.Value)), nil })
	if o := b.pop("sasl_jaas_config"); o != nil {
		found := jaas.FindAllStringSubmatch(o.value.Value, -1)
		for _, m := range found {
			value := scalar(m[2])
			put(b.s.node, []string{m[1]}, value, o.line)
			if m[1] == "password" {
				b.t.secrets[value] = true
			}
		}
		b.t.tell(o, Taken, "audit.sinks.%s.username and password", b.s.name)
		if len(found) == 0 {
			b.t.tell(o, Refused, "holds no username and password")
		}
	}
	b.only("acks", "all", "a batch is acknowledged by all replicas in sync")
	for _, key := range []string{"ssl_truststore_location", "ssl_truststore_password", "ssl_keystore_location", "ssl_keystore_password"} {
		b.only(key, "", "key stores are not read; name a PEM file in ca_file")
	}
}
