package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"vigil/audit"
)

// Headers of a webhook's requests.
const (
	// TimestampHeader is when the request was signed, in Unix seconds.
	TimestampHeader = "X-Vigil-Timestamp"
	// SignatureHeader is "v1=" and the signature in hex, see [Sign].
	SignatureHeader = "X-Vigil-Signature"
	// DeliveryHeader is the id of the first event of the batch: a batch that comes again has it again.
	DeliveryHeader = "X-Vigil-Delivery"
)

// WebhookOptions says where batches are posted. Name, URL and Client are required.
type WebhookOptions struct {
	Name string
	URL  string
	// Client should have a timeout. It must not follow redirects, see [NewHTTPClient].
	Client *http.Client
	// Lines sends newline-delimited JSON instead of an array.
	Lines bool
	// Secret signs requests; nil means no signature.
	Secret []byte
	// Header is sent with every request.
	Header http.Header
	Gzip   bool
}

// Webhook posts batches. Every 2xx answer means that the receiver has all of a batch; 400, 413 and 422 that it will never
// take it, so that it is offered in halves down to the events that are to blame; any other that it should come again.
type Webhook struct{ o WebhookOptions }

// NewWebhook returns the sink.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	if o.Name == "" || o.Client == nil {
		return nil, errors.New("webhook sink: no client or no name")
	}
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" {
		return nil, errors.New("webhook sink: not a URL")
	}
	return &Webhook{o: o}, nil
}

// Name implements [audit.Sink].
func (s *Webhook) Name() string { return s.o.Name }

// Close implements [audit.Sink].
func (s *Webhook) Close() error {
	s.o.Client.CloseIdleConnections()
	return nil
}

// Write posts a batch.
func (s *Webhook) Write(ctx context.Context, batch []audit.Entry) error {
	return rejection(split(batch, func(part []audit.Entry) error { return s.post(ctx, part) }))
}

func (s *Webhook) post(ctx context.Context, batch []audit.Entry) error {
	body, err := s.body(batch)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook: the request cannot be made")
	}
	req.Header.Set("User-Agent", "vigil")
	req.Header.Set("Content-Type", "application/json")
	if s.o.Lines {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	if s.o.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.Header.Set(DeliveryHeader, batch[0].ID)
	maps.Copy(req.Header, s.o.Header)
	if host := s.o.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if s.o.Secret != nil {
		now := time.Now()
		req.Header.Set(TimestampHeader, strconv.FormatInt(now.Unix(), 10))
		req.Header.Set(SignatureHeader, Sign(s.o.Secret, now, body))
	}
	resp, err := s.o.Client.Do(req)
	if err != nil {
		// The error would repeat the URL, which may hold a token.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return fmt.Errorf("webhook: %w", err)
	}
	defer resp.Body.Close()
	// A short answer that is read leaves a connection that can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	return judgeStatus(resp.StatusCode)
}

// judgeStatus returns nil if a batch was taken. The receiver's words are not repeated: they may repeat a secret of ours.
func judgeStatus(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return &refusedError{fmt.Sprintf("the webhook answered %d", status)}
	case status >= 300 && status < 400:
		return fmt.Errorf("webhook: answered %d; redirects are not followed", status)
	}
	return fmt.Errorf("webhook: answered %d", status)
}

func (s *Webhook) body(batch []audit.Entry) ([]byte, error) {
	plain := lines(batch)
	if !s.o.Lines {
		plain = array(batch)
	}
	if !s.o.Gzip {
		return plain, nil
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func array(batch []audit.Entry) []byte {
	b := []byte{'['}
	for i, e := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.Doc...)
	}
	return append(b, ']')
}

// Sign is the signature of a request: "v1=" and the hex HMAC-SHA256 of the timestamp in Unix seconds, a dot and the body as
// it is sent. A receiver should refuse timestamps that are not about now.
func Sign(secret []byte, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(strconv.AppendInt(nil, at.Unix(), 10))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}
