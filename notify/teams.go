package notify

import (
	"encoding/json"
	"strings"
)

// checkTeams demands the vendor's host, as OpenSearch does of this kind alone; see create-teams in compat/.
func checkTeams(config json.RawMessage) (json.RawMessage, error) {
	u, err := configURL(config)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Hostname(), "webhook.office.com") {
		return nil, &ConfigError{Field: "url", Reason: `Wrong Microsoft Teams url. Should contain "webhook.office.com"`}
	}
	return checkURL(config)
}

// teamsRequest makes {"text":"subject\n\nbody"}, the form of Teams' incoming webhooks.
func teamsRequest(config json.RawMessage, m Message) (outgoing, error) {
	return chat(config, "text", m)
}
