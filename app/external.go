package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"vigil/audit"
)

// tellConfig records what this process runs with, once: at the start, or when the audit configuration first asks for it.
func (s *Server) tellConfig(ctx context.Context) {
	if s.trail == nil || !s.trail.Policy().ExternalConfig() || !s.told.CompareAndSwap(false, true) {
		return
	}
	e, err := s.externalConfig()
	if err == nil {
		err = s.trail.Record(ctx, e)
	}
	if err != nil {
		s.told.Store(false)
		s.log.ErrorContext(ctx, "the configuration of the process was not recorded", "error", err)
	}
}

// externalConfig returns the event. Its parts have the original's names: what is opensearch.yml there is the effective
// configuration here, and the properties are those of the Go runtime. Secrets are hidden, which the original does not do. See
// compat/scenarios/golden/external-config-at-start.json.
func (s *Server) externalConfig() (*audit.Event, error) {
	dump, err := s.cfg.Dump()
	if err != nil {
		return nil, err
	}
	var settings map[string]any
	if err := yaml.Unmarshal(dump, &settings); err != nil {
		return nil, fmt.Errorf("read the configuration's dump: %w", err)
	}
	parts := []any{settings, environment(os.Environ()), properties()}
	sum := sha256.New()
	for _, p := range parts {
		text, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("print the configuration: %w", err)
		}
		sum.Write(text)
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any{"external_configuration": map[string]any{
		"opensearch_yml": parts[0], "os_environment": parts[1], "java_properties": parts[2], "sha256_checksum": hex.EncodeToString(sum.Sum(nil)),
	}}); err != nil {
		return nil, fmt.Errorf("print the configuration: %w", err)
	}
	e := &audit.Event{Time: time.Now(), Category: audit.ExternalConfig}
	text := strings.TrimSuffix(body.String(), "\n")
	e.Body = &text
	files := map[string]string{}
	if s.cfg.File != "" {
		files["vigil_yml"] = s.cfg.File
	}
	namedFiles("", settings, files)
	if infos := s.fileInfos(files); len(infos) > 0 {
		if e.FileInfos, err = json.Marshal(infos); err != nil {
			return nil, fmt.Errorf("print file infos: %w", err)
		}
	}
	return e, nil
}

// plainVariables are the variables of the environment whose values are shown. Of others nobody knows what they hold.
var plainVariables = []string{
	"HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TZ", "USER", "VIGIL_DATA", "VIGIL_LISTEN", "VIGIL_ADMIN_PASSWORD_FILE",
	"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT",
}

func environment(variables []string) map[string]string {
	out := map[string]string{}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		if !slices.Contains(plainVariables, name) && !strings.HasPrefix(name, "LC_") {
			value = "<hidden>"
		}
		out[name] = value
	}
	return out
}

func properties() map[string]string {
	p := map[string]string{"go.version": runtime.Version(), "os.name": runtime.GOOS, "os.arch": runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if strings.HasPrefix(s.Key, "vcs.") {
				p[s.Key] = s.Value
			}
		}
	}
	return p
}

// namedFiles collects the settings that name files, by their whole keys.
func namedFiles(prefix string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if path, ok := child.(string); ok && path != "" && strings.HasSuffix(name, "_file") {
				out[prefix+name] = path
				continue
			}
			namedFiles(prefix+name+".", child, out)
		}
	case []any:
		for i, child := range v {
			namedFiles(fmt.Sprintf("%s%d.", prefix, i), child, out)
		}
	}
}

// fileInfo is one element of audit_compliance_file_infos. A file that holds a secret and nothing else has no checksum, for that
// would let a short secret be guessed.
type fileInfo struct {
	SHA256       string `json:"sha256,omitempty"`
	LastModified string `json:"last_modified"`
	Key          string `json:"key"`
	Path         string `json:"path"`
}

// hashedFiles are the last words of the keys of files that are not guessed from their checksum.
var hashedFiles = []string{"vigil_yml", "cert_file", "key_file", "ca_file", "client_ca_file"}

// maxHashedFile is the largest file that is read for its checksum.
const maxHashedFile = 16 << 20

func (s *Server) fileInfos(files map[string]string) []fileInfo {
	var infos []fileInfo
	for _, key := range slices.Sorted(maps.Keys(files)) {
		info := fileInfo{Key: key, Path: files[key]}
		st, err := os.Stat(info.Path)
		if err == nil {
			info.LastModified = audit.FormatTime(st.ModTime())
			if slices.Contains(hashedFiles, key[strings.LastIndexByte(key, '.')+1:]) {
				info.SHA256, err = checksum(info.Path)
			}
		}
		if err != nil {
			s.log.Warn("a file of the configuration is not described", "key", key, "error", err)
			continue
		}
		infos = append(infos, info)
	}
	return infos
}

func checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(f, maxHashedFile+1))
	if err != nil {
		return "", err
	}
	if n > maxHashedFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxHashedFile)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
