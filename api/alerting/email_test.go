package alerting

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/notify"
)

const (
	configs = "/_plugins/_notifications/configs"
	account = `{"config_id":"acc","config":{"name":"mailer","config_type":"smtp_account","smtp_account":
		{"host":"mail.example.org","port":587,"method":"start_tls","from_address":"vigil@example.org","username":"u","password":"planted-secret"}}}`
	group   = `{"config_id":"grp","config":{"name":"oncall","config_type":"email_group","email_group":{"recipient_list":[{"recipient":"b@example.org"},{"recipient":"a@example.org"}]}}}`
	channel = `{"config_id":"mail","config":{"name":"mail","config_type":"email","email":{"email_account_id":"acc","recipient_list":[{"recipient":"a@example.org"}],"email_group_id_list":["grp"]}}}`
)

func TestEmailChannels(t *testing.T) {
	r := newRig(t)
	if w := r.do("POST", configs, channel); w.Code != 404 {
		t.Errorf("a channel whose account is missing: %d %s", w.Code, w.Body)
	}
	r.json("POST", configs, account, 200)
	r.json("POST", configs, group, 200)
	r.json("POST", configs, channel, 200)
	if w := r.do("POST", configs, strings.NewReplacer(`"acc"`, `"grp"`, `"mail",`, `"other",`).Replace(channel)); w.Code != 406 {
		t.Errorf("a channel whose account is a group: %d %s", w.Code, w.Body)
	}
	if w := r.do("GET", configs+"/acc", ""); strings.Contains(w.Body.String(), "planted-secret") {
		t.Errorf("the password is answered: %s", w.Body)
	}
	r.json("PUT", configs+"/acc", strings.Replace(account, "planted-secret", notify.Mask, 1), 200)
	list := r.json("GET", "/_plugins/_notifications/channels", "", 200)["channel_list"].([]any)
	if len(list) != 1 {
		t.Errorf("channels: %v", list)
	}
	r.json("POST", "/_plugins/_notifications/feature/test/mail", "", 200)
	if diff := cmp.Diff([]string{"a@example.org", "b@example.org"}, r.to.Recipients); diff != "" {
		t.Error(diff)
	}
	want := &notify.Account{
		Host: "mail.example.org", Port: 587, Method: "start_tls", From: "vigil@example.org", Username: "u", Password: "planted-secret",
	}
	if diff := cmp.Diff(want, r.to.Account); diff != "" {
		t.Errorf("account: %s", diff)
	}
}

func TestEmailBySES(t *testing.T) {
	r := newRig(t)
	r.json("POST", configs, `{"config_id":"acc","config":{"name":"mailer","config_type":"ses_account","ses_account":
		{"region":"eu-west-1","role_arn":"arn:aws:iam::123456789012:role/mail","from_address":"vigil@example.org"}}}`, 200)
	r.json("POST", configs, strings.Replace(channel, `,"email_group_id_list":["grp"]`, "", 1), 200)
	list := r.json("GET", "/_plugins/_notifications/channels", "", 200)["channel_list"].([]any)
	if len(list) != 1 {
		t.Errorf("an account is no channel: %v", list)
	}
	r.json("POST", "/_plugins/_notifications/feature/test/mail", "", 200)
	want := &notify.SESAccount{Region: "eu-west-1", RoleARN: "arn:aws:iam::123456789012:role/mail", From: "vigil@example.org"}
	if diff := cmp.Diff(want, r.to.SES); diff != "" || r.to.Account != nil {
		t.Errorf("account: %s %v", diff, r.to.Account)
	}
}

func TestEmailOfOpenDistro(t *testing.T) {
	r := newRig(t)
	const base = "/_opendistro/_alerting/destinations"
	if w := r.do("POST", base+"/email_accounts/_search", `{"query":{"match_all":{}}}`); w.Code != 404 || !strings.Contains(w.Body.String(), "index_not_found_exception") {
		t.Errorf("before anything was stored: %d %s", w.Code, w.Body)
	}
	const account = `{"name":"mailer","email":"vigil@example.org","host":"mail.example.org","port":587,"method":"starttls","username":"u","password":"planted-secret"}`
	created := r.json("POST", base+"/email_accounts", account, 201)
	shown := created["email_account"].(map[string]any)
	if shown["method"] != "starttls" || shown["password"] != nil || shown["email"] != "vigil@example.org" {
		t.Errorf("account: %v", shown)
	}
	accountID := created["_id"].(string)
	groupID := r.json("POST", base+"/email_groups", `{"name":"on-call","emails":[{"email":"b@example.org"}]}`, 201)["_id"].(string)
	destination := `{"name":"mail","type":"email","email":{"email_account_id":"` + accountID + `","recipients":[{"type":"email","email":"a@example.org"},{"type":"email_group","email_group_id":"` + groupID + `"}]}}`
	created = r.json("POST", base, destination, 201)
	want := map[string]any{"email_account_id": accountID, "recipients": []any{
		map[string]any{"type": "email", "email": "a@example.org"}, map[string]any{"type": "email_group", "email_group_id": groupID},
	}}
	if diff := cmp.Diff(any(want), created["destination"].(map[string]any)["email"]); diff != "" {
		t.Error(diff)
	}
	// A change that leaves the password out keeps it.
	r.json("PUT", base+"/email_accounts/"+accountID, strings.Replace(account, `,"username":"u","password":"planted-secret"`, "", 1), 200)
	got, err := r.store.Destination(t.Context(), created["_id"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if got.Account.Password != "planted-secret" || got.Account.Method != "start_tls" {
		t.Errorf("account: %+v", got.Account)
	}
	if diff := cmp.Diff([]string{"a@example.org", "b@example.org"}, got.Recipients); diff != "" {
		t.Error(diff)
	}
	hits := r.json("POST", base+"/email_groups/_search", `{"query":{"match_all":{}}}`, 200)["hits"].(map[string]any)["hits"].([]any)
	if len(hits) != 1 {
		t.Errorf("groups: %v", hits)
	}
	if total := r.json("GET", base, "", 200)["totalDestinations"]; total != 1.0 {
		t.Errorf("%v destinations, want 1", total)
	}
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/email_accounts", account, 400},
		{"POST", "/email_accounts", strings.Replace(account, "mailer", "bad name", 1), 400},
		{"GET", "/email_accounts/" + groupID, "", 404},
		{"GET", "/email_groups/nope", "", 404},
		{"HEAD", "/email_accounts/" + accountID, "", 200},
		{"POST", "", strings.Replace(destination, accountID, "nope", 1), 404},
		{"POST", "", strings.Replace(destination, `"type":"email_group"`, `"type":"pigeon"`, 1), 400},
		{"DELETE", "/email_groups/" + groupID, "", 200},
		{"DELETE", "/email_groups/" + groupID, "", 404},
	} {
		if w := r.do(tt.method, base+tt.path, tt.body); w.Code != tt.status {
			t.Errorf("%s %s: %d, want %d: %s", tt.method, tt.path, w.Code, tt.status, w.Body)
		}
	}
}
