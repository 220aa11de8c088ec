package cluster

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRemoteCompressesRequests(t *testing.T) {
	var got []string
	node := serving(t, func(w http.ResponseWriter, req *http.Request) {
		body := io.Reader(req.Body)
		if req.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(req.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, req.Header.Get("Content-Encoding")+" "+string(b))
		_, _ = w.Write([]byte("{}"))
	})
	// The first node is away, so that a body is sent anew.
	r := remoteTo(t, func(o *RemoteOptions) { o.Gzip = true }, gone(t), node.URL)
	c := NewClient(r)
	long := strings.Repeat(`{"a":"ä"}`, 1000)
	for _, body := range []string{long, "{}", ""} {
		if _, err := c.Do(t.Context(), http.MethodPost, "/_bulk", nil, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"gzip " + long, " {}", " "}
	for i, w := range want {
		if i >= len(got) || got[i] != w {
			t.Fatalf("the node got %.60q, want %.60q", got, w)
		}
	}
}

func TestRemoteSaysWhoItIs(t *testing.T) {
	for want, change := range map[string]func(*RemoteOptions){
		"ApiKey a2V5":        func(o *RemoteOptions) { o.Username, o.Password, o.APIKey = "", "", "a2V5" },
		"Basic dTpww6Rzcw==": func(o *RemoteOptions) { o.Username, o.Password = "u", "päss" },
		"":                   func(o *RemoteOptions) { o.Username, o.Password = "", "" },
	} {
		var got string
		node := serving(t, func(w http.ResponseWriter, req *http.Request) {
			got = req.Header.Get("Authorization")
			_, _ = w.Write([]byte("{}"))
		})
		r := remoteTo(t, change, node.URL)
		if _, err := NewClient(r).Do(t.Context(), http.MethodGet, "/", nil, nil); err != nil || got != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
}
