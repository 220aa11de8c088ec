package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSinksNameWhatIsWrong(t *testing.T) {
	f := func(sinks, want string) {
		t.Helper()
		c := Default()
		err := Decode([]byte("audit:\n  sinks:\n"+sinks), &c)
		if err == nil {
			err = c.Validate()
		}
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", sinks, err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", sinks, err, want)
		}
	}
	f("    a: {type: index}\n", "")
	f("    a: {type: index, index: logs-audit, data_stream: true, cluster: {urls: ['https://n-1:9200'], api_key: k, ca_file: c, gzip: true}}\n", "")
	f("    a: {type: index, data_stream: true}\n", "audit.sinks.a.index: needed with data_stream")
	f("    a: {type: index, cluster: {username: u, password: p}}\n", "audit.sinks.a.cluster.urls: needed for the other settings")
	f("    a: {type: index, cluster: {urls: ['http://n-1:9200']}}\n", "audit.sinks.a.cluster.urls: n-1:9200 would send requests in the clear")
	f("    a: {type: index, cluster: {urls: ['https://n-1:9200'], username: u}}\n", "audit.sinks.a.cluster: username and password")
	f("    a: {type: index, cluster: {urls: ['https://n-1:9200'], timeout: 0s}}\n", "audit.sinks.a.cluster.timeout: must be more")
	f("    a:\n      type: index\n      cluster:\n        url: x\n", `line 6: unknown key "audit.sinks.a.cluster.url"`)
	f("    a: {type: file, path: a.json, max_size: 1mb, keep: 0, compress: false}\n", "")
	f("    a: {type: webhook, url: 'https://h/x', secret: s, headers: {X-A: b}}\n", "")
	f("    a: {type: syslog, address: 'h:6514'}\n", "")
	f("    a: {type: kafka, brokers: ['h:9092'], topic: t, sasl: plain, username: u, password: p}\n", "")
	f("    []\n", "is not a mapping from names to sinks")
	f("    a: []\n", "line 3: audit.sinks.a is not a mapping")
	f("    {}\n", "audit.sinks: must name at least one sink")
	f("    a: {}\n", `line 3: audit.sinks.a.type: "" is not one of index, file,`)
	f("    a: {type: pigeon}\n", `audit.sinks.a.type: "pigeon" is not one of`)
	f("    a:\n      type: file\n      topic: t\n", `line 5: unknown key "audit.sinks.a.topic": it is no setting of a sink of type file`)
	f("    a: {type: file, path: p/x}\n    b: {type: file, path: p/./x}\n", "audit.sinks.b: writes where audit.sinks.a does")
	f("    a: {type: index}\n    b: {type: index, format: ecs}\n", "audit.sinks.b: writes where audit.sinks.a does")
	f("    a: {type: index}\n    b: {type: index, cluster: {urls: ['https://n:1']}}\n    c: {type: index, index: \"'x'\"}\n", "")
	f("    a: {type: file}\n", "audit.sinks.a.path: must not be empty")
	f("    a: {type: file, path: p, max_size: 0}\n", "audit.sinks.a.max_size")
	f("    a: {type: file, path: p, max_age: soon}\n", "audit.sinks.a: line 3")
	f("    a: {type: stdout}\n    a: {type: stdout}\n", "already defined")
	f("    'a b': {type: stdout}\n", "letters, digits")
	f("    a: {type: stdout, format: cef}\n", `audit.sinks.a.format: "cef" is not one of native, ecs, ocsf`)
	f("    a: {type: stdout, on_full: drop}\n", `audit.sinks.a.on_full: "drop" is not one of hold, skip`)
	f("    a: {type: stdout, batch_events: 0}\n", "audit.sinks.a.batch_events")
	f("    a: {type: webhook, url: 'ftp://h'}\n", "audit.sinks.a.url: is not an http or https URL")
	f("    a: {type: webhook, url: 'https://u:p@h'}\n", "audit.sinks.a.url: must not hold credentials")
	f("    a: {type: webhook, url: 'https://h', body: xml}\n", "audit.sinks.a.body")
	f("    a: {type: webhook, url: 'https://h', headers: {'a b': c}}\n", "is not a header's name")
	f("    a: {type: webhook, url: 'https://h', headers: {a: \"b\\nc\"}}\n", "audit.sinks.a.headers.a: must be printable")
	f("    a: {type: syslog, address: nowhere}\n", `audit.sinks.a.address: "nowhere" is not host:port`)
	f("    a: {type: syslog, address: 'h:1', facility: 24}\n", "audit.sinks.a.facility")
	f("    a: {type: syslog, address: 'h:1', network: tcp, ca_file: x}\n", "audit.sinks.a.ca_file: has no effect")
	f("    a: {type: kafka, topic: t}\n", "audit.sinks.a.brokers: must name at least one")
	f("    a: {type: kafka, brokers: ['h:1']}\n", "audit.sinks.a.topic")
	f("    a: {type: kafka, brokers: ['h:1'], topic: t, sasl: plain}\n", "username and password are needed together")
	f("    a: {type: kafka, brokers: ['h:1'], topic: t, sasl: gssapi, username: u, password: p}\n", "audit.sinks.a.sasl")
}

