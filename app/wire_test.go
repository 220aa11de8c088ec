package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigil/config"
	"vigil/gateway"
)

// seen runs bytes through a head in pieces of a size and returns what net/http would read and what was seen.
func seen(t *testing.T, sent string, piece, limit int) (string, []gateway.Wire) {
	t.Helper()
	var got strings.Builder
	var wires []gateway.Wire
	h := head{limit: limit}
	var begun []byte
	for rest := sent; len(rest) > 0 && h.state != ended; {
		n := min(piece, len(rest))
		whole, left := h.look(append(begun, rest[:n]...), func(w gateway.Wire) { wires = append(wires, w) })
		got.Write(whole)
		got.Write(h.instead)
		h.instead = nil
		begun, rest = bytes.Clone(left), rest[n:]
	}
	return got.String(), wires
}

func TestHeads(t *testing.T) {
	const standsIn = "GET / HTTP/1.0\r\n\r\n"
	get := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, c := range map[string]struct {
		sent, read string // read is empty if it is what was sent
		want       []gateway.Wire
	}{
		"plain":            {get + get, "", []gateway.Wire{{}, {}}},
		"names":            {"GET / HTTP/1.1\r\nHOST: a\r\nx-A: 1\r\nX-B: 2\r\nx-a: 3\r\n\r\n", "", []gateway.Wire{{Names: []string{"HOST", "x-A", "x-a"}}}},
		"names alike":      {"GET / HTTP/1.1\r\nHost: a\r\nx: 1\r\ny: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nx: 2\r\nz: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nx: 2\r\n\r\n", "", []gateway.Wire{{Names: []string{"x", "y"}}, {Names: []string{"x", "z"}}, {Names: []string{"x"}}}},
		"folded":           {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\n b: 2\r\n\tc: 3\r\n\r\n" + get, "", []gateway.Wire{{}, {}}},
		"empty lines":      {"\r\n\n\r\n" + get, get, []gateway.Wire{{}}},
		"body":             {"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\n\r\n\r\nx" + get, "", []gateway.Wire{{Names: []string{"content-length"}}, {}}},
		"chunks":           {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n\r\nx\r\na\r\n0123456789\r\n0\r\nt: 1\r\n\r\n" + get, "", []gateway.Wire{{}, {}}},
		"chunks, 1.0":      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nx" + get, "", []gateway.Wire{{}, {}}},
		"chunked and long": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get, "", []gateway.Wire{{}, {}}},
		"bad chunk":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense\r\n", "", []gateway.Wire{{}}},
		"bad chunk end":    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\nnonsense\r\n", "", []gateway.Wire{{}}},
		"garbage":          {"nonsense\r\n\r\n" + get, standsIn, []gateway.Wire{{Fault: gateway.FaultLine, Cause: "invalid request line"}}},
		"garbage later":    {get + "nonsense\r\n\r\n" + get, get + standsIn, []gateway.Wire{{}, {Fault: gateway.FaultLine, Cause: "invalid request line"}}},
		"no version":       {"GET /\r\n\r\n", standsIn, []gateway.Wire{{Fault: gateway.FaultLine, Cause: "invalid request line"}}},
		"bad method":       {"G@T / HTTP/1.1\r\n\r\n", standsIn, []gateway.Wire{{Fault: gateway.FaultLine, Cause: "invalid request line"}}},
		"line feed only":   {"GET / HTTP/1.1\n\n", standsIn, []gateway.Wire{{Fault: gateway.FaultLine, Cause: "Illegal character in request line: a line ends with CR LF"}}},
		"long line":        {"GET /" + strings.Repeat("a", 200) + " HTTP/1.1\r\n\r\n", standsIn, []gateway.Wire{{Fault: gateway.FaultLine, Cause: "An HTTP line is larger than 150 bytes."}}},
		"bad escape":       {"GET /%zz HTTP/1.1\r\n\r\n", standsIn, []gateway.Wire{{Fault: gateway.FaultURI, Cause: `invalid URL escape "%zz"`}}},
		"cut escape":       {"GET /a%a HTTP/1.1\r\n\r\n", standsIn, []gateway.Wire{{Fault: gateway.FaultURI, Cause: `invalid URL escape "%a"`}}},
		"escape in query":  {"GET /a?b=%zz HTTP/1.1\r\nHost: a\r\n\r\n", "", []gateway.Wire{{}}},
		"control":          {"GET /a\x01 HTTP/1.1\r\n\r\n", standsIn, []gateway.Wire{{Fault: gateway.FaultURI, Cause: "net/url: invalid control character in URL"}}},
		"absolute":         {"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", "", []gateway.Wire{{}}},
		"asterisk":         {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "", []gateway.Wire{{}}},
		"version": {
			"GET /a HTTP/2.0\r\nHost: a\r\nb: 1\r\n\r\n", "GET /a HTTP/1.0\r\nHost: a\r\nb: 1\r\n\r\n",
			[]gateway.Wire{{Fault: gateway.FaultVersion, Cause: "Unexpected http protocol version: HTTP/2.0", Names: []string{"b"}}},
		},
	} {
		for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
			read, got := seen(t, c.sent, piece, 150)
			want := c.read
			if want == "" {
				want = c.sent
			}
			if diff := cmp.Diff(want, read); diff != "" {
				t.Errorf("%s, in pieces of %d: net/http reads something else (-want +got):\n%s", name, piece, diff)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, in pieces of %d: (-want +got):\n%s", name, piece, diff)
			}
		}
	}
}

