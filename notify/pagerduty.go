package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// pagerDutyURL takes events of services in PagerDuty's US region; those of the EU region set their own.
const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// Bounds of PagerDuty's Events API v2.
const (
	maxPagerDutyKey     = 64
	maxPagerDutySummary = 1024
	maxPagerDutyBody    = 384 << 10 // an event may have 512 KiB, and JSON may take more than the text does
)

// pagerDutyConfig is the configuration of a PagerDuty service. OpenSearch has no such type; it is an addition of ours.
type pagerDutyConfig struct {
	RoutingKey string `json:"routing_key"`
	URL        string `json:"url"`
	// Severity is that of messages about nothing that has one, such as tests.
	Severity string `json:"severity"`
}

func readPagerDuty(config json.RawMessage) (pagerDutyConfig, error) {
	c := pagerDutyConfig{URL: pagerDutyURL, Severity: "error"}
	if err := json.Unmarshal(config, &c); err != nil {
		return c, &ConfigError{Field: "pagerduty", Reason: "pagerduty configuration is malformed"}
	}
	return c, nil
}

func checkPagerDuty(config json.RawMessage) (json.RawMessage, error) {
	c, err := readPagerDuty(config)
	if err != nil {
		return nil, err
	}
	switch {
	case c.RoutingKey == "":
		return nil, &ConfigError{Field: "routing_key", Reason: "routing_key field absent"}
	case len(c.RoutingKey) > maxPagerDutyKey || !isToken(c.RoutingKey):
		return nil, &ConfigError{Field: "routing_key", Reason: "routing_key is malformed"}
	case !slices.Contains([]string{"critical", "error", "warning", "info"}, c.Severity):
		return nil, &ConfigError{Field: "severity", Reason: fmt.Sprintf("severity [%s] is not one of critical, error, warning, info", c.Severity)}
	}
	if _, err := parseURL(c.URL); err != nil {
		return nil, err
	}
	return encode(c), nil
}

type pagerDutyEvent struct {
	RoutingKey string           `json:"routing_key"`
	Action     string           `json:"event_action"`
	DedupKey   string           `json:"dedup_key,omitempty"`
	Client     string           `json:"client"`
	Payload    pagerDutyPayload `json:"payload"`
}

type pagerDutyPayload struct {
	Summary  string            `json:"summary"`
	Source   string            `json:"source"`
	Severity string            `json:"severity"`
	Details  map[string]string `json:"custom_details"`
}

// pagerDutyRequest makes a trigger event. Messages about one alert have one dedup_key, so they open one incident, and a message
// that is sent again opens none.
func pagerDutyRequest(config json.RawMessage, m Message) (outgoing, error) {
	c, err := readPagerDuty(config)
	if err != nil {
		return outgoing{}, err
	}
	u, err := parseURL(c.URL)
	if err != nil {
		return outgoing{}, err
	}
	e := pagerDutyEvent{
		RoutingKey: c.RoutingKey, Action: "trigger", DedupKey: m.AlertID, Client: "Vigil",
		Payload: pagerDutyPayload{
			Summary: clip(oneLine(m.Subject), maxPagerDutySummary), Source: "vigil", Severity: c.Severity,
			Details: map[string]string{"message": clip(m.Body, maxPagerDutyBody), "delivery_id": m.DeliveryID},
		},
	}
	if e.DedupKey == "" {
		e.DedupKey = m.DeliveryID
	}
	if s, ok := pagerDutySeverity[m.Severity]; ok {
		e.Payload.Severity = s
	}
	return outgoing{method: http.MethodPost, url: u, header: http.Header{"Content-Type": {"application/json"}}, body: encode(e)}, nil
}

// pagerDutySeverity says what the severity of a trigger, 1 (highest) to 5 (lowest), is called there.
var pagerDutySeverity = map[string]string{"1": "critical", "2": "error", "3": "warning", "4": "info", "5": "info"}

func oneLine(s string) string { return strings.Join(strings.FieldsFunc(s, isLineEnd), " ") }

// clip cuts text after at most n bytes, at a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
