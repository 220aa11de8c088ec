package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// sendEmail hands one message per recipient to the mail server, as OpenSearch does, over one connection; or to Amazon SES.
func (n *Notifier) sendEmail(ctx context.Context, d Destination, m Message) (Result, error) {
	switch {
	case d.Account == nil && d.SES == nil:
		return Result{}, &Error{Err: errors.New("the channel has no account")}
	case len(d.Recipients) == 0:
		return Result{}, &Error{Err: errors.New("the channel has no recipients")}
	case d.SES != nil:
		return n.sendSES(ctx, d, m)
	}
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	a := d.Account
	c, err := n.dialSMTP(ctx, a)
	if err != nil {
		return Result{}, mailError(a.Host, err)
	}
	// What the server thinks of our leaving changes nothing.
	defer func() { _ = c.Close() }()
	var errs []error
	for _, to := range d.Recipients {
		if err := mailTo(c, a.From, to, composeMail(a.From, to, m, time.Now())); err != nil {
			errs = append(errs, err)
			if _, ok := errors.AsType[*textproto.Error](err); !ok {
				break // the connection is gone
			}
			_ = c.Reset()
		}
	}
	if len(errs) > 0 {
		return Result{}, mailError(a.Host, errors.Join(errs...))
	}
	_ = c.Quit()
	return Result{Status: http.StatusOK, Body: "Success"}, nil
}

// dialSMTP connects, secures the connection and logs in.
func (n *Notifier) dialSMTP(ctx context.Context, a *Account) (*smtp.Client, error) {
	if err := n.guard.host(a.Host); err != nil {
		return nil, err
	}
	d := &net.Dialer{Timeout: dialTimeout, ControlContext: n.guard.control, Resolver: n.o.Resolver}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a.Host, strconv.Itoa(a.Port)))
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	secure := &tls.Config{ServerName: a.Host, RootCAs: n.o.RootCAs, MinVersion: tls.VersionTLS12}
	if a.Method == smtpTLS {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, a.Host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if a.Method == smtpStartTLS {
		// Unlike OpenSearch we do not go on in the clear: whoever sits in between could have us do so.
		if err := c.StartTLS(secure); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if a.Username != "" {
		if err := c.Auth(smtp.PlainAuth("", a.Username, a.Password, a.Host)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func mailTo(c *smtp.Client, from, to string, text []byte) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close()
}

// mailError tells whether trying again can help: after what the server calls permanent it cannot.
func mailError(host string, err error) *Error {
	out := &Error{Retry: !errors.Is(err, ErrForbidden), Err: fmt.Errorf("mail to %s: %w", host, err)}
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		out.Status, out.Body, out.Retry = e.Code, e.Msg, e.Code < 500
	}
	return out
}

// composeMail writes a message: text, and HTML beside it if the body is a page. The message id follows from the delivery and
// the recipient, so that a message which is sent again is known.
func composeMail(from, to string, m Message, now time.Time) []byte {
	var b bytes.Buffer
	sum := sha256.Sum256([]byte(m.DeliveryID + "\x00" + to))
	boundary := "vigil-" + hex.EncodeToString(sum[:12])
	_, domain, _ := strings.Cut(from, "@")
	for _, h := range [][2]string{
		{"From", from},
		{"To", to},
		{"Subject", mime.QEncoding.Encode("utf-8", oneLine(m.Subject))},
		{"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + hex.EncodeToString(sum[:16]) + "@" + domain + ">"},
		{"X-Vigil-Delivery", m.DeliveryID},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", `multipart/alternative; boundary="` + boundary + `"`},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := multipart.NewWriter(&b)
	// A boundary of ours cannot be malformed, and a buffer takes everything.
	_ = w.SetBoundary(boundary)
	part(w, "text/plain", m.Body)
	if isPage(m.Body) {
		part(w, "text/html", m.Body)
	}
	_ = w.Close()
	return b.Bytes()
}

func part(w *multipart.Writer, kind, text string) {
	p, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Type": {kind + "; charset=UTF-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return
	}
	q := quotedprintable.NewWriter(p)
	_, _ = q.Write([]byte(text))
	_ = q.Close()
}

func isLineEnd(r rune) bool { return r == '\r' || r == '\n' }

// isPage reports whether a body is HTML from its beginning.
func isPage(body string) bool {
	head := strings.ToLower(strings.TrimSpace(body))
	return strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html")
}
