package notify

import "encoding/json"

// slackRequest makes {"text":"subject\n\nbody"}, as OpenSearch 2.19 sends it; see all-webhooks.json in compat/.
func slackRequest(config json.RawMessage, m Message) (outgoing, error) {
	return chat(config, "text", m)
}
