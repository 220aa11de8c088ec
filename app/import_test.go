package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/app/apptest"
)

// pluginFiles are the files of a node as the plugin would have them. Secrets hold the word canary.
func pluginFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"opensearch.yml": `cluster.name: prod
network.host: 0.0.0.0
plugins.security.ssl.transport.pemcert_filepath: esnode.pem
plugins.security.audit.type: webhook
plugins.security.audit.config.webhook: {url: 'https://siem.example/audit', format: JSON}
plugins.security.audit.config.username: u
plugins.security.audit.config.password: canary-1
plugins.security.audit.config.enable_rest: false
plugins.security.audit.threadpool.size: 10
plugins.security.restapi.roles_enabled: [all_access]
`,
		"audit.yml": `_meta: {type: audit, config_version: 2}
config:
  enabled: true
  audit:
    enable_rest: true
    disabled_rest_categories: [AUTHENTICATED, INDEX_EVENT, NOPE]
    disabled_transport_categories: [opensearch_security_index_attempt]
    ignore_requests: ["/_cat/", "SearchRequest"]
    ignore_url_params: [token]
    nope: 1
  compliance:
    write_metadata_only: true
    write_log_diffs: true
    read_watched_fields: {a: []}
`,
		"internal_users.yml": `_meta: {type: internalusers, config_version: 2}
admin: {hash: "$2a$12$canary"}
logstash:
  hash: "` + apptest.Hash(t, apptest.Password) + `"
  reserved: true
  backend_roles: [logstash]
foreign: {hash: "$argon2id$canary"}
`,
		"roles.yml": `_meta: {type: roles, config_version: 2}
mine: {cluster_permissions: [mine_group], static: false}
hides: {index_permissions: [{index_patterns: [x], dls: "{}", allowed_actions: [read]}]}
all_access: {static: true}
`,
		"roles_mapping.yml": "mine: {backend_roles: [logstash]}\nnowhere: {users: [a]}\n",
		"action_groups.yml": "mine_group: {allowed_actions: ['cluster:monitor/*'], type: cluster}\n",
		"tenants.yml":       "_meta: {type: tenants}\nours: {description: d}\nodd: 1\n",
		"whitelist.yml":     "config: {enabled: false}\n",
		"nodes_dn.yml":      "# nothing\n",
		"config.yml": `config: {dynamic: {http: {xff: {enabled: true}}, authc: {
  basic: {http_enabled: true, http_authenticator: {type: basic}, authentication_backend: {type: intern}},
  ldap: {http_enabled: false}, jwt: {http_authenticator: {type: jwt}}}}}
`,
		"unrelated.yml": "x: y\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var spaces = regexp.MustCompile(` {2,}`)

// findings are the lines of a report without its columns and the folder.
func findings(out, dir string) string {
	out, _, _ = strings.Cut(out, "\n# vigil.yml\n")
	return spaces.ReplaceAllString(strings.ReplaceAll(out, dir+"/", ""), " ")
}

const wantFindings = `action_groups.yml
 1 actiongroups/mine_group taken PUT _plugins/_security/api/actiongroups/mine_group
audit.yml
 3 config.enabled taken audit.initial.enabled
 5 config.audit.enable_rest taken audit.initial.audit.enable_rest
 6 config.audit.disabled_rest_categories: INDEX_EVENT had no effect the layer has no such events
 6 config.audit.disabled_rest_categories: NOPE had no effect is no category, and a node does not load a configuration with it
 6 config.audit.disabled_rest_categories taken audit.initial.audit.disabled_rest_categories
 7 config.audit.disabled_transport_categories taken audit.initial.audit.disabled_transport_categories
 8 config.audit.ignore_requests taken audit.initial.audit.ignore_requests
 8 config.audit.ignore_requests: /_cat/ had no effect between slashes stands a regular expression, and no path begins without one; meant is /_cat/*
 9 config.audit.ignore_url_params taken audit.initial.audit.ignore_url_params
 9 config.audit.ignore_url_params had no effect is kept, and has no effect here either
 10 config.audit.nope had no effect a node does not load a configuration with it: audit.nope is not known
 12 config.compliance.write_metadata_only taken audit.initial.compliance.write_metadata_only
 13 config.compliance.write_log_diffs taken audit.initial.compliance.write_log_diffs
 13 config.compliance.write_log_diffs had no effect there are differences only if write_metadata_only is false
 14 config.compliance.read_watched_fields taken audit.initial.compliance.read_watched_fields
 14 config.compliance.read_watched_fields: a had no effect no fields watch nothing
config.yml
 1 config.dynamic.http not taken internal users and administrators' certificates are who logs in here; trusted proxies are http.trusted_proxies
 2 config.dynamic.authc.basic taken internal users log in with name and password
 3 config.dynamic.authc.ldap had no effect is switched off
 3 config.dynamic.authc.jwt not taken only internal users and administrators' certificates log in here
internal_users.yml
 2 internalusers/admin not taken is who applies; change the password with PUT _plugins/_security/api/account
 3 internalusers/logstash taken PUT _plugins/_security/api/internalusers/logstash
 3 internalusers/logstash.reserved not taken only an administrator by certificate may set it (--cert)
 7 internalusers/foreign not taken hash is not bcrypt ($2a$, $2b$ or $2y$ with a cost of at most 16)
nodes_dn.yml
opensearch.yml
 1 cluster.name taken cluster_name
 2 network.host left with the cluster is not a setting of the security plugin
 3 plugins.security.ssl.transport.pemcert_filepath not taken there are no other nodes to speak to
 4 plugins.security.audit.type taken audit.sinks.default.type: webhook
 5 plugins.security.audit.config.webhook.url taken audit.sinks.default.url
 5 plugins.security.audit.config.webhook.format taken audit.sinks.default.body: lines, batch_events: 1
 6 plugins.security.audit.config.username taken audit.sinks.default.headers.Authorization
 7 plugins.security.audit.config.password taken audit.sinks.default.headers.Authorization
 8 plugins.security.audit.config.enable_rest had no effect where there is an audit configuration of its own (audit.yml), a node does not read this
 9 plugins.security.audit.threadpool.size not taken Vigil makes events durable before it answers, and each sink reads at its own pace
 10 plugins.security.restapi.roles_enabled taken security.rest_roles
roles.yml
 2 roles/mine taken PUT _plugins/_security/api/roles/mine
 3 roles/hides not taken index_permissions[0].dls is not supported
 4 roles/all_access had no effect is built in and cannot be changed
roles_mapping.yml
 1 rolesmapping/mine taken PUT _plugins/_security/api/rolesmapping/mine
 2 rolesmapping/nowhere not taken role 'nowhere' not found.
tenants.yml
 2 tenants/ours taken PUT _plugins/_security/api/tenants/ours
 3 tenants/odd not taken is not a mapping of settings
whitelist.yml
 1 config had no effect is switched off
`

