package notify

import "encoding/json"

// mattermostRequest makes {"text":"subject\n\nbody"}: Mattermost takes what Slack takes.
func mattermostRequest(config json.RawMessage, m Message) (outgoing, error) {
	return chat(config, "text", m)
}
