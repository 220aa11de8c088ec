package compat

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vigil/app/apptest"
)

// client sends requests as run_scenarios.py does: each on a connection of its own, headers and path as they are given.
type client struct {
	address string // host:port
	tls     *apptest.TLS
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// header is a line of a request's head.
type header struct{ name, value string }

// send sends a request; cert may be nil, user empty.
func (c *client) send(ctx context.Context, r *request, cert *tls.Certificate, user, password string) (reply, error) {
	payload, err := r.payload()
	if err != nil {
		return reply{}, err
	}
	conn, err := c.dial(ctx, cert)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", r.Method, r.Path)
	for _, h := range c.headers(r, payload, user, password) {
		fmt.Fprintf(&head, "%s: %s\r\n", h.name, h.value)
	}
	head.WriteString("\r\n")
	if _, err := conn.Write(append(head.Bytes(), payload...)); err != nil {
		return reply{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, strings.ToValidUTF8(string(body), "\uFFFD")}, err
}

func (c *client) headers(r *request, payload []byte, user, password string) []header {
	list := []header{{"Host", c.address}, {"User-Agent", "scenario-runner"}}
	if user != "" {
		list = append(list, header{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))})
	}
	if payload != nil {
		kind := "application/json"
		if r.NDJSON != nil {
			kind = "application/x-ndjson"
		}
		list = append(list, header{"Content-Type", kind}, header{"Content-Length", strconv.Itoa(len(payload))})
	}
	var out []header
	for _, h := range list {
		if !r.gives(h.name) {
			out = append(out, h)
		}
	}
	for name, value := range r.Headers {
		if value != nil {
			out = append(out, header{name, *value})
		}
	}
	return out
}

// gives reports whether a request has a header of its own, if only to leave it out.
func (r *request) gives(name string) bool {
	for own := range r.Headers {
		if strings.EqualFold(own, name) {
			return true
		}
	}
	return false
}

// limit is how long one exchange may take.
const limit = time.Minute

func (c *client) dial(ctx context.Context, cert *tls.Certificate) (net.Conn, error) {
	d := tls.Dialer{Config: c.tls.Dial(cert)}
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(limit))
}

// raw sends bytes as they are, inside of TLS or not, and returns what comes back within the time.
func (c *client) raw(ctx context.Context, data string, secure bool) ([]byte, error) {
	var conn net.Conn
	var err error
	if secure {
		conn, err = c.dial(ctx, nil)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", c.address)
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var latin []byte
	for _, r := range data {
		latin = append(latin, byte(r))
	}
	if _, err := conn.Write(latin); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return nil, err
	}
	got, _ := io.ReadAll(conn) // the server may close, reset, or wait for more
	return got, nil
}
