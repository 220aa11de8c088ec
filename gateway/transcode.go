package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"vigil/rest"
)

// transcode makes JSON of a body that came in another language, so that whoever reads it, and every event, sees JSON, as in
// OpenSearch 2.19; see compat/scenarios/audit/v31-bodies.json.
func (x *exchange) transcode() error {
	if len(x.call.Body) == 0 || x.call.Route.Body == rest.BodyNDJSON {
		return nil
	}
	return x.transcodeFrom(x.r.Header.Get("Content-Type"))
}

// transcodeFrom makes JSON of the body, which is of a media type.
func (x *exchange) transcodeFrom(mediaType string) error {
	kind := bodyKind(mediaType)
	if kind == "json" {
		return nil
	}
	// A few bytes of YAML can stand for many; what nobody writes by hand is refused.
	limit := min(x.g.MaxContentLength, 8*int64(len(x.call.Body))+4<<10)
	b, err := rest.ToJSON(kind, x.call.Body, int(limit))
	if err != nil {
		return err
	}
	x.call.Body, x.transcoded = b, true
	return nil
}

// forwarded is the request with the body as it is now, for whoever reads it there.
func (x *exchange) forwarded() *http.Request {
	if !x.transcoded {
		return x.r
	}
	r := x.r.Clone(x.r.Context())
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	return r
}

// bodyKind names the language of a media type: json, yaml, cbor, smile; json for all others, which only resemble it.
func bodyKind(mediaType string) string {
	kind, _, _ := strings.Cut(mediaType, ";")
	kind = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(kind)), "application/")
	switch kind = strings.TrimPrefix(kind, "vnd.opensearch+"); kind {
	case "yaml", "cbor", "smile":
		return kind
	}
	return "json"
}