// TestFaultyHeads has heads that net/http refuses by itself, or takes otherwise than they look. The handler is told of each,
// nothing behind it is read, and net/http takes what stands in its place.
func TestFaultyHeads(t *testing.T) {
	const host = "Host: a\r\n"
	for name, c := range map[string]struct{ head, cause string }{
		"no host":           {"", "missing Host header"},
		"two hosts":         {host + "host: a\r\n", "more than one Host header"},
		"host":              {"Host: a/b\r\n", "malformed Host header"},
		"folded host":       {host + " b\r\n", "a header line begins with white space"},
		"folded first":      {" a: b\r\n" + host, "a header line begins with white space"},
		"no colon":          {host + "abc\r\n", "invalid header name"},
		"no name":           {host + ": a\r\n", "invalid header name"},
		"space in name":     {host + "a b: c\r\n", "invalid header name"},
		"space before":      {host + "Content-Length : 1\r\n", "invalid header name"},
		"carriage return":   {host + "a: b\rc\r\n", "invalid header value"},
		"control":           {host + "a: \x01\r\n", "invalid header value"},
		"folded control":    {host + "a: b\r\n c\x00\r\n", "invalid header value"},
		"length":            {host + "Content-Length: x\r\n", "invalid Content-Length header"},
		"signed length":     {host + "Content-Length: +1\r\n", "invalid Content-Length header"},
		"folded length":     {host + "Content-Length:\r\n 1\r\n", "invalid Content-Length header"},
		"continued length":  {host + "Content-Length: 1\r\n 0\r\n", "a header line begins with white space"},
		"two lengths":       {host + "Content-Length: 1\r\nContent-Length: 2\r\n", "more than one Content-Length header"},
		"lengths written":   {host + "Content-Length: 1\r\nContent-Length: 01\r\n", "more than one Content-Length header"},
		"coding":            {host + "Transfer-Encoding: gzip, chunked\r\n", "unsupported Transfer-Encoding header"},
		"two codings":       {host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "unsupported Transfer-Encoding header"},
		"folded coding":     {host + "Transfer-Encoding:\r\n chunked\r\n", "unsupported Transfer-Encoding header"},
		"long line":         {host + "a: " + strings.Repeat("a", 5000) + "\r\n", "HTTP header is larger than 4096 bytes."},
		"many lines":        {host + strings.Repeat("a: b\r\n", 1000), "HTTP header is larger than 4096 bytes."},
		"long without ends": {host + "a: " + strings.Repeat("a", 100_000), "HTTP header is larger than 4096 bytes."},
	} {
		sent := "GET /p HTTP/1.1\r\n" + c.head + "\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n"
		fault := gateway.FaultHead
		if strings.Contains(c.cause, "larger") {
			fault = gateway.FaultHeadTooLong
		}
		for _, piece := range []int{1, 5, 1 << 20} {
			read, got := seen(t, sent, piece, 4096)
			if len(got) != 1 || got[0].Fault != fault || got[0].Cause != c.cause {
				t.Errorf("%s, in pieces of %d: got %+v, want one head: %s", name, piece, got, c.cause)
			}
			r := bufio.NewReader(strings.NewReader(read))
			req, err := http.ReadRequest(r)
			if err != nil || req.URL.Path != "/p" || !req.Close {
				t.Errorf("%s, in pieces of %d: net/http reads %v %+v of %q", name, piece, err, req, read)
			}
			if req != nil && req.ContentLength == 0 && r.Buffered() > 0 {
				t.Errorf("%s, in pieces of %d: net/http reads on in %q", name, piece, read)
			}
		}
	}
}

// Lengths that are said twice alike, and values that go on, are taken.
func TestHeadsThatAreTakenAsTheyAre(t *testing.T) {
	sent := "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\nA:\r\n b\r\nContent-Length: 1\r\n\r\nxPOST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n"
	if read, got := seen(t, sent, 3, 4096); read != sent || len(got) != 2 || got[0].Fault+got[1].Fault != gateway.FaultNone {
		t.Errorf("net/http reads %q, seen is %+v", read, got)
	}
}

