package notify

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"
)

// Account is a mail server that messages are handed to, and as whom.
type Account struct {
	Host string `json:"host"`
	Port int    `json:"port"`
	// Method is none, ssl (TLS from the first byte) or start_tls.
	Method string `json:"method"`
	From   string `json:"from_address"`
	// Username and Password may be empty: then nobody logs in.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// The ways to reach a mail server.
const (
	smtpPlain    = "none"
	smtpTLS      = "ssl"
	smtpStartTLS = "start_tls"
)

type recipient struct {
	Recipient string `json:"recipient"`
}

// EmailConfig is the configuration of an e-mail channel. Its account and groups are configurations of their own.
type EmailConfig struct {
	AccountID  string      `json:"email_account_id"`
	Recipients []recipient `json:"recipient_list"`
	GroupIDs   []string    `json:"email_group_id_list"`
}

// GroupConfig is the configuration of a group of recipients.
type GroupConfig struct {
	Recipients []recipient `json:"recipient_list"`
}

const maxRecipients = 500

// Addresses returns the recipients of a channel or group.
func (c *EmailConfig) Addresses() []string { return addresses(c.Recipients) }

// Addresses returns the members of the group.
func (c *GroupConfig) Addresses() []string { return addresses(c.Recipients) }

func addresses(list []recipient) []string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = r.Recipient
	}
	return out
}

func checkAddress(field, s string) error {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || strings.ContainsFunc(s, isControl) {
		return &ConfigError{Field: field, Reason: "Invalid email address"}
	}
	return nil
}

func checkRecipients(list []recipient) error {
	if len(list) > maxRecipients {
		return &ConfigError{Field: "recipient_list", Reason: fmt.Sprintf("more than %d recipients", maxRecipients)}
	}
	for _, r := range list {
		if err := checkAddress("recipient_list", r.Recipient); err != nil {
			return err
		}
	}
	return nil
}

func checkEmail(config json.RawMessage) (json.RawMessage, error) {
	c := EmailConfig{Recipients: []recipient{}, GroupIDs: []string{}}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, &ConfigError{Field: "email", Reason: "email configuration is malformed"}
	}
	switch {
	case c.AccountID == "":
		return nil, &ConfigError{Field: "email_account_id", Reason: "email_account_id field absent"}
	case len(c.GroupIDs) > maxRecipients:
		return nil, &ConfigError{Field: "email_group_id_list", Reason: fmt.Sprintf("more than %d groups", maxRecipients)}
	}
	if err := checkRecipients(c.Recipients); err != nil {
		return nil, err
	}
	return encode(c), nil
}

func checkGroup(config json.RawMessage) (json.RawMessage, error) {
	var c GroupConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, &ConfigError{Field: "email_group", Reason: "email_group configuration is malformed"}
	}
	if c.Recipients == nil {
		return nil, &ConfigError{Field: "recipient_list", Reason: "recipient_list field absent"}
	}
	if err := checkRecipients(c.Recipients); err != nil {
		return nil, err
	}
	return encode(c), nil
}

func checkAccount(config json.RawMessage) (json.RawMessage, error) {
	var a Account
	if err := json.Unmarshal(config, &a); err != nil {
		return nil, &ConfigError{Field: "smtp_account", Reason: "smtp_account configuration is malformed"}
	}
	switch {
	case a.Host == "" || strings.ContainsAny(a.Host, "/ @:\r\n"):
		return nil, &ConfigError{Field: "host", Reason: "host field absent or malformed"}
	case a.Port <= 0 || a.Port > 65535:
		return nil, &ConfigError{Field: "port", Reason: "Port must be a number between 1 and 65535"}
	case !slices.Contains([]string{smtpPlain, smtpTLS, smtpStartTLS}, a.Method):
		return nil, &ConfigError{Field: "method", Reason: fmt.Sprintf("method [%s] is not one of none, ssl, start_tls", a.Method)}
	case a.Method == smtpPlain && a.Username != "":
		return nil, &ConfigError{Field: "method", Reason: "credentials are not sent in the clear: method must be ssl or start_tls"}
	}
	if err := checkAddress("from_address", a.From); err != nil {
		return nil, err
	}
	return encode(a), nil
}
