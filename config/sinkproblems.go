package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// validate reports everything that is wrong with the sinks. Insecure allows clusters without TLS beyond this machine.
func (l Sinks) validate(insecure bool) []error {
	var errs []error
	for _, s := range l {
		for _, e := range s.problems() {
			errs = append(errs, fmt.Errorf("audit.sinks.%s.%w", s.Name, e))
		}
		if s.Cluster.On() {
			errs = append(errs, s.Cluster.problems("audit.sinks."+s.Name+".cluster", insecure)...)
		}
	}
	errs = append(errs, l.shared()...)
	if len(l) == 0 {
		errs = append(errs, errors.New("audit.sinks: must name at least one sink"))
	}
	return errs
}

// shared reports sinks that write to one place: two files would cut each other's lines, and of two events with one id an index
// keeps the first.
func (l Sinks) shared() []error {
	var errs []error
	first := map[string]string{}
	for _, s := range l {
		var place string
		switch s.Type {
		case "file":
			place = "file " + filepath.Clean(s.Path)
		case "index":
			place = "index " + s.Index + " " + strings.Join(slices.Sorted(slices.Values(s.Cluster.URLs)), " ")
		default:
			continue
		}
		if other, taken := first[place]; taken {
			errs = append(errs, fmt.Errorf("audit.sinks.%s: writes where audit.sinks.%s does", s.Name, other))
		}
		first[place] = s.Name
	}
	return errs
}

func (s *Sink) problems() []error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(key, got string, want ...string) {
		check(slices.Contains(want, got), "%s: %q is not one of %s", key, got, strings.Join(want, ", "))
	}
	check(sinkName.MatchString(s.Name), "name: must be 1 to 60 letters, digits, '.', '_' and '-' and begin with a letter or digit")
	oneOf("format", s.Format, sinkFormats...)
	oneOf("on_full", s.OnFull, "hold", "skip")
	check(s.BatchEvents > 0 && s.BatchEvents <= 100_000, "batch_events: must be between 1 and 100000")
	switch s.Type {
	case "index":
		s.checkIndex(check)
	case "file":
		check(s.Path != "", "path: must not be empty")
		check(s.MaxSize > 0 && s.MaxAge > 0, "max_size and max_age: must be more than zero")
		check(s.Keep >= 0 && s.KeepFor >= 0, "keep and keep_for: must not be negative")
	case "webhook":
		oneOf("body", s.Body, "array", "lines")
		s.checkWebhook(check)
	case "syslog":
		oneOf("network", s.Network, "tcp", "tls")
		check(isHostPort(s.Address), "address: %q is not host:port", s.Address)
		check(s.Facility >= 0 && s.Facility <= 23, "facility: must be between 0 and 23")
		check(s.MaxMessage >= 1<<10, "max_message: must be at least 1kb")
		check(s.Network == "tls" || s.CAFile == "", "ca_file: has no effect without network: tls")
	case "kafka":
		oneOf("sasl", s.SASL, sinkSASL...)
		check(len(s.Brokers) > 0, "brokers: must name at least one")
		for _, b := range s.Brokers {
			check(isHostPort(b), "brokers: %q is not host:port", b)
		}
		check(s.Topic != "", "topic: must not be empty")
		check((s.SASL != "") == (s.Username != "") && (s.SASL != "") == (s.Password != ""),
			"sasl: it, username and password are needed together")
		check(s.TLS || s.CAFile == "", "ca_file: has no effect without tls: true")
	}
	if s.Type == "webhook" || s.Type == "syslog" || s.Type == "kafka" {
		check(s.Timeout > 0, "timeout: must be more than zero")
	}
	return errs
}

func (s *Sink) checkIndex(check func(ok bool, format string, args ...any)) {
	check(!s.DataStream || s.Index != "", "index: needed with data_stream, whose name it is")
	check(s.Cluster.Timeout > 0, "cluster.timeout: must be more than zero")
	off := s.Cluster
	off.URLs = nil
	check(s.Cluster.On() || reflect.DeepEqual(off, defaultSink("index").Cluster),
		"cluster.urls: needed for the other settings of cluster")
}

func (s *Sink) checkWebhook(check func(ok bool, format string, args ...any)) {
	// The error of a URL that does not parse would repeat it.
	u, err := url.Parse(s.URL)
	check(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "url: is not an http or https URL")
	check(err != nil || u.User == nil, "url: must not hold credentials; use token or headers")
	check(s.Token == "" || headerValues.MatchString(string(s.Token)), "token: must be printable ASCII")
	for name, value := range s.Headers {
		check(headerName.MatchString(name), "headers: %q is not a header's name", name)
		check(headerValues.MatchString(string(value)), "headers.%s: must be printable ASCII", name)
	}
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && port != ""
}
