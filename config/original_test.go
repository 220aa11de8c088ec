package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// Every pair says the same, once under the plugin's names and once under ours.
func TestOriginalNamesMeanOurs(t *testing.T) {
	f := func(original, ours string) {
		t.Helper()
		var got, want Config
		for _, l := range []struct {
			to   *Config
			text string
		}{{&got, original}, {&want, ours}} {
			*l.to = Default()
			if err := Decode([]byte(l.text), l.to); err != nil {
				t.Errorf("%s\n%v", l.text, err)
				return
			}
			if err := l.to.Validate(); err != nil {
				t.Errorf("%s\n%v", l.text, err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\ndiffers from %s (-want +got):\n%s", original, ours, diff)
		}
	}
	f("plugins.security.audit.type: internal_opensearch", "audit: {sinks: {default: {type: index}}}")
	f("plugins: {security: {audit: {type: internal_opensearch}}}", "audit: {sinks: {default: {type: index}}}")
	f("opendistro_security.audit.type: internal_elasticsearch\nopendistro_security.audit.config.index: \"'a-'YYYY\"",
		"audit: {index: \"'a-'YYYY\", sinks: {default: {type: index}}}")
	f("plugins.security.audit.config.index: logins\ncluster_name: c", "audit: {index: logins}\ncluster_name: c")
	f("plugins.security:\n  audit.config:\n    enable_rest: false\n    disabled_rest_categories: NONE\n    ignore_users: [a, b]",
		"audit: {initial: {audit: {enable_rest: false, disabled_rest_categories: [], ignore_users: [a, b]}}}")
	f("opendistro_security.audit.enable_transport: 'false'\nopendistro_security.audit.config.disabled_transport_categories: a, b\nplugins.security.audit.ignore_headers: [X-*]",
		"audit: {initial: {audit: {enable_transport: false, disabled_transport_categories: [a, b], ignore_headers: [X-*]}}}")
	f("opendistro_security.compliance.history.read.watched_fields: ['a*,f,g', b]\nopendistro_security.compliance.history.write.log_diffs: true\nplugins.security.audit.compliance.enabled: false",
		"audit: {initial: {compliance: {read_watched_fields: {a*: [f, g], b: ['*']}, write_log_diffs: true, enabled: false}}}")
	f("opendistro_security.compliance.history.read.watched_fields: a,f,g", "audit: {initial: {compliance: {read_watched_fields: {a: [f, g]}}}}")
	f("plugins.security.authcz.admin_dn: ['CN=a']\nplugins.security.ssl.http: {enabled: true, pemcert_filepath: c, pemkey_filepath: k, pemtrustedcas_filepath: a, clientauth_mode: REQUIRE}",
		"admin_dns: ['CN=a']\nhttp: {tls: {cert_file: c, key_file: k, client_ca_file: a, client_auth: required}}")
	f("plugins.security.restapi.roles_enabled: [all_access]\nplugins.security.restapi.endpoints_disabled.my.role.AUDIT: [PUT, PATCH]\nplugins.security.restapi.endpoints_disabled.global.Roles: delete\nplugins.security.restapi.endpoints_disabled.global.CACHE: '*'",
		"security: {rest_roles: [all_access], rest_disabled: {my.role: {AUDIT: [PUT, PATCH]}, global: {ROLES: [DELETE], CACHE: ['*']}}}")
	f("plugins.security.audit.type: webhook\nplugins.security.audit.config: {webhook: {url: 'https://h/x', format: json, ssl: {verify: true, pemtrustedcas_filepath: ca}}, username: u, password: p}",
		"audit: {sinks: {default: {type: webhook, url: 'https://h/x', body: lines, batch_events: 1, ca_file: ca, headers: {Authorization: 'Basic dTpw'}}}}")
	f("plugins.security.audit.type: kafka\nplugins.security.audit.config: {bootstrap_servers: 'a:1,b:2', topic_name: t, security_protocol: SASL_SSL, sasl_mechanism: SCRAM-SHA-256, sasl_jaas_config: 'x required username=\"u\" password=\"p\";', acks: all}",
		"audit: {sinks: {default: {type: kafka, brokers: ['a:1', 'b:2'], topic: t, tls: true, sasl: scram-sha-256, username: u, password: p}}}")
	f("plugins.security.audit:\n  type: internal_opensearch\n  endpoints: {Out: {type: debug}, two: {type: internal_opensearch, config: {index: i}}}\n  routes: {FAILED_LOGIN: {endpoints: [out, DEFAULT]}, opensearch_security_index_attempt: {endpoints: two}}",
		`audit: {sinks: {default: {type: index, categories: [FAILED_LOGIN, BAD_HEADERS, AUTHENTICATED, GRANTED_PRIVILEGES, MISSING_PRIVILEGES,
			SSL_EXCEPTION, INDEX_EVENT, CLUSTER_SETTINGS_CHANGED, INDEX_SETTINGS_CHANGED, COMPLIANCE_DOC_READ, COMPLIANCE_DOC_WRITE,
			COMPLIANCE_INTERNAL_CONFIG_READ, COMPLIANCE_INTERNAL_CONFIG_WRITE, COMPLIANCE_EXTERNAL_CONFIG, REQUEST_OUTCOME, ALERT_DELIVERY]},
			out: {type: stdout, categories: [FAILED_LOGIN]}, two: {type: index, index: i, categories: [OPENDISTRO_SECURITY_INDEX_ATTEMPT]}}}`)
	f("plugins.security.audit.type: internal_opensearch_data_stream", "audit: {sinks: {default: {type: index, data_stream: true, index: opensearch-security-auditlog}}}")
	f("plugins.security.audit.type: internal_opensearch_data_stream\nplugins.security.audit.config.data_stream: {name: s, template.manage: true}",
		"audit: {sinks: {default: {type: index, data_stream: true, index: s}}}")
	f("plugins.security.audit.type: external_opensearch\nplugins.security.audit.config: {http_endpoints: ['h:9200', 'https://i:1'], enable_ssl: true, verify_hostnames: true, username: u, password: p, index: \"'x-'YYYY\", pemtrustedcas_filepath: ca, enable_ssl_client_auth: true, pemcert_filepath: c, pemkey_filepath: k}",
		"audit: {sinks: {default: {type: index, index: \"'x-'YYYY\", cluster: {urls: ['https://h:9200', 'https://i:1'], username: u, password: p, ca_file: ca, cert_file: c, key_file: k}}}}")
	f("plugins.security.audit.type: external_elasticsearch", "audit: {sinks: {default: {type: index, cluster: {urls: ['http://localhost:9200']}}}}")
	f("plugins.security.system_indices.enabled: true\nplugins.security.audit.config.timezone: UTC\nplugins.security.restapi.admin.enabled: false", "")
}

// What Vigil has nothing for is an error that names line and key, and says what to do.
func TestOriginalNamesThatAreNotTaken(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		c := Default()
		err := Decode([]byte("cluster_name: c\n"+text), &c)
		if err == nil {
			t.Errorf("%s: no error, want %q", text, want)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got error\n%v\nwant one with %q", text, err, w)
			}
		}
	}
	f("plugins.security.audit.ignore_users: [a]", "line 2: plugins.security.audit.ignore_users: a node does not start with this name; the setting is plugins.security.audit.config.ignore_users")
	f("opendistro_security.audit.config.enable_rest: true", "the setting is opendistro_security.audit.enable_rest")
	f("plugins.security.compliance.history.read.metadata_only: true", "the setting is opendistro_security.compliance.history.read.metadata_only")
	f("plugins: {security: {audit: {nope: 1}}}", "line 2: plugins.security.audit.nope: is no setting that Vigil knows")
	f("plugins.security.nope: 1", "plugins.security.nope: is no setting that Vigil knows")
	f("plugins.nope: 1", `unknown key "plugins.nope"`)
	f("plugins.security.audit.config.enable_rest: yes", "line 2: plugins.security.audit.config.enable_rest: is neither true nor false")
	f("plugins.security.audit.config.ignore_users: [null]", "ignore_users: line 2 is not a text")
	f("plugins.security.audit.config.ignore_users: {a: b}", "line 2: plugins.security.audit.config.ignore_users.a: without")
	f("plugins.security.audit.config.index: a\naudit: {index: b}", "line 2: plugins.security.audit.config.index: audit.index in line 3 says it already")
	f("plugins.security.audit.config.enable_rest: true\nopendistro_security.audit.enable_rest: true", "line 3: opendistro_security.audit.enable_rest: plugins.security.audit.config.enable_rest in line 2 wins")
	f("plugins.security.audit.threadpool.size: 10\nplugins.security.audit.config.retry_count: 3", "threadpool.size: Vigil makes events durable", "retry_count: a sink is tried again for ever")
	f("plugins.security.audit.config.timezone: Asia/Tokyo", "names of audit indices follow UTC")
	f("plugins.security.audit.config.webhook.url: https://h", "plugins.security.audit.config.webhook.url: without plugins.security.audit.type nothing is audited")
	f("plugins.security.audit.endpoints.a.type: debug\nplugins.security.audit.routes.FAILED_LOGIN.endpoints: a", "line 2: plugins.security.audit.endpoints.a.type: without", "line 3: plugins.security.audit.routes.FAILED_LOGIN.endpoints: without")
	f("plugins.security.audit.type: log4j\nplugins.security.audit.config.log4j.level: INFO", "line 2: plugins.security.audit.type: log4j has no counterpart", "line 3: plugins.security.audit.config.log4j.level: log4j")
	f("plugins.security.audit.type: noop", "audit.initial: {enabled: false}")
	f("plugins.security.audit.type: org.example.Sink", `there is no sink like "org.example.Sink"`)
	f("plugins.security.audit.type: internal_opensearch\nplugins.security.audit.config.topic_name: t", "line 3: plugins.security.audit.config.topic_name: is no setting of a sink of this type")
	f("plugins.security.audit.type: webhook\nplugins.security.audit.config.webhook.url: https://h", "Say webhook.format: JSON")
	f("plugins.security.audit.type: webhook\nplugins.security.audit.config.webhook: {url: 'https://h', format: SLACK, ssl: {verify: false}}", "webhook.format: Vigil posts JSON", "ssl.verify: certificates are always verified")
	f("plugins.security.audit.type: debug\nplugins.security.audit.config.username: canary", "username: is no setting of a sink")
	f("plugins.security.audit: {type: debug, endpoints: {fallback: {type: debug}, b: {config: {index: i}}}}", "fallback.type: there is no fallback", "the sink b has no type")
	f("plugins.security.audit: {type: debug, endpoints: {b: {type: debug}}}", "no category is routed to the sink b")
	f("plugins.security.audit: {type: debug, routes: {NOPE: {endpoints: default}, FAILED_LOGIN: {endpoints: c}, INDEX_EVENT: {endpoints: []}, BAD_HEADERS: {x: []}}}",
		"NOPE is no category", "there is no sink c", "names no sink", "is not audit.routes.CATEGORY.endpoints")
	f("plugins.security.audit: {type: debug, routes: {FAILED_LOGIN: {endpoints: default}, failed_login: {endpoints: default}}}", "FAILED_LOGIN is routed already")
	f("plugins.security.audit.type: debug\naudit: {sinks: {default: {type: stdout}}}", "audit.sinks in line 3 names this sink already")
	f("plugins.security.audit.type: internal_opensearch_data_stream\nplugins.security.audit.config.data_stream.template.number_of_shards: 3", "the template of the stream is Vigil's")
	f("plugins.security.audit.type: external_opensearch\nplugins.security.audit.config: {pemkey_content: canary, cert_alias: a, pemkey_password: canary}", "pemkey_content: put the content into a file", "cert_alias: key stores", "pemkey_password: a key with a password")
	f("plugins.security.system_indices.enabled: false", "system indices are always protected")
	f("plugins.security.restapi.endpoints_disabled.AUDIT: [PUT]", "is not restapi.endpoints_disabled.ROLE.ENDPOINT")
	f("plugins.security.authcz.admin_dn: 'CN=a,O=b'", "admin_dn: is not a list; a node splits")
	f("plugins.security.ssl.http.clientauth_mode: NONE", "is neither OPTIONAL nor REQUIRE")
	f("opendistro_security.compliance.history.read.watched_fields: ['a,f', 'a,g']", "names a twice")
}

