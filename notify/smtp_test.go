package notify

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mailServer is as much of a mail server as clients need.
type mailServer struct {
	secure  *tls.Config
	method  string
	refuse  map[string]string // recipient to answer
	mu      sync.Mutex
	mails   []string
	to      []string
	login   string
	port    int
	working sync.WaitGroup
}

func newMailServer(t *testing.T, method string) (*mailServer, Options) {
	t.Helper()
	certificates := httptest.NewTLSServer(nil)
	t.Cleanup(certificates.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certificates.Certificate())
	s := &mailServer{secure: &tls.Config{Certificates: certificates.TLS.Certificates}, method: method, refuse: map[string]string{}} //nolint:gosec // a test's server
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	t.Cleanup(func() { _ = l.Close(); s.working.Wait() })
	s.working.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if method == smtpTLS {
				c = tls.Server(c, s.secure)
			}
			s.working.Go(func() { s.serve(c) })
		}
	})
	o := local()
	o.RootCAs = roots
	return s, o
}

func (s *mailServer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := textproto.NewReader(bufio.NewReader(c))
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	say("220 ready")
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-hello")
			if _, tls := c.(*tls.Conn); s.method == smtpStartTLS && !tls {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			if s.method != smtpStartTLS {
				say("502 no")
				continue
			}
			say("220 go on")
			c = tls.Server(c, s.secure)
			r = textproto.NewReader(bufio.NewReader(c))
		case "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(arg, "PLAIN "))
			s.with(func() { s.login = string(raw) })
			if !strings.HasSuffix(string(raw), "right") {
				say("535 no")
				continue
			}
			say("235 yes")
		case "RCPT":
			to := strings.TrimSuffix(strings.TrimPrefix(arg, "TO:<"), ">")
			if answer := s.refuse[to]; answer != "" {
				say(answer)
				continue
			}
			s.with(func() { s.to = append(s.to, to) })
			say("250 ok")
		case "DATA":
			say("354 go on")
			text, err := io.ReadAll(r.DotReader())
			if err != nil {
				return
			}
			s.with(func() { s.mails = append(s.mails, string(text)) })
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) with(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *mailServer) destination(password string, to ...string) Destination {
	a := &Account{Host: "127.0.0.1", Port: s.port, Method: s.method, From: "vigil@example.org"}
	if password != "" {
		a.Username, a.Password = "me", password
	}
	return Destination{ID: "d", Type: Email, Account: a, Recipients: to}
}

func TestMailArrivesByEveryMethod(t *testing.T) {
	for _, method := range []string{smtpPlain, smtpTLS, smtpStartTLS} {
		t.Run(method, func(t *testing.T) {
			s, o := newMailServer(t, method)
			password := ""
			if method != smtpPlain {
				password = "right"
			}
			_, err := open(t, o).Send(t.Context(), s.destination(password, "a@example.org", "b@example.org"),
				Message{Subject: "Grüße\r\nBcc: evil@example.org", Body: "Zeile = 1\n.\nZeile 3", DeliveryID: "id-1"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"a@example.org", "b@example.org"}, s.to); diff != "" {
				t.Error(diff)
			}
			if password != "" && s.login != "\x00me\x00right" {
				t.Errorf("login %q", s.login)
			}
			m, err := mail.ReadMessage(strings.NewReader(s.mails[0]))
			if err != nil {
				t.Fatal(err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != "Grüße Bcc: evil@example.org" || m.Header.Get("Bcc") != "" {
				t.Errorf("subject %q, %v, headers %v", subject, err, m.Header)
			}
			if m.Header.Get("X-Vigil-Delivery") != "id-1" || m.Header.Get("To") != "a@example.org" || m.Header.Get("From") != "vigil@example.org" {
				t.Errorf("headers %v", m.Header)
			}
			if diff := cmp.Diff(map[string]string{"text/plain": "Zeile = 1\n.\nZeile 3"}, parts(t, m)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func parts(t *testing.T, m *mail.Message) map[string]string {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		out[kind] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}

func TestPagesAreSentAsTextAndHTML(t *testing.T) {
	raw := composeMail("a@x", "b@x", Message{Subject: "s", Body: "<html><b>hi</b></html>", DeliveryID: "1"}, time.Unix(0, 0))
	m, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"text/plain": "<html><b>hi</b></html>", "text/html": "<html><b>hi</b></html>"}
	if diff := cmp.Diff(want, parts(t, m)); diff != "" {
		t.Error(diff)
	}
	again := composeMail("a@x", "b@x", Message{Subject: "s", Body: "x", DeliveryID: "1"}, time.Unix(99, 0))
	m2, err := mail.ReadMessage(strings.NewReader(string(again)))
	if err != nil || m2.Header.Get("Message-ID") != m.Header.Get("Message-ID") {
		t.Error("a message that is sent again has another id")
	}
}

func TestMailThatIsNotDelivered(t *testing.T) {
	s, o := newMailServer(t, smtpStartTLS)
	s.refuse["never@example.org"], s.refuse["later@example.org"] = "550 unknown", "451 busy"
	untrusted := o
	untrusted.RootCAs = x509.NewCertPool()
	downgraded := s.destination("right", "a@example.org")
	plain, plainOptions := newMailServer(t, smtpPlain)
	downgraded.Account.Port = plain.port
	tests := []struct {
		name  string
		o     Options
		d     Destination
		retry bool
	}{
		{"refused for good", o, s.destination("right", "a@example.org", "never@example.org"), false},
		{"refused for now", o, s.destination("right", "later@example.org"), true},
		{"wrong password", o, s.destination("wrong", "a@example.org"), false},
		{"certificate is not trusted", untrusted, s.destination("right", "a@example.org"), true},
		{"no TLS where it was asked for", plainOptions, downgraded, false},
		{"address is not allowed", Options{}, s.destination("right", "a@example.org"), false},
		{"nobody to send to", o, s.destination("right"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, tt.o).Send(t.Context(), tt.d, Message{Subject: "s", Body: "b"})
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Retry != tt.retry {
				t.Errorf("got %v (%+v), want retry %t", err, e, tt.retry)
			}
			if err != nil && (strings.Contains(err.Error(), "right") || strings.Contains(err.Error(), "wrong")) {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
	if len(plain.mails) != 0 || plain.login != "" {
		t.Error("something was sent in the clear")
	}
}

func TestEmailConfigurationsAreChecked(t *testing.T) {
	tests := []struct {
		t      Type
		config string
		ok     bool
	}{
		{SMTPAccount, `{"host":"mail.example.org","port":587,"method":"start_tls","from_address":"a@example.org","username":"u","password":"p"}`, true},
		{SMTPAccount, `{"host":"mail.example.org","port":25,"method":"none","from_address":"a@example.org"}`, true},
		{SMTPAccount, `{"host":"mail.example.org","port":25,"method":"none","from_address":"a@example.org","username":"u"}`, false},
		{SMTPAccount, `{"host":"mail.example.org","port":0,"method":"none","from_address":"a@example.org"}`, false},
		{SMTPAccount, `{"host":"mail.example.org","port":25,"method":"tls","from_address":"a@example.org"}`, false},
		{SMTPAccount, `{"host":"mail.example.org","port":25,"method":"none","from_address":"a"}`, false},
		{SMTPAccount, `{"host":"","port":25,"method":"none","from_address":"a@example.org"}`, false},
		{Email, `{"email_account_id":"x","recipient_list":[{"recipient":"a@example.org"}]}`, true},
		{Email, `{"email_account_id":"x","recipient_list":[{"recipient":"a@example.org\r\nRCPT TO:<b@x>"}]}`, false},
		{Email, `{"recipient_list":[]}`, false},
		{EmailGroup, `{"recipient_list":[{"recipient":"a@example.org"}]}`, true},
		{EmailGroup, `{}`, false},
	}
	for _, tt := range tests {
		if _, err := Check(tt.t, json.RawMessage(tt.config)); (err == nil) != tt.ok {
			t.Errorf("%s %s: %v", tt.t, tt.config, err)
		}
	}
	if got := string(Redact(json.RawMessage(`{"host":"h","username":"u","password":"p"}`))); strings.Contains(got, `"p"`) {
		t.Errorf("the password is shown: %s", got)
	}
}
