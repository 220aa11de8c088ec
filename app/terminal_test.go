package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestInitialPasswordIsShownOnATerminalOnly(t *testing.T) {
	var out, log bytes.Buffer
	c := &command{out: &out, terminal: true}
	s := &Server{initialPassword: "shown-once"}
	if err := c.tellPassword(s, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "shown-once") || log.Len() > 0 {
		t.Errorf("shown: %q, logged: %q", out.String(), log.String())
	}
}