func TestTranslatedFileLoads(t *testing.T) {
	tr, err := Translate([]byte(`cluster.name: c
node.name: n
network.host: 0.0.0.0
path: {data: /x}
plugins.security.audit.type: external_opensearch
plugins.security.audit.threadpool.size: 3
plugins.security.audit.config: {http_endpoints: ['h:9200', 'https://i:1'], enable_ssl: true, username: u, password: canary-1, pemtrustedcas_filepath: ca, index: x}
`))
	if err != nil {
		t.Fatal(err)
	}
	var fates []string
	for _, f := range tr.Findings {
		fates = append(fates, f.Key+" "+string(f.Fate))
		if strings.Contains(f.Text, "canary") {
			t.Errorf("a finding tells a secret: %s", f)
		}
	}
	want := []string{
		"cluster.name taken", "node.name taken", "network.host left with the cluster", "path.data left with the cluster",
		"plugins.security.audit.type taken", "plugins.security.audit.threadpool.size not taken",
		"plugins.security.audit.config.http_endpoints taken", "plugins.security.audit.config.enable_ssl taken",
		"plugins.security.audit.config.username taken", "plugins.security.audit.config.password taken",
		"plugins.security.audit.config.pemtrustedcas_filepath taken", "plugins.security.audit.config.index taken",
	}
	if diff := cmp.Diff(want, fates); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
	shown, err := tr.YAML(true)
	if err != nil || strings.Contains(string(shown), "canary") || !strings.Contains(string(shown), hidden) {
		t.Errorf("secrets are not hidden (%v):\n%s", err, shown)
	}
	whole, err := tr.YAML(false)
	if err != nil {
		t.Fatal(err)
	}
	var got, expected any
	if err := yaml.Unmarshal(whole, &got); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(`{cluster_name: c, node_name: n, audit: {sinks: {default: {type: index, index: x, cluster: {
		urls: ['https://h:9200', 'https://i:1'], username: u, password: canary-1, ca_file: ca}}}}}`), &expected); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("vigil.yml differs (-want +got):\n%s", diff)
	}
	if _, err := Translate([]byte("- a")); err == nil {
		t.Error("a list was taken for settings")
	}
	if tr, err := Translate(nil); err != nil || len(tr.Findings) > 0 {
		t.Errorf("an empty file: %v, %v", tr, err)
	}
}

