package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"vigil/config"
)

// listen opens the listener of the cluster API, with TLS if there is a certificate. Failed is told of TLS handshakes that did
// not come about.
func listen(ctx context.Context, cfg config.HTTP, failed func(net.Addr, error)) (net.Listener, error) {
	tlsConfig, err := tlsConfig(cfg.TLS)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if tlsConfig != nil {
		return newHandshakes(l, tlsConfig, time.Duration(cfg.ReadHeaderTimeout), failed), nil
	}
	return l, nil
}

// tlsConfig returns nil if TLS is off.
func tlsConfig(cfg config.TLS) (*tls.Config, error) {
	if cfg.CertFile == "" {
		return nil, nil //nolint:nilnil // no TLS is an answer
	}
	cert, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if cfg.ClientCAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(cfg.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls.client_ca_file: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("http.tls.client_ca_file: holds no certificate")
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if cfg.ClientAuth == "required" {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// serveHTTP serves until ctx ends, then drains: no new connections, and those in flight are finished.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, cfg config.HTTP, log *slog.Logger) error {
	server := &http.Server{
		Handler:           tellWire(h),
		ConnContext:       withWire,
		ReadHeaderTimeout: time.Duration(cfg.ReadHeaderTimeout),
		ReadTimeout:       time.Duration(cfg.ReadTimeout),
		IdleTimeout:       time.Duration(cfg.IdleTimeout),
		MaxHeaderBytes:    int(cfg.MaxHeaderSize),
		// What net/http answers by itself the handler would miss, and with it the order of what the connection saw.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(wires{l, int(cfg.MaxHeaderSize)}) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.InfoContext(ctx, "draining")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(cfg.DrainTimeout))
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain: %w", err), server.Close())
	}
	<-failed //nolint:errcheck // http.ErrServerClosed
	return err
}
