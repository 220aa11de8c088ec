package query

import "net/http"

// maxMade bounds the bytes that scripts and inner hits add to the answer of one search: they can show a document any number
// of times.
const maxMade = 128 << 20

// spend takes bytes of that.
func (c *Context) spend(n int) error {
	if c.made == nil {
		c.made = new(int)
	}
	if *c.made += n; *c.made > maxMade {
		return &Error{
			Type: "circuit_breaking_exception", Status: http.StatusTooManyRequests, Shard: true, Index: c.Index,
			Reason: "script_fields and inner_hits make more than the limit of [128mb] of one answer",
		}
	}
	return nil
}
