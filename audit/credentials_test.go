package audit

import "testing"

func TestCredentialsOfOtherSystemsAreNotInEvents(t *testing.T) {
	f := func(path, body, want string) {
		t.Helper()
		if got := RedactBody(path, body); got != want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", path, body, got, want)
		}
	}
	f("/_opendistro/_alerting/destinations", `{"name":"a","type":"chime","chime":{"url":"https://x/?token=1"}}`,
		`{"name":"a","type":"chime","chime":{"url":"__SENSITIVE__"}}`)
	f("/_plugins/_notifications/configs/x", `{"config":{"webhook":{"url":"u","header_params":{"X":"1"}}}}`,
		`{"config":{"webhook":{"url":"__SENSITIVE__","header_params":"__SENSITIVE__"}}}`)
	f("/_snapshot/r", `{"type":"s3","settings":{"bucket":"b","Secret_Key":"k"}}`, `{"type":"s3","settings":{"bucket":"b","Secret_Key":"__SENSITIVE__"}}`)
	f("/_reindex", `{"source":{"remote":{"host":"h","username":"u","password":"p"},"index":"a"},"dest":{"index":"b"}}`,
		`{"source":{"remote":{"host":"h","username":"__SENSITIVE__","password":"__SENSITIVE__"},"index":"a"},"dest":{"index":"b"}}`)
	f("/_snapshot/r", `{"password":`, "__SENSITIVE__")
	f("/_reindex", `{"source": {"index": "a"}}`, `{"source": {"index": "a"}}`)
	f("/logs/_doc/1", `{"password":"p"}`, `{"password":"p"}`)
}

func FuzzRedactBody(f *testing.F) {
	f.Add(`{"a":[{"password":"x"}]}`)
	f.Fuzz(func(_ *testing.T, body string) { RedactBody("/_reindex", body) })
}
