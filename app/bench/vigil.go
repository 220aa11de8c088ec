package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"vigil/app"
	"vigil/config"
)

const (
	passwordVar   = "VIGIL_ADMIN_PASSWORD"
	adminPassword = "a-Long-enough-1"
)

// serveVigil serves the whole program with its defaults, except that messages may go to this machine, and that with file
// events go to a file of lines instead of the index.
func serveVigil(ctx context.Context, dir string, file bool) (*served, error) {
	text := "notify: {allow_networks: [127.0.0.0/8]}\nlog: {level: warn}\n"
	if file {
		text += "audit: {sinks: {events: {type: file, path: events.jsonl, compress: false}}}\n"
	}
	name := filepath.Join(dir, "vigil.yml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	cfg, err := config.Load(config.Source{File: name, Getenv: os.Getenv, Data: filepath.Join(dir, "data"), Listen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	s, err := app.New(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return nil, err
	}
	return &served{url: s.URL(), run: s.Run}, nil
}
