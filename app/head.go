package app

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"vigil/gateway"
)

// head follows the heads of the requests of an HTTP/1 connection and knows where each ends and the next begins. It believes
// of the framing what net/http does; where that gives up, it looks no further.
type head struct {
	limit int // of a line and of a head, in bytes

	state    state
	left     uint64 // bytes of the body or chunk
	searched int    // how much of the line that only begins holds no end

	// Of the request whose head is being read:
	version10 bool
	chunked   bool
	length    uint64
	fields
	seen gateway.Wire
	last []string // the names of the request before: a client writes them all alike

	instead []byte // what net/http shall read in place of a faulty line
}

type state uint8

const (
	inLine   state = iota // a request's first line comes next
	inHeader              // a line of its head
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	blind // net/http will refuse the body, so what follows does not matter
	ended // nothing more is read
)

// look goes through what came and calls push at the end of every head. Whole is what net/http may read, rest the beginning of
// a line, to be looked at again with what follows it. Both are parts of b, of which a faulty line and empty lines before a
// request are taken out.
func (h *head) look(b []byte, push func(gateway.Wire)) (whole, rest []byte) {
	for i := 0; i < len(b); {
		if h.state == blind {
			return b, nil
		}
		if h.state == ended {
			return b[:i], nil
		}
		if h.state == inBody || h.state == inChunk {
			i += h.skip(len(b) - i)
			continue
		}
		nl := bytes.IndexByte(b[i+h.searched:], '\n')
		end := i + h.searched + nl + 1
		if nl < 0 {
			end = len(b)
		}
		size := end - i
		if h.state == inHeader {
			size += h.total
		}
		if size > h.limit {
			h.tooLong(push)
			continue
		}
		if nl < 0 {
			h.searched = end - i
			return b[:i], b[i:]
		}
		h.searched = 0
		if h.state == inLine && len(bytes.TrimRight(b[i:end], "\r\n")) == 0 {
			b = append(b[:i], b[end:]...) // as the original does, which net/http does not
			continue
		}
		h.line(b[i:end], push)
		if h.state == ended {
			return b[:i], nil
		}
		i = end
	}
	return b, nil
}

// skip goes over at most n bytes of a body or chunk and returns how many.
func (h *head) skip(n int) int {
	n = int(min(h.left, uint64(n))) //nolint:gosec // a length, and at most itself
	if h.left -= uint64(n); h.left == 0 {
		next := inLine
		if h.state == inChunk {
			next = inChunkEnd
		}
		h.state = next
	}
	return n
}

// line goes on with one line, its end included.
func (h *head) line(line []byte, push func(gateway.Wire)) {
	text := bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
	switch h.state {
	case inLine:
		h.request(line, text, push)
	case inHeader:
		wrong := ""
		if h.total += len(line); len(text) > 0 {
			wrong = h.header(text)
		} else if !h.host && !h.version10 {
			wrong = "missing Host header"
		}
		if wrong != "" {
			h.refuseHead(gateway.FaultHead, wrong, push)
			return
		}
		if len(text) > 0 {
			return
		}
		push(h.seen)
		h.last, h.seen = h.seen.Names, gateway.Wire{}
		switch {
		case h.chunked:
			h.state = inChunkSize
		case h.length > 0:
			h.state, h.left = inBody, h.length
		default:
			h.state = inLine
		}
	case inChunkSize:
		size, _, _ := bytes.Cut(text, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 63)
		switch {
		case err != nil:
			h.state = blind
		case n == 0:
			h.state = inTrailer
		default:
			h.state, h.left = inChunk, n
		}
	case inChunkEnd:
		h.state = inChunkSize
		if len(text) > 0 {
			h.state = blind
		}
	default: // inTrailer
		if len(text) == 0 {
			h.state = inLine
		}
	}
}

// request looks at a request's first line. A version that is not spoken is written over.
func (h *head) request(line, text []byte, push func(gateway.Wire)) {
	h.state, h.chunked, h.length, h.fields = inHeader, false, 0, fields{total: len(line)}
	method, rest, _ := bytes.Cut(text, []byte(" "))
	target, version, ok := bytes.Cut(rest, []byte(" "))
	switch {
	case !ok || !isToken(method) || !isVersion(version):
		h.refuse(gateway.FaultLine, "invalid request line", push)
		return
	case !bytes.HasSuffix(line, []byte("\r\n")):
		h.refuse(gateway.FaultLine, "Illegal character in request line: a line ends with CR LF", push)
		return
	}
	if err := checkTarget(method, target); err != nil {
		h.refuse(gateway.FaultURI, err.Error(), push)
		return
	}
	h.version10 = string(version) == "HTTP/1.0"
	if !h.version10 && string(version) != "HTTP/1.1" {
		h.seen.Fault, h.seen.Cause = gateway.FaultVersion, "Unexpected http protocol version: "+string(version)
		h.version10 = true
		copy(version, "HTTP/1.0")
	}
}

// refuse ends the connection with a request that stands for what came.
func (h *head) refuse(f gateway.Fault, cause string, push func(gateway.Wire)) {
	push(gateway.Wire{Fault: f, Cause: cause})
	h.instead = []byte("GET / HTTP/1.0\r\n\r\n")
	h.state = ended
}

// tooLong gives up on a line, or a head, that has no end within the limit.
func (h *head) tooLong(push func(gateway.Wire)) {
	h.searched = 0
	if h.state == inLine {
		h.refuse(gateway.FaultLine, fmt.Sprintf("An HTTP line is larger than %d bytes.", h.limit), push)
		return
	}
	if h.state == inHeader {
		h.headTooLong(push)
		return
	}
	h.state = blind
}

// name keeps a name as it is written, in the memory of the request before if that has it at the same place.
func (h *head) name(name []byte) {
	n := len(h.seen.Names)
	if n < len(h.last) && h.last[n] == string(name) {
		h.seen.Names = h.last[: n+1 : n+1]
		return
	}
	h.seen.Names = append(h.seen.Names, string(name))
	h.last = nil
}

// isCanonical reports whether net/http leaves a name as it is: capitals begin words, and only they.
func isCanonical(name []byte) bool {
	first := true
	for _, c := range name {
		if first && 'a' <= c && c <= 'z' || !first && 'A' <= c && c <= 'Z' {
			return false
		}
		first = c == '-'
	}
	return true
}

// isVersion reports whether a word is like HTTP/1.1.
func isVersion(v []byte) bool {
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	return len(v) == len("HTTP/1.1") && string(v[:5]) == "HTTP/" && digit(v[5]) && v[6] == '.' && digit(v[7])
}

// isToken reports whether a word may be a method.
func isToken(word []byte) bool {
	for _, c := range word {
		if !isLetterOrDigit(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return len(word) > 0
}

// checkTarget returns why a target cannot be decoded. The usual ones need no parser.
func checkTarget(method, target []byte) error {
	plain := len(target) > 0 && target[0] == '/'
	for _, c := range target {
		plain = plain && c > ' ' && c != 0x7f && c != '%'
	}
	if plain || string(method) == http.MethodConnect && len(target) > 0 && target[0] != '/' {
		return nil
	}
	_, err := url.ParseRequestURI(string(target))
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the whole target
	}
	return err
}
