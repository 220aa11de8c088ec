package alerting

import (
	"strings"
	"testing"
)

func TestDeadLettersAreListedAndSentAgain(t *testing.T) {
	r := newRig(t)
	r.json("POST", "/_plugins/_notifications/configs", `{"config_id":"chime-1","config":{"name":"c","config_type":"chime","chime":{"url":"http://192.0.2.1/fail"}}}`, 200)
	id, ok := r.json("POST", "/_plugins/_alerting/monitors", seed, 201)["_id"].(string)
	if !ok {
		t.Fatal("no id")
	}
	r.json("POST", "/_plugins/_alerting/monitors/"+id+"/_execute", "", 200)
	list := r.json("GET", "/_vigil/alerting/outbox", "", 200)["deliveries"].([]any)
	if len(list) != 1 {
		t.Fatalf("dead letters: %v", list)
	}
	d := list[0].(map[string]any)
	if d["monitor_id"] != id || d["destination_id"] != "chime-1" || d["message"] != nil || d["next_attempt"] != nil {
		t.Errorf("got %v", d)
	}
	alert, delivery := d["alert_id"].(string), d["delivery_id"].(string)
	r.json("POST", "/_vigil/alerting/outbox/"+alert+"/"+delivery+"/_resend", "", 202)
	if list := r.json("GET", "/_vigil/alerting/outbox?state=waiting", "", 200)["deliveries"].([]any); len(list) != 1 {
		t.Errorf("waiting: %v", list)
	}
	r.json("GET", "/_vigil/alerting/outbox/"+alert+"/receipts", "", 200)
	for target, status := range map[string]int{
		"GET /_vigil/alerting/outbox?state=lost": 400, "GET /_vigil/alerting/outbox?colour=red": 400, "GET /_vigil/alerting/outbox/nope/receipts": 404,
		"POST /_vigil/alerting/outbox/nope/x/_resend": 404, "POST /_vigil/alerting/outbox/" + alert + "/nope/_resend": 404,
	} {
		method, path, _ := strings.Cut(target, " ")
		if w := r.do(method, path, ""); w.Code != status {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}
