package alerting

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	core "vigil/alerting"
)

const comments = "/_plugins/_alerting/comments"

func TestComments(t *testing.T) { synctest.Test(t, testComments) }

func testComments(t *testing.T) {
	r := newRig(t)
	alice := core.User{Name: "alice", Roles: []string{"r"}, BackendRoles: []string{"ops"}}
	bob := core.User{Name: "bob", Roles: []string{"r"}, BackendRoles: []string{"dev"}}
	r.caller = alice
	id := r.json("POST", "/_plugins/_alerting/monitors", strings.Replace(seed, `"chime-1","message_template":{"source":"`, `"nowhere","message_template":{"source":"{{#ctx.alert.comments}}[{{user}}: {{content}}]{{/ctx.alert.comments}}`, 1), 201)["_id"].(string)
	r.json("POST", "/_plugins/_alerting/monitors/"+id+"/_execute", "", 200)
	alert := r.json("GET", "/_plugins/_alerting/monitors/alerts", "", 200)["alerts"].([]any)[0].(map[string]any)["id"].(string)

	// refused fails unless the answer has status and reason.
	refused := func(method, path, body string, status int, reason string) {
		t.Helper()
		if w := r.do(method, path, body); w.Code != status || !strings.Contains(w.Body.String(), `"reason":"`+reason) {
			t.Errorf("%s %s: %d %s, want %d %s", method, path, w.Code, w.Body, status, reason)
		}
	}
	for _, q := range [][2]string{{"POST", comments + "/" + alert}, {"PUT", comments + "/x"}, {"DELETE", comments + "/x"}, {"GET", comments + "/_search"}} {
		refused(q[0], q[1], `{"content":"x"}`, 403, "Comments for Alerting is currently disabled")
	}
	r.set("plugins.alerting.comments_enabled", "true")
	r.set("plugins.alerting.max_comments_per_alert", "2")
	r.set("plugins.alerting.max_comment_character_length", "5")

	w := r.do("POST", comments+"/"+alert, `{"content":"hällo"}`)
	if w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), `"comment":{"entity_id":"`+alert+`","entity_type":"alert","content":"hällo","created_time":9`) ||
		!strings.Contains(w.Body.String(), `"last_updated_time":null,"user":"alice"}`) || strings.Contains(w.Body.String(), "backend_roles") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	first := strings.TrimPrefix(w.Header().Get("Location"), comments+"/")
	refused("POST", comments+"/"+alert, `{"content":"helloo"}`, 400, "Comment content exceeds max length of 5 characters")
	refused("POST", comments+"/"+alert, `{"content":""}`, 400, "Missing comment content")
	refused("POST", comments+"/"+alert, `{}`, 400, "Missing comment content")
	refused("POST", comments+"/"+alert, `{"content":1}`, 400, "content must be a text")
	refused("POST", comments+"/nope", `{"content":"x"}`, 404, "Alert not found")
	refused("PUT", comments+"/nope", `{"content":"x"}`, 404, "Comment not found")
	refused("DELETE", comments+"/nope", ``, 404, "Comment not found")
	r.json("POST", comments+"/"+alert, `{"content":"two"}`, 201)
	refused("POST", comments+"/"+alert, `{"content":"three"}`, 400, "This request would create more than the allowed number of Commentsfor this Alert: 2")

	edited := r.json("PUT", comments+"/"+first, `{"content":"new"}`, 200)
	if c := edited["comment"].(map[string]any); c["content"] != "new" || c["last_updated_time"] == nil || c["user"] != "alice" {
		t.Errorf("edited: %v", edited)
	}
	refused("PUT", comments+"/"+first+"?if_seq_no=0&if_primary_term=1", `{"content":"late"}`, 409, "["+first+"]: version conflict")
	r.caller = bob
	refused("PUT", comments+"/"+first, `{"content":"bob"}`, 403, "Comment can only be edited by Admin or author of comment")
	refused("DELETE", comments+"/"+first, ``, 403, "Not allowed to delete this comment!")
	found := func() string {
		t.Helper()
		w := r.do("POST", comments+"/_search", `{"query":{"match_all":{}}}`)
		if w.Code != 200 || strings.Contains(w.Body.String(), "backend_roles") {
			t.Errorf("search: %d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	if got := found(); !strings.Contains(got, `"content":"new"`) || !strings.Contains(got, `"user":"alice"`) {
		t.Errorf("search: %s", got)
	}
	// Who must not see the alert sees nothing of what is said about it.
	r.set("plugins.alerting.filter_by_backend_roles", "true")
	if got := found(); strings.Contains(got, "alice") {
		t.Errorf("filtered search: %s", got)
	}
	refused("POST", comments+"/"+alert, `{"content":"x"}`, 403, "Do not have permissions to resource, monitor, with id, "+id)
	r.caller = alice
	if got := found(); !strings.Contains(got, "alice") {
		t.Errorf("filtered search of the author: %s", got)
	}
	// Messages show the newest.
	r.json("POST", "/_plugins/_notifications/configs", `{"config_id":"nowhere","config":{"name":"c","config_type":"chime","chime":{"url":"http://192.0.2.1/x"}}}`, 200)
	r.json("POST", "/_plugins/_alerting/monitors/"+id+"/_execute", "", 200)
	if len(r.sent) != 1 || !strings.Contains(r.sent[0].Body, "[alice: two]") || !strings.Contains(r.sent[0].Body, "[alice: new]") {
		t.Errorf("sent %+v", r.sent)
	}
	r.caller = core.User{Name: "root", Roles: []string{"all_access"}}
	if got := r.json("DELETE", comments+"/"+first, ``, 200); got["_id"] != first {
		t.Errorf("deleted: %v", got)
	}
	if got := found(); strings.Contains(got, `"content":"new"`) {
		t.Errorf("a deleted comment is found: %s", got)
	}
}

// set changes a cluster setting in a bubble, and waits until it counts.
func (r *rig) set(name, value string) {
	r.docs.Set(name, value)
	<-time.After(2 * time.Second)
}
