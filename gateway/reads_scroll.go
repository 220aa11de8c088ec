package gateway

import (
	"crypto/sha256"
	"sync"

	"vigil/rest"

	"github.com/valyala/fastjson"
)

// What is remembered of scrolls: so many searches, none with a longer body in bytes. Pages of others count as showing all that
// is watched wherever they do not say themselves what they show.
const (
	maxScrolls    = 512
	maxScrollBody = 16 << 10
)

// scrolls remembers what the searches asked for whose pages are read one by one. It is safe for concurrent use.
type scrolls struct {
	mu    sync.Mutex
	of    map[[sha256.Size]byte]*search
	order [][sha256.Size]byte // oldest first
}

// put remembers the search behind the id of its next page.
func (m *scrolls) put(id string, s *search, body int) {
	if body > maxScrollBody {
		return
	}
	key := sha256.Sum256([]byte(id))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = make(map[[sha256.Size]byte]*search)
	}
	if _, there := m.of[key]; !there {
		if len(m.order) == maxScrolls {
			delete(m.of, m.order[0])
			m.order = append(m.order[:0], m.order[1:]...)
		}
		m.order = append(m.order, key)
	}
	m.of[key] = s
}

// get returns the search behind an id, or one that is not known.
func (m *scrolls) get(id string) *search {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.of[sha256.Sum256([]byte(id))]; s != nil {
		return s
	}
	return unknownSearch()
}

// scrollID returns the id that a request for a page names.
func scrollID(c *rest.Call) string {
	if v, err := fastjson.ParseBytes(c.Body); err == nil {
		for _, id := range elements(v.Get("scroll_id")) {
			return text(id)
		}
	}
	if id := c.Vars["scroll_id"]; id != "" {
		return id
	}
	id, _ := c.Param("scroll_id")
	return id
}