// An address may hold a password.
// A file that refers to itself ends in an error, and soon.
func TestAliasesThatStandForThemselves(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 {x: 1}\n")
	for i := range 12 {
		fmt.Fprintf(&laughs, "a%d: &a%d {", i+1, i+1)
		for j := range 9 {
			fmt.Fprintf(&laughs, "k%d: *a%d, ", j, i)
		}
		laughs.WriteString("}\n")
	}
	for name, file := range map[string]string{
		"itself": "plugins: &a {security: *a}",
		"deep":   "plugins: &a {security: {audit: &b {x: *b, y: *a}}}",
		"laughs": laughs.String() + "plugins: {security: *a12}",
	} {
		if err := Decode([]byte(file), new(Config)); err == nil {
			t.Errorf("%s: is read without an error", name)
		}
		translated, err := Translate([]byte(file))
		if err != nil || len(translated.Findings) > 0 {
			continue
		}
		if yml, err := translated.YAML(true); err == nil && Decode(yml, new(Config)) == nil {
			t.Errorf("%s: is imported as if nothing were wrong", name)
		}
	}
}

func TestTranslationHidesAddressesWithPasswords(t *testing.T) {
	for _, text := range []string{
		"plugins.security.audit: {type: external_opensearch, config: {http_endpoints: ['https://u:canary@h:1', 'h:2']}}",
		"plugins.security.audit: {type: webhook, config: {webhook: {url: 'https://u:canary@h', format: JSON}}}",
		"plugins.security.audit: {type: kafka, config: {sasl_jaas_config: 'a username=\"u\" password=\"canary\";'}}",
	} {
		tr, err := Translate([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if shown, err := tr.YAML(true); err != nil || strings.Contains(string(shown), "canary") {
			t.Errorf("%v\n%s", err, shown)
		}
		if whole, err := tr.YAML(false); err != nil || !strings.Contains(string(whole), "canary") {
			t.Errorf("%v\n%s", err, whole)
		}
	}
}

func FuzzTranslate(f *testing.F) {
	f.Add("plugins.security.audit: {type: kafka, endpoints: {a: {type: debug}}, routes: {FAILED_LOGIN: {endpoints: [a]}}}")
	f.Add("plugins: {security: &a {audit.config: {enable_rest: true}}}\nopendistro_security: *a")
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := Translate([]byte(text))
		if err != nil {
			return
		}
		for _, finding := range tr.Findings {
			if finding.Text == "" {
				t.Errorf("%q: nothing told: %v", text, finding)
			}
		}
		if _, err := tr.YAML(false); err != nil {
			t.Error(err)
		}
	})
}
