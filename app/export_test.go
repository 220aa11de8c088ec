package app

import (
	"context"
	"log/slog"

	"vigil/cluster"
	"vigil/config"
	"vigil/rest"
)

// Seams are the places between the parts.
type Seams = seams

// Open is New with something between the parts.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger, between Seams) (*Server, error) {
	return open(ctx, cfg, log, between)
}

// Store returns a client of the engine that goes past the gateway.
func (s *Server) Store() *cluster.Client { return s.store }

// Drain waits until the events that are in the trail now are in the index.
func (s *Server) Drain(ctx context.Context) error { return s.trail.Drain(ctx) }

// Routes returns every row of the table.
func (s *Server) Routes() []*rest.Route { return s.table.Routes() }

// Built returns the operations that the engine has.
func (s *Server) Built() []string { return s.engine.Ops() }