// FuzzHead feeds a head anything in pieces of any size: it finds the same, and all that is whole goes on unless a line is faulty.
func FuzzHead(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\na: b\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /%z HTTP/1.1\r\n\r\n", 3)
	f.Add("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\nGET / HTTP/3.0\r\n\r\n", 1)
	f.Fuzz(func(t *testing.T, sent string, piece int) {
		if piece < 1 || len(sent) > 1<<12 {
			return
		}
		read, got := seen(t, sent, piece, 1<<12)
		readAtOnce, gotAtOnce := seen(t, sent, 1<<20, 1<<12)
		if read != readAtOnce {
			t.Errorf("in pieces of %d net/http reads %q, at once %q", piece, read, readAtOnce)
		}
		if diff := cmp.Diff(gotAtOnce, got); diff != "" {
			t.Errorf("in pieces of %d (-at once +in pieces):\n%s", piece, diff)
		}
	})
}

// served is a server whose handler answers with what it was told of the wire.
func served(t *testing.T) (dial func() net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default().HTTP
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		told := gateway.WireFrom(r.Context())
		fmt.Fprintf(w, "%s %s %q %v %d %v", r.Method, r.URL.Path, told.Names, told.Fault, len(body), err)
	})
	done := make(chan error, 1)
	go func() { done <- serveHTTP(t.Context(), l, h, cfg, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() { <-done })
	return func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

// Requests that come before the answers to those before them are told what their own heads were.
func TestWireKeepsPipelinedRequestsApart(t *testing.T) {
	dial := served(t)
	conn := dial()
	const n = 200
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			fmt.Fprintf(conn, "POST /%d HTTP/1.1\r\nHost: a\r\nx-%d: 1\r\nContent-Length: %d\r\n\r\n%s", i, i, i*100, strings.Repeat("b", i*100))
			if i%3 == 0 {
				fmt.Fprintf(conn, "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n")
			}
		}
		_, _ = io.WriteString(conn, "nonsense\r\n\r\n")
	})
	defer wg.Wait()
	r := bufio.NewReader(conn)
	answer := func() string {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for i := range n {
		if got, want := answer(), fmt.Sprintf(`POST /%d ["x-%d"] 0 %d <nil>`, i, i, i*100); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if i%3 == 0 {
			if got, want := answer(), `OPTIONS * ["host"] 0 0 <nil>`; got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	}
	if got, want := answer(), fmt.Sprintf(`GET / [] %d 0 <nil>`, gateway.FaultLine); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("got %v after a line that is no HTTP, want the end", err)
	}
}

// A faulty head comes to the handler, which answers, and the connection ends.
func TestFaultyHeadsComeToTheHandler(t *testing.T) {
	dial := served(t)
	for head, fault := range map[string]gateway.Fault{
		"": gateway.FaultHead, "Host: a\r\nb\r\n": gateway.FaultHead,
		"Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n": gateway.FaultHead,
		"Host: a\r\na: " + strings.Repeat("a", 1<<20) + "\r\n":  gateway.FaultHeadTooLong,
	} {
		conn := dial()
		var wg sync.WaitGroup
		wg.Go(func() { // what nobody reads may be refused
			_, _ = io.WriteString(conn, "GET /p HTTP/1.1\r\n"+head+"\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n")
		})
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("%.40q: %v", head, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := fmt.Sprintf("GET /p [] %d ", fault); !strings.HasPrefix(string(b), want) || !resp.Close {
			t.Errorf("%.40q: got %s, close %v, %v; want %s", head, b, resp.Close, err, want)
		}
		_ = conn.Close()
		wg.Wait()
	}
}

// loop gives the same bytes for ever.
type loop struct {
	net.Conn
	data []byte
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.data[l.at:])
	l.at = (l.at + n) % len(l.data)
	return n, nil
}

// BenchmarkWire measures what looking costs a request, beside reading it only.
func BenchmarkWire(b *testing.B) {
	for name, head := range map[string]string{
		"canonical": "POST /logs-a/_search?size=10 HTTP/1.1\r\nHost: 127.0.0.1:9200\r\nUser-Agent: client/1.0\r\nAuthorization: Basic cm9vdDpyb290cm9vdHJvb3Q=\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: 40\r\n\r\n",
		"lower":     "POST /logs-a/_search?size=10 HTTP/1.1\r\nhost: 127.0.0.1:9200\r\nuser-agent: client/1.0\r\nauthorization: Basic cm9vdDpyb290cm9vdHJvb3Q=\r\ncontent-type: application/json\r\naccept: */*\r\ncontent-length: 40\r\n\r\n",
	} {
		request := []byte(head + strings.Repeat("q", 40))
		buf := make([]byte, 4096)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := newWire(&loop{data: request}, 64<<10)
			for b.Loop() {
				if _, err := w.Read(buf); err != nil {
					b.Fatal(err)
				}
				w.next()
			}
		})
		b.Run(name+"/without", func(b *testing.B) {
			c := &loop{data: request}
			for b.Loop() {
				if _, err := c.Read(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
