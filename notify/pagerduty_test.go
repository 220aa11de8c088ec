package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPagerDutyEvents(t *testing.T) {
	var got []byte
	u := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	config, err := Check(PagerDuty, json.RawMessage(`{"routing_key":"R0123","url":"`+u.String()+`/v2/enqueue"}`))
	if err != nil {
		t.Fatal(err)
	}
	n := open(t, local())
	tests := []struct {
		m    Message
		want string
	}{
		{
			Message{Subject: "Failed\nlogins", Body: "5 \"of\" them", DeliveryID: "d1", AlertID: "a1", Severity: "1"},
			`{"routing_key":"R0123","event_action":"trigger","dedup_key":"a1","client":"Vigil","payload":{"summary":"Failed logins",` +
				`"source":"vigil","severity":"critical","custom_details":{"delivery_id":"d1","message":"5 \"of\" them"}}}`,
		},
		{
			Message{Subject: "Test", Body: "x", DeliveryID: "d2"},
			`{"routing_key":"R0123","event_action":"trigger","dedup_key":"d2","client":"Vigil","payload":{"summary":"Test",` +
				`"source":"vigil","severity":"error","custom_details":{"delivery_id":"d2","message":"x"}}}`,
		},
	}
	for _, tt := range tests {
		if _, err := n.Send(t.Context(), Destination{Type: PagerDuty, Config: config}, tt.m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Error(diff)
		}
	}
	// What is too long is cut, not refused.
	if _, err := n.Send(t.Context(), Destination{Type: PagerDuty, Config: config}, Message{Subject: strings.Repeat("ü", 2000), Body: strings.Repeat("y", 1<<20)}); err != nil {
		t.Fatal(err)
	}
	if len(got) > 512<<10 || strings.Count(string(got), "ü") != 512 {
		t.Errorf("%d bytes, %d letters", len(got), strings.Count(string(got), "ü"))
	}
}

func TestCheckOfAmazonAndPagerDuty(t *testing.T) {
	tests := []struct {
		typ               Type
		config, want, err string
	}{
		{SNS, `{"topic_arn":"arn:aws:sns:eu-west-1:123456789012:t","role_arn":"arn:aws:iam::123456789012:role/r","x":1}`, `{"topic_arn":"arn:aws:sns:eu-west-1:123456789012:t","role_arn":"arn:aws:iam::123456789012:role/r"}`, ""},
		{SNS, `{}`, "", "topic_arn field absent"},
		{SNS, `{"topic_arn":"arn:aws:sqs:eu-west-1:123456789012:t"}`, "", "Invalid AWS SNS topic ARN"},
		{SNS, `{"topic_arn":"arn:aws:sns:evil.example:123456789012:t"}`, "", "Invalid AWS SNS topic ARN"},
		{SNS, `{"topic_arn":["x"]}`, "", "sns configuration is malformed"},
		{SNS, `{"topic_arn":"arn:aws:sns:eu-west-1:123456789012:t","role_arn":"r"}`, "", "Invalid AWS role ARN"},
		{SESConfig, `{"region":"eu-west-1","from_address":"a@example.org"}`, `{"region":"eu-west-1","from_address":"a@example.org"}`, ""},
		{SESConfig, `{"region":"evil.example/","from_address":"a@example.org"}`, "", "region field absent or malformed"},
		{SESConfig, `{"region":"eu-west-1","from_address":"a"}`, "", "Invalid email address"},
		{PagerDuty, `{"routing_key":"R"}`, `{"routing_key":"R","url":"https://events.pagerduty.com/v2/enqueue","severity":"error"}`, ""},
		{PagerDuty, `{}`, "", "routing_key field absent"},
		{PagerDuty, `{"routing_key":"R","severity":"high"}`, "", "severity [high] is not one of critical, error, warning, info"},
		{PagerDuty, `{"routing_key":"a b"}`, "", "routing_key is malformed"},
		{PagerDuty, `null`, "", "routing_key field absent"},
	}
	for _, tt := range tests {
		got, err := Check(tt.typ, json.RawMessage(tt.config))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != tt.err || string(got) != tt.want {
			t.Errorf("%s %s: got %s, %q", tt.typ, tt.config, got, text)
		}
	}
	if got := string(Redact(json.RawMessage(`{"routing_key":"R","url":"https://h/"}`))); !strings.Contains(got, Mask) || strings.Contains(got, `"R"`) {
		t.Errorf("redacted: %s", got)
	}
	old := json.RawMessage(`{"routing_key":"R","url":"https://h/"}`)
	if got := string(Restore(json.RawMessage(`{"routing_key":"`+Mask+`","url":"https://h/"}`), old)); !strings.Contains(got, `"R"`) {
		t.Errorf("restored: %s", got)
	}
	if got := string(Restore(json.RawMessage(`{"routing_key":"`+Mask+`","url":"https://evil/"}`), old)); strings.Contains(got, `"R"`) {
		t.Errorf("another host got the key: %s", got)
	}
}
