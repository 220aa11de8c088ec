package app_test

import (
	"testing"

	"vigil/app/apptest"
	"vigil/config"
)

// TestAttemptsAtMessagesAreEvents looks for the receipt of a message in the audit log, where the extended format is on.
func TestAttemptsAtMessagesAreEvents(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, func(c *config.Config) { c.Audit.Format = "extended" })
	p := newPager(t)
	oncall(s, p)
	s.Must("POST", "/_plugins/_alerting/monitors", unauthorized(byExtraction, `{}`))
	for range 2 {
		s.As("mallory", "bad-Credentials-1", "GET", "/", nil)
	}
	e := s.Events(1, `{"term":{"audit_category":"ALERT_DELIVERY"}}`)[0]
	told, _ := e["audit_vigil_delivery"].(map[string]any)
	if told["delivered"] != true || told["status"] != 200.0 || told["attempt"] != 1.0 || told["destination_id"] != "chime" || told["destination_type"] != "chime" {
		t.Errorf("event %v", e)
	}
	if e.Text("audit_request_origin") != "LOCAL" {
		t.Errorf("origin %q", e.Text("audit_request_origin"))
	}
	found := s.Events(1, `{"term":{"audit_vigil_delivery.delivery_id":"`+told["delivery_id"].(string)+`"}}`)
	if len(found) != 1 {
		t.Errorf("%d events by the delivery id", len(found))
	}
}
