package engine

import (
	"net/http"

	"vigil/rest"
)

// CheckBody refuses what OpenSearch refuses while it reads a request, before it asks for privileges, for the operations of which
// that is known. See compat/scenarios/audit/w03-engine-all.json.
func (e *Engine) CheckBody(r *http.Request, c *rest.Call) error {
	q := &request{Context: r.Context(), http: r, call: c, body: c.Body, now: e.opts.Now(), warned: new([]string)}
	var err error
	switch c.Route.Op {
	case "search":
		err = q.checkPIT()
	case "create_pit":
		if _, given := c.Param("keep_alive"); !given {
			err = validation("keep alive not specified")
		}
	case "delete_pit":
		_, _, err = q.pitIDs()
	case "explain":
		_, err = q.explainSpec()
	case "search_template":
		_, err = readTemplate(q.body, "")
	case "render_search_template":
		if len(q.body) == 0 {
			err = rest.Errorf(http.StatusBadRequest, "parse_exception", "request body or source parameter is required")
		}
	case "put_script":
		_, err = q.storedSource()
	}
	if err != nil {
		return asRest(err)
	}
	return nil
}
