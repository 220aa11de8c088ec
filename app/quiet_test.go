package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/app/apptest"
	"vigil/config"
)

// The canaries: secrets that are planted and must be found nowhere but where the test says.
const (
	canaryAdmin    = "Canary-admin-password-1"
	canaryUser     = "Canary-user-password-2"
	canaryChanged  = "Canary-changed-password-3"
	canaryWrong    = "Canary-wrong-password-4"
	canaryBearer   = "Canary-bearer-token-5"
	canaryURL      = "Canary-webhook-token-6"
	canaryHeader   = "Canary-webhook-header-7"
	canaryPassword = "Canary-file-password-9"
)

// TestPasswordsStaySecret plants passwords and tokens wherever callers send some, and then looks for them in the program's
// log, in every byte of its data folder, in all that its API answers to GET, and in the printed configuration.
func TestPasswordsStaySecret(t *testing.T) {
	t.Parallel()
	plantAndLook(t, plantPasswords)

	secretFile := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secretFile, []byte(canaryPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{"VIGIL_ADMIN_PASSWORD=" + canaryAdmin, "VIGIL_ADMIN_PASSWORD_FILE=" + secretFile} {
		p := run(t, []string{variable}, "config")
		status := p.wait()
		out, log := p.said()
		if status != 0 || !strings.Contains(out, "initial_admin_password: <hidden>") {
			t.Errorf("ended with %d: %s%s", status, out, log)
		}
		quiet(t, "vigil config", []byte(out+log), nil)
	}
}

// TestSecretsOfDestinationsStaySecret plants tokens in the URLs and headers of webhooks, and lets messages succeed and fail.
func TestSecretsOfDestinationsStaySecret(t *testing.T) {
	t.Parallel()
	plantAndLook(t, plantDestinations)
}

// plantAndLook runs a server with every event kept.
func plantAndLook(t *testing.T, plant func(*testing.T, *apptest.Server, asAdmin)) {
	t.Helper()
	s := apptest.Start(t, func(c *config.Config) { c.Security.InitialAdminPassword, c.Log.Level = canaryAdmin, "debug" })
	admin := func(method, path string, body any, want int) apptest.Reply {
		t.Helper()
		a := s.As("admin", canaryAdmin, method, path, body)
		if a.Status != want {
			t.Fatalf("%s %s: answered %d %s, want %d", method, path, a.Status, a.Body, want)
		}
		return a
	}
	const api = "/_plugins/_security/api"
	admin("PUT", api+"/audit/config", apptest.Everything, http.StatusOK)
	plant(t, s, admin)

	if err := s.App().Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	paths := []string{
		api + "/internalusers/canary", api + "/roles/all_access", "/security-auditlog-*/_search?size=10000", "/_search?size=10000",
		"/.opendistro_security/_search", "/.opensearch-notifications-config/_search", "/.opendistro-alerting-config/_search",
		"/_plugins/_alerting/monitors/_search", "/_plugins/_notifications/configs/canary",
	}
	for _, r := range s.App().Routes() {
		if r.Method == http.MethodGet && !strings.Contains(r.Path, "{") {
			paths = append(paths, r.Path)
		}
	}
	for _, path := range paths {
		var mayShow []string
		if strings.HasPrefix(path, "/_plugins/_notifications/configs") || strings.HasSuffix(path, "/_alerting/destinations") {
			mayShow = []string{canaryURL} // who may read a destination reads where it sends to, as in OpenSearch
		}
		quiet(t, "GET "+path, s.As("admin", canaryAdmin, "GET", path, nil).Body, mayShow)
	}
	s.Stop()
	quiet(t, "the log", []byte(s.Log()), nil)
	quietFiles(t, s.Config)
}

type asAdmin func(method, path string, body any, want int) apptest.Reply

// plantPasswords sends passwords wherever some are taken, rightly and wrongly.
func plantPasswords(t *testing.T, s *apptest.Server, admin asAdmin) {
	t.Helper()
	const api = "/_plugins/_security/api"
	admin("PUT", api+"/internalusers/canary", map[string]any{"password": canaryUser, "opendistro_security_roles": []string{"all_access"}}, http.StatusCreated)
	// Refused, so that they cost no hashing.
	admin("PATCH", api+"/internalusers", `[{"op":"add","path":"/other","value":{"password":"`+canaryUser+`","nonsense":"`+canaryUser+`"}}]`, http.StatusBadRequest)
	admin("PATCH", api+"/internalusers/canary", `[{"op":"add","path":"/nonsense","value":{"password":"`+canaryChanged+`"}}]`, http.StatusBadRequest)
	admin("PUT", "/_opendistro/_security/api/internalusers/third", map[string]any{"password": canaryUser, "nonsense": canaryUser}, http.StatusBadRequest)
	admin("PUT", api+"/internalusers/fourth", `{"password":"`+canaryUser+`"`, http.StatusBadRequest) // not JSON
	admin("PUT", api+"/account", map[string]any{"current_password": canaryWrong, "password": canaryChanged}, http.StatusBadRequest)
	change := map[string]any{"current_password": canaryUser, "password": canaryChanged}
	if a := s.As("canary", canaryUser, "PUT", api+"/account", change); a.Status != http.StatusOK {
		t.Fatalf("change the password: answered %d %s", a.Status, a.Body)
	}
	s.As("admin", canaryWrong, "GET", "/_cluster/health", nil)
	r := s.Request("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+canaryBearer)
	s.Send(r)
	r = s.Request("GET", "/", nil)
	r.Header["authorization"] = []string{"Bearer " + canaryBearer}
	s.Send(r)
	s.As("admin", canaryWrong, "GET", "/no/such/path", nil)
}

// plantDestinations makes destinations whose URLs and headers are secrets, lets a monitor send to one, and lets one fail.
func plantDestinations(t *testing.T, s *apptest.Server, admin asAdmin) {
	t.Helper()
	hook := newReceiver(t)
	ok := hook.URL + "/hook?token=" + canaryURL
	webhook := func(url string) map[string]any {
		return map[string]any{"url": url, "method": "POST", "header_params": map[string]string{"X-Token": canaryHeader}}
	}
	admin("POST", "/_plugins/_notifications/configs", map[string]any{
		"config_id": "canary", "config": map[string]any{"name": "canary", "config_type": "webhook", "is_enabled": true, "webhook": webhook(ok)},
	}, http.StatusOK)
	admin("POST", "/_plugins/_notifications/configs", map[string]any{
		"config_id": "failing", "config": map[string]any{"name": "failing", "config_type": "webhook", "is_enabled": true, "webhook": webhook("http://127.0.0.1:1/" + canaryURL)},
	}, http.StatusOK)
	for _, id := range []string{"canary", "failing"} {
		s.As("admin", canaryAdmin, "GET", "/_plugins/_notifications/feature/test/"+id, nil)
	}
	admin("PUT", "/watched/_doc/1", `{"a":1}`, http.StatusCreated)
	monitor := map[string]any{
		"type": "monitor", "name": "canary", "enabled": true, "schedule": map[string]any{"period": map[string]any{"interval": 1, "unit": "MINUTES"}},
		"inputs": []any{map[string]any{"search": map[string]any{"indices": []string{"watched"}, "query": map[string]any{"query": map[string]any{"match_all": map[string]any{}}}}}},
		"triggers": []any{map[string]any{
			"name": "some", "severity": "1", "condition": map[string]any{"script": map[string]any{"source": "ctx.results[0].hits.total.value > 0", "lang": "painless"}},
			"actions": []any{
				map[string]any{"name": "send", "destination_id": "canary", "message_template": map[string]any{"source": "hello"}},
				map[string]any{"name": "fail", "destination_id": "failing", "message_template": map[string]any{"source": "hello"}},
			},
		}},
	}
	var created struct {
		ID string `json:"_id"`
	}
	admin("POST", "/_plugins/_alerting/monitors", monitor, http.StatusCreated).JSON(t, &created)
	a := admin("POST", "/_plugins/_alerting/monitors/"+created.ID+"/_execute", nil, http.StatusOK)
	quiet(t, "the result of a run", a.Body, nil)
	got := hook.wait(t)
	if got.Header.Get("X-Token") != canaryHeader || got.URL.Query().Get("token") != canaryURL {
		t.Errorf("the receiver got %v with %v", got.URL, got.Header)
	}
}

// quiet looks for every canary, as it is and as it stands in a Basic header, in what may hold only some.
func quiet(t *testing.T, where string, data []byte, allowed []string) {
	t.Helper()
	for _, c := range []string{canaryAdmin, canaryUser, canaryChanged, canaryWrong, canaryBearer, canaryURL, canaryHeader, canaryPassword} {
		at := bytes.Index(data, []byte(c))
		for _, user := range []string{"admin", "canary"} {
			if at < 0 {
				at = bytes.Index(data, []byte(base64.StdEncoding.EncodeToString([]byte(user+":"+c))))
			}
		}
		if at < 0 || slices.Contains(allowed, c) {
			continue
		}
		t.Errorf("%s holds %s: …%s…", where, c, data[max(0, at-200):min(len(data), at+60)])
	}
}

// quietFiles looks into every file of the data folder.
func quietFiles(t *testing.T, cfg config.Config) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(cfg.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		name := strings.TrimPrefix(path, cfg.Data)
		quiet(t, name, b, nil)
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("looked into %d files: %v", files, err)
	}
}

// receiver takes what monitors send.
type receiver struct {
	*httptest.Server
	got chan *http.Request
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: make(chan *http.Request, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { r.got <- q.Clone(context.Background()) }))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) wait(t *testing.T) *http.Request {
	t.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	select {
	case q := <-r.got:
		return q
	case <-timeout.C:
		t.Fatal("nothing was received")
		return nil
	}
}
