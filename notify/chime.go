package notify

import "encoding/json"

// chimeRequest makes {"Content":"subject\n\nbody"}, as OpenSearch 2.19 sends it; see all-webhooks.json in compat/.
func chimeRequest(config json.RawMessage, m Message) (outgoing, error) {
	return chat(config, "Content", m)
}
