package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxAnswer   = 64 << 10
	dialTimeout = 5 * time.Second
	// textPlain is what OpenSearch sends to chat receivers, although the body is JSON; see all-webhooks.json in compat/.
	textPlain = "text/plain; charset=UTF-8"
)

// outgoing is a request as one kind of destination wants it.
type outgoing struct {
	method   string
	url      *url.URL
	header   http.Header
	body     []byte
	user     string
	password string
}

func newClient(o Options, g *guard) *http.Client {
	d := &net.Dialer{Timeout: dialTimeout, ControlContext: g.control, Resolver: o.Resolver}
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			Proxy:                  nil,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			DialContext:            d.DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    dialTimeout,
			MaxIdleConns:           60,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxAnswer,
		},
		// As OpenSearch since 2.0: a redirect is a failed delivery, so it leads nowhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (n *Notifier) post(ctx context.Context, out outgoing, deliveryID string) (Result, error) {
	host := out.url.Hostname()
	if err := n.guard.host(host); err != nil {
		return Result{}, &Error{Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, out.method, out.url.String(), bytes.NewReader(out.body))
	if err != nil {
		return Result{}, &Error{Err: fmt.Errorf("send to %s: %w", host, bare(err))}
	}
	req.Header = out.header.Clone()
	req.Header.Set("User-Agent", "Vigil/"+n.o.Version)
	if deliveryID != "" {
		req.Header.Set("X-Vigil-Delivery", deliveryID)
	}
	if out.user != "" {
		req.SetBasicAuth(out.user, out.password)
	}
	res, err := n.http.Do(req)
	if err != nil {
		err = bare(err)
		return Result{}, &Error{Retry: !errors.Is(err, ErrForbidden), Err: fmt.Errorf("send to %s: %w", host, err)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	got := Result{Status: res.StatusCode, Body: string(body)}
	if delivered(res.StatusCode) {
		// The receiver has it: an answer that breaks off must not make us send it again.
		return got, nil
	}
	if err != nil {
		err = fmt.Errorf("read answer of %s: %w", host, err)
	} else {
		err = fmt.Errorf("%s answered %d %s", host, res.StatusCode, http.StatusText(res.StatusCode))
	}
	return got, &Error{
		Status: res.StatusCode, Body: got.Body, Retry: worthRetrying(res.StatusCode),
		After: retryAfter(res.Header.Get("Retry-After"), time.Now()), Err: err,
	}
}

// delivered holds the statuses that OpenSearch counts as success.
func delivered(status int) bool { return status >= 200 && status <= 207 }

func worthRetrying(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// retryAfter reads seconds or a date; what a receiver may ask for is bounded by a day.
func retryAfter(v string, now time.Time) time.Duration {
	if v == "" {
		return 0
	}
	var d time.Duration
	if s, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
		d = time.Duration(min(s, 86400)) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}

// bare takes the URL, which may hold a secret, out of an error.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// chat encodes {key: "subject\n\nbody"} the way OpenSearch does.
func chat(config json.RawMessage, key string, m Message) (outgoing, error) {
	u, err := configURL(config)
	if err != nil {
		return outgoing{}, err
	}
	text := m.Body
	if m.Subject != "" {
		text = m.Subject + "\n\n" + m.Body
	}
	return outgoing{
		method: http.MethodPost, url: u, body: encode(map[string]string{key: text}),
		header: http.Header{"Content-Type": {textPlain}},
	}, nil
}

// encode returns v as JSON without escaping for HTML. Its arguments are maps and structs of strings, which cannot fail.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
