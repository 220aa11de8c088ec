package app

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"vigil/gateway"
)

// fields is what the lines of a head have said so far that decides whether net/http takes it. What that would refuse by
// itself ends the connection with a request that stands for it.
type fields struct {
	total  int // bytes of the head
	some   bool
	host   bool
	coding bool // there is a Transfer-Encoding that counts
	digits int  // of the Content-Length
	whole  bool // the last line is one of these three, which do not go on in the next
}

// header looks at a header's line: how its name is written, and whether it frames the body. It returns why net/http would
// refuse the head, if it would.
func (h *head) header(line []byte) (wrong string) {
	if line[0] == ' ' || line[0] == '\t' {
		if !h.some || h.whole {
			return "a header line begins with white space"
		}
		return checkValue(line)
	}
	h.some, h.whole = true, false
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) {
		return "invalid header name"
	}
	if wrong := checkValue(value); wrong != "" {
		return wrong
	}
	if !isCanonical(name) {
		h.name(name)
	}
	value = bytes.Trim(value, " \t")
	switch {
	case isHeader(name, "Host"):
		return h.readHost(value)
	case isHeader(name, "Content-Length"):
		return h.readLength(value)
	case isHeader(name, "Transfer-Encoding") && !h.version10:
		return h.readCoding(value)
	}
	return ""
}

func (h *head) readHost(value []byte) (wrong string) {
	if h.host {
		return "more than one Host header"
	}
	h.host, h.whole = true, true
	for _, c := range value {
		if !isLetterOrDigit(c) && !strings.ContainsRune("!$%&'()*+,-.:;=[]_~", rune(c)) {
			return "malformed Host header"
		}
	}
	return ""
}

func (h *head) readLength(value []byte) (wrong string) {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil {
		return "invalid Content-Length header"
	}
	if h.digits > 0 && (h.length != n || h.digits != len(value)) {
		return "more than one Content-Length header"
	}
	h.length, h.digits, h.whole = n, len(value), true
	return ""
}

func (h *head) readCoding(value []byte) (wrong string) {
	if h.coding || !strings.EqualFold(string(value), "chunked") {
		return "unsupported Transfer-Encoding header"
	}
	h.chunked, h.coding, h.whole = true, true, true
	return ""
}

// refuseHead ends the head where it is wrong, and the connection behind the request.
func (h *head) refuseHead(f gateway.Fault, cause string, push func(gateway.Wire)) {
	h.seen.Fault, h.seen.Cause = f, cause
	push(h.seen)
	end := "Connection: close\r\n\r\n"
	if !h.host {
		end = "Host: -\r\n" + end
	}
	h.instead, h.state, h.seen = []byte(end), ended, gateway.Wire{}
}

func (h *head) headTooLong(push func(gateway.Wire)) {
	h.refuseHead(gateway.FaultHeadTooLong, fmt.Sprintf("HTTP header is larger than %d bytes.", h.limit), push)
}

// checkValue refuses control characters.
func checkValue(value []byte) (wrong string) {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "invalid header value"
		}
	}
	return ""
}

func isHeader(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}
