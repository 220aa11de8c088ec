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
	f("/_reindex", `{"source":{"remote":{"host":"https://ada:pw@h:9200"}}}`, `{"source":{"remote":{"host":"https://__SENSITIVE__@h:9200"}}}`)
	f("/_snapshot/r", `{"a":{"secret_key":"k"},"a":{"secret_key":"l"},"secret_key":1,"secret_key":2}`,
		`{"a":{"secret_key":"__SENSITIVE__"},"a":{"secret_key":"__SENSITIVE__"},"secret_key":"__SENSITIVE__","secret_key":"__SENSITIVE__"}`)
	f("/_plugins/_notifications/configs/x", `{"\u0075rl":"u"}`, `{"url":"__SENSITIVE__"}`)
	f("/_plugins/_alerting/destinations/email_accounts", `{"host":"h","username":"u","password":"p"}`, `{"host":"h","username":"__SENSITIVE__","password":"__SENSITIVE__"}`)
	f("/_plugins/_ml/connectors/_create", `{"credential":{"openAI_key":"k"},"parameters":{"accessKey":"a","model":"m"}}`,
		`{"credential":"__SENSITIVE__","parameters":{"accessKey":"__SENSITIVE__","model":"m"}}`)
	f("/_nodes/reload_secure_settings", `{"secure_settings_password":"p"}`, `{"secure_settings_password":"__SENSITIVE__"}`)

	const hash = "$2y$12$abcdefghijklmnopqrstuuWXYZ0123456789./ABCDEFGHIJKLMNO"
	const security = "/_plugins/_security/api/"
	f(security+"securityconfig", `[{"op":"replace","path":"/config/dynamic/authc/ldap/authentication_backend/config/password","value":"p"},`+
		`{"op":"add","path":"/config/dynamic/authc/jwt","value":{"http_authenticator":{"config":{"signing_key":"k","jwt_header":"Authorization"}}}}]`,
		`[{"op":"replace","path":"/config/dynamic/authc/ldap/authentication_backend/config/password","value":"__SENSITIVE__"},`+
			`{"op":"add","path":"/config/dynamic/authc/jwt","value":{"http_authenticator":{"config":{"signing_key":"__SENSITIVE__","jwt_header":"Authorization"}}}}]`)
	f(security+"internalusers/bob", `{"hash":"`+hash+`"}`, `{"hash":"__HASH__"}`)
	f(security+"internalusers/bob", `{"pass\u0077ord":"p"}`, "__SENSITIVE__")
	f(security+"rolesmapping/read-token", `{"users":["x"],"hosts":["y"]}`, `{"users":["x"],"hosts":["y"]}`)
	f(security+"roles", `[{"op":"add","path":"/read-token","value":{}}]`, `[{"op":"add","path":"/read-token","value":{}}]`)
	f("/.opendistro_security/_doc/internalusers", `{"internalusers":{"token":{"hash":"`+hash+`"}}}`, `{"internalusers":{"token":{"hash":"__HASH__"}}}`)
	f("/.opensearch-notifications-config/_doc/x", `{"config":{"slack":{"url":"u"}}}`, `{"config":{"slack":{"url":"__SENSITIVE__"}}}`)
	f("/_bulk", "{\"index\":{\"_index\":\".opendistro-alerting-config\"}}\n{\"destination\":{\"slack\":{\"url\":\"u\"}}}\n",
		"{\"index\":{\"_index\":\".opendistro-alerting-config\"}}\n{\"destination\":{\"slack\":{\"url\":\"__SENSITIVE__\"}}}\n")
	for _, path := range []string{"/_bulk", "/_bulk/", "/a/_bulk", "/_bulk/stream"} {
		f(path, "{\"index\":{\"_index\":\".opendistro\\u002Dalerting-config\"}}\n{\"url\":\"u\"}\n",
			"{\"index\":{\"_index\":\".opendistro\\u002Dalerting-config\"}}\n{\"url\":\"__SENSITIVE__\"}\n")
	}
	f("/_bulk", "{\"index\":{\"_index\":\"a\"}}\n{\"url\":\"u\"}\n", "{\"index\":{\"_index\":\"a\"}}\n{\"url\":\"u\"}\n")
}

// TestCredentialsInSystemIndices shows what events say of documents there: content, reads and differences.
func TestCredentialsInSystemIndices(t *testing.T) {
	f := func(index, id, text, want string) {
		t.Helper()
		if got := RedactDocument(index, id, text); got != want {
			t.Errorf("%s/%s:\ngot  %s\nwant %s", index, id, got, want)
		}
	}
	const channels = ".opensearch-notifications-config"
	f(channels, "a", `{"config.webhook.header_params.X-Token":"t","config.name":"n"}`, `{"config.webhook.header_params.X-Token":"__SENSITIVE__","config.name":"n"}`)
	f(channels, "a", `[{"op":"replace","path":"/config/slack/url","value":"u"},{"op":"move","from":"/a","path":"/b"}]`,
		`[{"op":"replace","path":"/config/slack/url","value":"__SENSITIVE__"},{"op":"move","from":"/a","path":"/b"}]`)
	f(".opendistro_security", "config", `[{"op":"add","path":"/config/dynamic/kerberos","value":{"password":"p"}}]`,
		`[{"op":"add","path":"/config/dynamic/kerberos","value":{"password":"__SENSITIVE__"}}]`)
	f(".opendistro_security", "roles", `[{"op":"add","path":"/roles/token","value":{"reserved":true}}]`, `[{"op":"add","path":"/roles/token","value":{"reserved":true}}]`)
	f(".vigil-notifications-config", "a", `{"config":{"slack":{"url":"u"}}}`, `{"config":{"slack":{"url":"__SENSITIVE__"}}}`)
	f(".vigil-alerting-config", "a", `{"destination":{"slack":{"url":"u"}}}`, `{"destination":{"slack":{"url":"__SENSITIVE__"}}}`)
	f(".vigil-security", "internalusers", `{"internalusers":{"token":{"hash":"$2y$12$abcdefghijklmnopqrstuuWXYZ0123456789./ABCDEFGHIJKLMNO"}}}`,
		`{"internalusers":{"token":{"hash":"__HASH__"}}}`)
	f("accounts", "a", `{"url":"u"}`, `{"url":"u"}`)
}

func FuzzRedactBody(f *testing.F) {
	f.Add(`{"a":[{"password":"x"}]}`)
	f.Fuzz(func(_ *testing.T, body string) { RedactBody("/_reindex", body) })
}
