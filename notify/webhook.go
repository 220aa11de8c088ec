package notify

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const maxHeaders = 64

// webhookConfig holds a URL, or the parts of one as destinations of Open Distro do.
type webhookConfig struct {
	URL     string            `json:"url,omitempty"`
	Scheme  string            `json:"scheme,omitempty"`
	Host    string            `json:"host,omitempty"`
	Port    int               `json:"port,omitempty"`
	Path    string            `json:"path,omitempty"`
	Params  map[string]string `json:"query_params,omitempty"`
	Headers map[string]string `json:"header_params"`
	Method  string            `json:"method"`
	// Username and Password are sent as Basic credentials.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

func readWebhook(config json.RawMessage) (webhookConfig, error) {
	var c webhookConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return c, &ConfigError{Field: "webhook", Reason: "webhook configuration is malformed"}
	}
	// As in OpenSearch a method that is none of these means POST.
	if c.Method != http.MethodPut && c.Method != http.MethodPatch {
		c.Method = http.MethodPost
	}
	if c.Headers == nil {
		c.Headers = map[string]string{}
	}
	return c, nil
}

// target returns the URL, put together from its parts if it is not given as one.
func (c webhookConfig) target() (*url.URL, error) {
	if c.URL != "" || c.Host == "" {
		return parseURL(c.URL)
	}
	if c.Port < -1 || c.Port > 65535 {
		return nil, &ConfigError{Field: "port", Reason: fmt.Sprintf("port [%d] is out of range", c.Port)}
	}
	u := &url.URL{Scheme: c.Scheme, Host: c.Host, Path: c.Path}
	if u.Scheme == "" {
		u.Scheme = "https"
	}
	if c.Port > 0 {
		u.Host = net.JoinHostPort(strings.Trim(c.Host, "[]"), strconv.Itoa(c.Port))
	}
	if u.Path != "" && !strings.HasPrefix(u.Path, "/") {
		u.Path = "/" + u.Path
	}
	q := url.Values{}
	for k, v := range c.Params {
		q.Set(k, v)
	}
	u.RawQuery = q.Encode()
	return parseURL(u.String())
}

func checkWebhook(config json.RawMessage) (json.RawMessage, error) {
	c, err := readWebhook(config)
	if err != nil {
		return nil, err
	}
	if _, err := c.target(); err != nil {
		return nil, err
	}
	if len(c.Headers) > maxHeaders {
		return nil, &ConfigError{Field: "header_params", Reason: fmt.Sprintf("more than %d headers", maxHeaders)}
	}
	for k, v := range c.Headers {
		if !isToken(k) || strings.ContainsFunc(v, isControl) {
			return nil, &ConfigError{Field: "header_params", Reason: fmt.Sprintf("header [%s] is malformed", k)}
		}
	}
	return encode(c), nil
}

// webhookRequest sends the body as it is; a webhook gets no subject, as in OpenSearch 2.19 (all-webhooks.json in compat/).
func webhookRequest(config json.RawMessage, m Message) (outgoing, error) {
	c, err := readWebhook(config)
	if err != nil {
		return outgoing{}, err
	}
	u, err := c.target()
	if err != nil {
		return outgoing{}, err
	}
	h := make(http.Header, len(c.Headers)+1)
	for k, v := range c.Headers {
		h.Set(k, v)
	}
	if len(c.Headers) == 0 {
		h.Set("Content-Type", "application/json")
	}
	return outgoing{method: c.Method, url: u, header: h, body: []byte(m.Body), user: c.Username, password: c.Password}, nil
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
