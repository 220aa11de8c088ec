package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o Options) *Notifier {
	t.Helper()
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// local lets receivers of tests be reached.
func local() Options {
	return Options{Version: "1.2.3", AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
}

func receiver(t testing.TB, h http.HandlerFunc) *url.URL {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func webhook(target string) Destination {
	return Destination{ID: "d", Name: "d", Type: Webhook, Config: encode(map[string]string{"url": target})}
}

func TestRequestsAreThoseOfOpenSearch(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "recorded.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var got string
	var headers http.Header
	u := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		headers = r.Header
		got = fmt.Sprintf("%s %s\nContent-Type: %s\n\n%s\n", r.Method, r.RequestURI, r.Header.Get("Content-Type"), body)
	})
	n := open(t, local())
	for i := 0; i+1 < len(archive.Files); i += 2 {
		var c struct {
			Type    Type
			Config  json.RawMessage
			Subject string
			Body    string
		}
		if err := json.Unmarshal(archive.Files[i].Data, &c); err != nil {
			t.Fatal(err)
		}
		config, err := Check(c.Type, json.RawMessage(strings.Replace(string(c.Config), "HOST", u.Host, 1)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.Send(t.Context(), Destination{Type: c.Type, Config: config}, Message{Subject: c.Subject, Body: c.Body, DeliveryID: "delivery-1"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(archive.Files[i+1].Data), got); diff != "" {
			t.Errorf("%s: %s", archive.Files[i].Name, diff)
		}
		if headers.Get("User-Agent") != "Vigil/1.2.3" || headers.Get("X-Vigil-Delivery") != "delivery-1" {
			t.Errorf("%s: headers %v", archive.Files[i].Name, headers)
		}
	}
}

func TestWebhookInParts(t *testing.T) {
	var got *http.Request
	u := receiver(t, func(_ http.ResponseWriter, r *http.Request) { got = r })
	n := open(t, local())
	config := fmt.Sprintf(`{"scheme":"http","host":"127.0.0.1","port":%s,"path":"in","query_params":{"q":"a b"},
		"header_params":{"X-Team":"blue"},"method":"PATCH","username":"u","password":"p"}`, u.Port())
	if _, err := n.Send(t.Context(), Destination{Type: Webhook, Config: json.RawMessage(config)}, Message{Body: "x"}); err != nil {
		t.Fatal(err)
	}
	user, password, _ := got.BasicAuth()
	if got.Method != http.MethodPatch || got.RequestURI != "/in?q=a+b" || got.Header.Get("X-Team") != "blue" || user != "u" || password != "p" {
		t.Errorf("got %s %s %v", got.Method, got.RequestURI, got.Header)
	}
	// Headers replace the standard content type, as in OpenSearch.
	if ct := got.Header.Get("Content-Type"); ct != "" {
		t.Errorf("content type %q", ct)
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		typ          Type
		config, want string
		err          string
	}{
		{Chime, `{"url":"https://hooks.chime.aws/x","other":1}`, `{"url":"https://hooks.chime.aws/x"}`, ""},
		{Webhook, `{"url":"http://a/b"}`, `{"url":"http://a/b","header_params":{},"method":"POST"}`, ""},
		{Webhook, `{"url":"http://a/b","method":"DELETE"}`, `{"url":"http://a/b","header_params":{},"method":"POST"}`, ""},
		{Webhook, `{"url":"not a url"}`, "", "no protocol: not a url"},
		{Webhook, `{"url":"file:///etc/passwd"}`, "", "unknown protocol: file"},
		{Webhook, `{"url":"http://"}`, "", "Invalid URL or unsupported"},
		{Webhook, `{}`, "", "url field absent"},
		{Webhook, `{"url":"http://a/","header_params":{"a b":"c"}}`, "", "header [a b] is malformed"},
		{Webhook, `{"url":"http://a/","header_params":{"a":"c\r\nHost: evil"}}`, "", "header [a] is malformed"},
		{Webhook, `{"host":"a","port":70000}`, "", "port [70000] is out of range"},
		{Teams, `{"url":"http://127.0.0.1/teams"}`, "", `Wrong Microsoft Teams url. Should contain "webhook.office.com"`},
		{Teams, `{"url":"https://x.webhook.office.com/y"}`, `{"url":"https://x.webhook.office.com/y"}`, ""},
		{Teams, `{"url":"https://webhook.office.com.evil.example/y"}`, "", `Wrong Microsoft Teams url. Should contain "webhook.office.com"`},
		{Slack, `{"url":"https://ｌocalhost/"}`, "", "the host of the url is not ASCII: write it as xn--…"},
		{Webhook, `{"url":"http://a/","password":"__SENSITIVE__"}`, "", "__SENSITIVE__ stands for a secret that this host was never sent: write it out"},
		{"pigeon", `{}`, "", "unknown type of destination: pigeon"},
	}
	for _, tt := range tests {
		got, err := Check(tt.typ, json.RawMessage(tt.config))
		if text := fmt.Sprint(err); err != nil && text != tt.err || err == nil && tt.err != "" {
			t.Errorf("%s %s: error %v, want %s", tt.typ, tt.config, err, tt.err)
		}
		if string(got) != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.typ, tt.config, got, tt.want)
		}
	}
}

func TestFailuresSayWhetherToRetry(t *testing.T) {
	tests := []struct {
		status int
		header string
		retry  bool
		after  time.Duration
		ok     bool
	}{
		{200, "", false, 0, true},
		{207, "", false, 0, true},
		{208, "", false, 0, false},
		{302, "", false, 0, false},
		{400, "", false, 0, false},
		{404, "", false, 0, false},
		{408, "", true, 0, false},
		{429, "17", true, 17 * time.Second, false},
		{500, "", true, 0, false},
		{501, "", false, 0, false},
		{503, "999999999", true, 24 * time.Hour, false},
		{503, "-5", true, 0, false},
		{503, "soon", true, 0, false},
	}
	for _, tt := range tests {
		u := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			if tt.header != "" {
				w.Header().Set("Retry-After", tt.header)
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, `{"from":"listener"}`)
		})
		res, err := open(t, local()).Send(t.Context(), webhook(u.String()), Message{})
		if tt.ok {
			if err != nil || res.Status != tt.status || res.Body != `{"from":"listener"}` {
				t.Errorf("%d: got %+v, %v", tt.status, res, err)
			}
			continue
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Status != tt.status || e.Retry != tt.retry || e.After != tt.after || e.Body != `{"from":"listener"}` {
			t.Errorf("%d: got %+v", tt.status, err)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	u := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/metadata", http.StatusTemporaryRedirect)
	})
	_, err := open(t, local()).Send(t.Context(), webhook(u.String()+"/"), Message{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusTemporaryRedirect || e.Retry {
		t.Errorf("got %v", err)
	}
}

func TestEndlessAnswerIsCutOff(t *testing.T) {
	u := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	})
	res, err := open(t, local()).Send(t.Context(), webhook(u.String()), Message{})
	if err != nil || len(res.Body) != maxAnswer {
		t.Errorf("got %d bytes, %v", len(res.Body), err)
	}
}

func TestHangingReceiverTimesOut(t *testing.T) {
	hold := make(chan struct{})
	u := receiver(t, func(http.ResponseWriter, *http.Request) { <-hold })
	defer close(hold)
	o := local()
	o.Timeout = 20 * time.Millisecond
	_, err := open(t, o).Send(t.Context(), webhook(u.String()), Message{})
	if e, ok := errors.AsType[*Error](err); !ok || !e.Retry {
		t.Errorf("got %v", err)
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	n := open(t, local())
	for _, target := range []string{
		"http://user:s3cret@127.0.0.1:1/hooks/s3cret?token=s3cret", "https://nowhere.invalid/s3cret?x=s3cret",
		"http://10.0.0.1/s3cret", "http://a b/s3cret",
	} {
		_, err := n.Send(t.Context(), webhook(target), Message{})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestRedactAndRestore(t *testing.T) {
	tests := []struct{ config, want string }{
		{`{"url":"http://a/ok?x=1"}`, `{"url":"http://a/ok?x=1"}`},
		{`{"url":"https://hooks.chime.aws/incomingwebhooks/abc?token=t"}`, `{"url":"https://hooks.chime.aws/incomingwebhooks/__SENSITIVE__?token=__SENSITIVE__"}`},
		{`{"url":"http://127.0.0.1/incomingwebhooks/abc?token=t&x=1"}`, `{"url":"http://127.0.0.1/incomingwebhooks/abc?token=__SENSITIVE__&x=1"}`},
		{`{"url":"https://hooks.slack.com/services/T0/B0/XYZ"}`, `{"url":"https://hooks.slack.com/services/T0/B0/__SENSITIVE__"}`},
		{`{"url":"https://discord.com/api/webhooks/1/abc"}`, `{"url":"https://discord.com/api/webhooks/1/__SENSITIVE__"}`},
		{`{"url":"https://mm.example/hooks/abc"}`, `{"url":"https://mm.example/hooks/__SENSITIVE__"}`},
		{
			`{"header_params":{"Authorization":"Bearer x","X-Team":"blue"},"password":"p","url":"http://u:p@a/"}`,
			`{"header_params":{"Authorization":"__SENSITIVE__","X-Team":"blue"},"password":"__SENSITIVE__","url":"http://__SENSITIVE__@a/"}`,
		},
	}
	for _, tt := range tests {
		got := Redact(json.RawMessage(tt.config))
		if string(got) != tt.want {
			t.Errorf("redact %s:\n got %s\nwant %s", tt.config, got, tt.want)
		}
		if back := Restore(got, json.RawMessage(tt.config)); string(back) != tt.config {
			t.Errorf("restore %s:\n got %s\nwant %s", got, back, tt.config)
		}
	}
	for _, evil := range []string{
		`{"header_params":{"Authorization":"__SENSITIVE__"},"password":"__SENSITIVE__","url":"http://evil/"}`,
		`{"header_params":{"Authorization":"__SENSITIVE__"},"host":"evil"}`,
	} {
		old := tests[len(tests)-1].config
		if got := string(Restore(json.RawMessage(evil), json.RawMessage(old))); got != evil {
			t.Errorf("another host gets the secrets: %s", got)
		}
	}
}
