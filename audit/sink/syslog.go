package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"vigil/audit"
)

// SyslogOptions says where messages go. Name and Address are required.
type SyslogOptions struct {
	Name    string
	Address string
	// TLS encrypts; nil means plain TCP.
	TLS *tls.Config
	// Host is the HOSTNAME of messages.
	Host string
	// Facility replaces 10 (security) for authentication and 13 (log audit) for everything else.
	Facility int
	// MaxMessage bounds the message behind the header in bytes; 8 KiB by default.
	MaxMessage int
	// Timeout ends an attempt to connect or to write a batch; 30 s by default.
	Timeout time.Duration
}

// Syslog sends events as RFC 5424 messages over one TCP or TLS connection, each with its length before it as RFC 6587 says. The
// protocol has no acknowledgement: what the receiver's system took counts as delivered.
type Syslog struct {
	o    SyslogOptions
	conn net.Conn
}

// NewSyslog returns the sink. It connects when the first events come.
func NewSyslog(o SyslogOptions) (*Syslog, error) {
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil || o.Name == "" {
		return nil, errors.New("syslog sink: no host:port or no name")
	}
	if o.TLS != nil && o.TLS.ServerName == "" {
		o.TLS = o.TLS.Clone()
		o.TLS.ServerName = host
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 8 << 10
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	return &Syslog{o: o}, nil
}

// Name implements [audit.Sink].
func (s *Syslog) Name() string { return s.o.Name }

// Close implements [audit.Sink].
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	c := s.conn
	s.conn = nil
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Write sends a batch. A batch that failed comes again as a whole, on a new connection.
func (s *Syslog) Write(ctx context.Context, batch []audit.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	if err := s.connect(ctx); err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	var b []byte
	for _, e := range batch {
		b = s.appendFrame(b, e)
	}
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	_, err := conn.Write(b)
	stop()
	if err != nil {
		return fmt.Errorf("syslog: %w", errors.Join(context.Cause(ctx), err, s.Close()))
	}
	return nil
}

// connect makes a connection unless there is one that the receiver has not closed.
func (s *Syslog) connect(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.conn != nil {
		if s.open() {
			return nil
		}
		_ = s.Close() // the receiver closed it
	}
	var d net.Dialer
	var err error
	if s.o.TLS == nil {
		s.conn, err = d.DialContext(ctx, "tcp", s.o.Address)
	} else {
		s.conn, err = (&tls.Dialer{NetDialer: &d, Config: s.o.TLS}).DialContext(ctx, "tcp", s.o.Address)
	}
	if err != nil {
		s.conn = nil
	}
	return err
}

// open looks whether the receiver closed the connection. It never sends anything, so a read ends by its deadline.
func (s *Syslog) open() bool {
	if s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)) != nil {
		return false
	}
	_, err := s.conn.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded) && s.conn.SetReadDeadline(time.Time{}) == nil
}

// appendFrame appends a message and, before it, its length.
func (s *Syslog) appendFrame(b []byte, e audit.Entry) []byte {
	m := s.appendMessage(nil, e)
	b = append(strconv.AppendInt(b, int64(len(m)), 10), ' ')
	return append(b, m...)
}

func (s *Syslog) appendMessage(b []byte, e audit.Entry) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(s.facility(e.Category)*8+severity(e.Category)), 10)
	b = append(b, ">1 "...)
	b = e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, ' ')
	b = append(append(b, word(s.o.Host, 255)...), " vigil "...)
	b = append(strconv.AppendInt(b, int64(os.Getpid()), 10), ' ')
	b = append(append(b, word(string(e.Category), 32)...), ` [vigil@32473 id="`...)
	b = append(append(b, parameter(e.ID)...), `" seq="`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(append(append(b, `" category="`...), parameter(string(e.Category))...), `"] `...)
	return append(b, shrink(e.Doc, s.o.MaxMessage)...)
}

// word is a header field: printable ASCII without spaces, or "-".
func word(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), limit)]
}

// parameter escapes a value of structured data.
func parameter(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(s)
}

// Facilities and severities of RFC 5424.
const (
	facilitySecurity = 10
	facilityAudit    = 13

	severityError         = 3
	severityWarning       = 4
	severityInformational = 6
)

func (s *Syslog) facility(c audit.Category) int {
	switch {
	case s.o.Facility != 0:
		return s.o.Facility
	case c == audit.FailedLogin, c == audit.Authenticated, c == audit.MissingPrivileges, c == audit.GrantedPrivileges:
		return facilitySecurity
	}
	return facilityAudit
}

func severity(c audit.Category) int {
	switch c {
	case audit.Gap, audit.SecurityIndexAttempt:
		return severityError
	case audit.FailedLogin, audit.MissingPrivileges, audit.BadHeaders, audit.SSLException:
		return severityWarning
	default:
		return severityInformational
	}
}