// The tests here start programs and are not parallel: a fork holds the locks of servers in this process for a moment.

func TestImportSaysWhatBecomesOfEverySetting(t *testing.T) {
	dir := pluginFiles(t)
	p := run(t, nil, "import", dir)
	status := p.wait()
	out, log := p.said()
	if status != 0 || strings.Contains(out+log, "canary") {
		t.Fatalf("ended with %d, out: %s\nlog: %s", status, out, log)
	}
	if diff := cmp.Diff(strings.Split(wantFindings, "\n"), strings.Split(findings(out, dir), "\n")); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	for _, part := range []string{"cluster_name: prod", "url: https://siem.example/audit", "Authorization: <hidden>", "# PUT _plugins/_security/api/audit/config"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in\n%s", part, out)
		}
	}
}

func TestImportIntoARunningServer(t *testing.T) {
	s := apptest.Start(t, nil)
	dir := pluginFiles(t)
	out := filepath.Join(t.TempDir(), "out")
	apply := func() (int, string, string) {
		t.Helper()
		p := run(t, []string{"VIGIL_ADMIN_PASSWORD=" + apptest.Password}, "import", dir, "--apply", "--out", out, "--url", s.URL)
		status := p.wait()
		said, log := p.said()
		return status, said, log
	}
	status, said, log := apply()
	if status != 1 || !strings.Contains(log, "3 of what was to be applied was refused") || strings.Contains(said+log, "canary") {
		t.Fatalf("ended with %d, out: %s\nlog: %s", status, said, log)
	}
	if diff := cmp.Diff(strings.Split(wantFindings, "\n"), strings.Split(findings(said, dir), "\n")); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if a := s.As("logstash", apptest.Password, "GET", "/_cluster/health", nil); a.Status != 200 {
		t.Errorf("the imported user may not do what the imported role says: %d %s", a.Status, a.Body)
	}
	var got struct {
		Config struct {
			Audit struct {
				Requests []string `json:"ignore_requests"`
			}
		}
	}
	s.Must("GET", "/_plugins/_security/api/audit", nil).JSON(t, &got)
	if diff := cmp.Diff([]string{"/_cat/", "SearchRequest"}, got.Config.Audit.Requests); diff != "" {
		t.Errorf("ignore_requests (-want +got):\n%s", diff)
	}
	for _, name := range []string{"vigil.yml", "audit.json"} {
		info, err := os.Stat(filepath.Join(out, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if p := run(t, nil, "check", "--config", filepath.Join(out, "vigil.yml")); p.wait() != 0 {
		_, log := p.said()
		t.Errorf("the imported configuration is not valid: %s", log)
	}
	if status, _, log := apply(); status != 1 || !strings.Contains(log, "file exists") {
		t.Errorf("a second import ended with %d: %s", status, log)
	}
}

func TestImportNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(status int, want string, args ...string) {
		t.Helper()
		p := run(t, nil, append([]string{"import"}, args...)...)
		got := p.wait()
		out, log := p.said()
		if got != status || !strings.Contains(out+log, want) {
			t.Errorf("vigil import %v: ended with %d, want %d with %q\n%s%s", args, got, status, want, out, log)
		}
	}
	f(2, "no file is named")
	f(0, "usage: vigil import", "--help")
	f(2, "flag provided but not defined", "x", "--nonsense")
	f(1, "no such file", filepath.Join(dir, "none.yml"))
	f(1, "has none of the plugin's files", dir)
	f(1, "opensearch.yml: the file is not a mapping", write("opensearch.yml", "- a\n"))
	f(1, "yaml", write("roles.yml", "a: [\n"))
	f(1, "has no mapping config", write("audit.yml", "_meta: {type: audit}\n"))
	f(0, "is not set, so a node audits nothing", write("elasticsearch.yml", "plugins.security.audit.config.enable_rest: false\n"))
	f(0, "vigil.yml would not load: http.tls.client_ca_file: needed for admin_dns", write("node.yml", "plugins.security.authcz.admin_dn: ['x']\n"))
	f(1, "actiongroups/a  not taken  was not sent", write("action_groups.yml", "a: {allowed_actions: [read]}\n"), "--apply", "--url", "http://127.0.0.1:1", "--password-file", write("pw", "x"))
	f(1, "are both settings of a node", filepath.Join(dir, "elasticsearch.yml"), filepath.Join(dir, "node.yml"))
}
