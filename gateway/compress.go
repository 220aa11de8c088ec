package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// compressFrom is the size from which an answer is worth compressing.
const compressFrom = 1 << 10

// compressionLevel is OpenSearch's http.compression_level.
const compressionLevel = 3

// compress packs a complete answer for a client that asks for it, as OpenSearch does unless http.compression is off. The
// events of the answer have been read from it by then.
func (w *response) compress() error {
	h := w.Header()
	if w.sent || w.held() < compressFrom || w.x.r.Method == http.MethodHead || h.Get("Content-Encoding") != "" ||
		!acceptsGzip(w.x.r.Header.Values("Accept-Encoding")) {
		return nil
	}
	z, ok := w.x.g.zippers.Get().(*gzip.Writer)
	if !ok {
		var err error
		if z, err = gzip.NewWriterLevel(nil, compressionLevel); err != nil {
			return err
		}
	}
	defer w.x.g.zippers.Put(z)
	var packed bytes.Buffer
	packed.Grow(w.held() / 16)
	z.Reset(&packed)
	if _, err := io.Copy(z, w.reader()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	w.full, w.buf = nil, packed.Bytes()
	h.Set("Content-Encoding", "gzip")
	h.Del("Content-Length")
	return nil
}

// acceptsGzip reads Accept-Encoding headers: gzip by name, or by "*" if it is not named, unless its weight is zero.
func acceptsGzip(headers []string) bool {
	star := false
	for e := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, params, _ := strings.Cut(e, ";")
		wanted := true
		if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q="); ok {
			weight, err := strconv.ParseFloat(q, 64)
			wanted = err == nil && weight > 0
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip":
			return wanted
		case "*":
			star = wanted
		}
	}
	return star
}
