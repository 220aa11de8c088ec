package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

const maxURL = 8 << 10

// urlConfig is the configuration of everything that is reached by a URL alone.
type urlConfig struct {
	URL string `json:"url"`
}

func configURL(config json.RawMessage) (*url.URL, error) {
	var c urlConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, &ConfigError{Field: "url", Reason: "configuration is not an object with a url"}
	}
	return parseURL(c.URL)
}

// parseURL reads a http(s) URL. Its errors never hold the URL but for a text without protocol, as OpenSearch words it.
func parseURL(s string) (*url.URL, error) {
	switch {
	case s == "":
		return nil, &ConfigError{Field: "url", Reason: "url field absent"}
	case len(s) > maxURL:
		return nil, &ConfigError{Field: "url", Reason: fmt.Sprintf("url is longer than %d bytes", maxURL)}
	case !strings.Contains(s, ":"):
		return nil, &ConfigError{Field: "url", Reason: "no protocol: " + s}
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, &ConfigError{Field: "url", Reason: "url is malformed"}
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, &ConfigError{Field: "url", Reason: "unknown protocol: " + u.Scheme}
	}
	if u.Hostname() == "" {
		return nil, &ConfigError{Field: "url", Reason: "Invalid URL or unsupported"}
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		// The client would make another name of it than the one that is looked for in the lists of hosts.
		return nil, &ConfigError{Field: "url", Reason: "the host of the url is not ASCII: write it as xn--…"}
	}
	return u, nil
}

func checkURL(config json.RawMessage) (json.RawMessage, error) {
	var c urlConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, &ConfigError{Field: "url", Reason: "configuration is not an object with a url"}
	}
	if _, err := parseURL(c.URL); err != nil {
		return nil, err
	}
	return encode(c), nil
}
