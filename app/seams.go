package app

import (
	"net/http"

	"vigil/audit"
	"vigil/gateway"
	"vigil/wal"
)

// seams are the places where tests come between the parts, to make them fail or to stop the process there. What is nil is the
// product's own.
type seams struct {
	// LogFS and EngineFS are the file systems of the audit log and of the engine.
	LogFS, EngineFS wal.FS
	// Front stands before the gateway, Gateway changes what the gateway is made of.
	Front   func(http.Handler) http.Handler
	Gateway func(*gateway.Options)
	// Sink stands before each sink.
	Sink func(audit.Sink) audit.Sink
}

func (s *seams) front(h http.Handler) http.Handler {
	if s.Front == nil {
		return h
	}
	return s.Front(h)
}

func (s *seams) gateway(o gateway.Options) gateway.Options {
	if s.Gateway != nil {
		s.Gateway(&o)
	}
	return o
}

func (s *seams) sink(to audit.Sink) audit.Sink {
	if s.Sink == nil {
		return to
	}
	return s.Sink(to)
}