func TestTheFirstSinkHoldsAndTheOthersAreSkipped(t *testing.T) {
	c := Default()
	sinks := "audit: {sinks: {z: {type: stdout}, a: {type: index}, m: {type: stdout, on_full: hold}}}"
	if err := Decode([]byte(sinks), &c); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range c.Audit.Sinks {
		got = append(got, s.Name+" "+s.OnFull)
	}
	if diff := cmp.Diff([]string{"z hold", "a skip", "m hold"}, got); diff != "" {
		t.Errorf("sinks differ (-want +got):\n%s", diff)
	}
}

func TestSecretsOfSinks(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("canary-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(sinks string) (Config, error) {
		file := filepath.Join(dir, "vigil.yml")
		if err := os.WriteFile(file, []byte("audit: {sinks: {a: {"+sinks+"}}}"), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(Source{File: file})
	}
	c, err := load("type: webhook, url: 'https://h', secret_file: " + secret + ", token: canary-2, headers: {X-Key: canary-3}")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Audit.Sinks[0].Secret); got != "canary-1" {
		t.Errorf("got secret %q", got)
	}
	dump, err := c.Dump()
	if err != nil || strings.Contains(string(dump), "canary") || !strings.Contains(string(dump), "secret_file") {
		t.Errorf("the dump shows secrets or lacks settings (%v):\n%s", err, dump)
	}
	if strings.Contains(string(dump), "brokers") {
		t.Errorf("the dump has settings of other types:\n%s", dump)
	}
	c, err = load("type: index, cluster: {urls: ['https://h'], username: u, password_file: " + secret + "}")
	if err != nil || c.Audit.Sinks[0].Cluster.Password != "canary-1" {
		t.Errorf("got error %v, cluster %+v", err, c.Audit.Sinks)
	}
	if dump, err := c.Dump(); err != nil || strings.Contains(string(dump), "canary") || !strings.Contains(string(dump), "password_file") {
		t.Errorf("the dump shows secrets or lacks settings (%v):\n%s", err, dump)
	}
	if _, err := load("type: webhook, url: 'https://h', secret: x, secret_file: " + secret); err == nil {
		t.Error("a secret and its file were accepted together")
	}
	_, err = load("type: webhook, url: 'https://h/%zz?canary', token: canary")
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error without what may be secret", err)
	}
}

func TestSinksLoadAsTheyAreDumped(t *testing.T) {
	c := Default()
	sinks := `audit: {sinks: {z: {type: file, path: p}, a: {type: kafka, brokers: ['h:1'], topic: t}, i: {type: index}}}`
	if err := Decode([]byte(sinks), &c); err != nil {
		t.Fatal(err)
	}
	dump, err := c.Dump()
	if err != nil {
		t.Fatal(err)
	}
	back := Default()
	if err := Decode(dump, &back); err != nil {
		t.Fatalf("%v in\n%s", err, dump)
	}
	normal := cmp.Transformer("empty", func(l []string) string { return strings.Join(l, ",") })
	if diff := cmp.Diff(c.Audit.Sinks, back.Audit.Sinks, normal); diff != "" {
		t.Errorf("the dump loads differently (-want +got):\n%s", diff)
	}
}
