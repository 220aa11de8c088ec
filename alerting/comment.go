package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"vigil/cluster"
)

// Comment is what somebody wrote about an alert.
type Comment struct {
	ID      string
	AlertID string
	Content string
	Created time.Time
	Updated time.Time // zero if it was not changed
	// User is the author.
	User *User
	// Version names the stored document.
	Version Version

	index string
}

// commentWire is a comment as it is stored; on the wire the user is a name.
type commentWire struct {
	EntityID   string          `json:"entity_id"`
	EntityType string          `json:"entity_type"`
	Content    string          `json:"content"`
	Created    *int64          `json:"created_time"`
	Updated    *int64          `json:"last_updated_time"`
	User       json.RawMessage `json:"user,omitempty"`
}

// JSON returns the comment as the plugin answers it.
func (c *Comment) JSON() json.RawMessage {
	name := ""
	if c.User != nil {
		name = c.User.Name
	}
	return c.wire(encode(name))
}

func (c *Comment) wire(user json.RawMessage) json.RawMessage {
	return encode(commentWire{c.AlertID, "alert", c.Content, millis(c.Created), millis(c.Updated), user})
}

// ReadComment reads a comment as it is stored.
func ReadComment(id string, source json.RawMessage) (Comment, error) {
	var w commentWire
	if err := json.Unmarshal(source, &w); err != nil {
		return Comment{}, fmt.Errorf("read comment %s: %w", id, err)
	}
	c := Comment{ID: id, AlertID: w.EntityID, Content: w.Content, Created: fromMillis(w.Created), Updated: fromMillis(w.Updated)}
	if !isNull(w.User) {
		if err := json.Unmarshal(w.User, &c.User); err != nil {
			return c, fmt.Errorf("read comment %s: %w", id, err)
		}
	}
	return c, nil
}

// CheckComment refuses what the settings do not allow.
func (s *Settings) CheckComment(content string) error {
	switch {
	case content == "":
		return errorf(BadArgument, "Missing comment content")
	case utf8.RuneCountInString(content) > s.MaxCommentLength:
		return errorf(BadArgument, "Comment content exceeds max length of %d characters", s.MaxCommentLength)
	}
	return nil
}

// CommentedAlert returns the alert that somebody wants to comment on, wherever it is.
func (s *Store) CommentedAlert(ctx context.Context, id string) (Alert, error) {
	a, err := s.alert(ctx, id)
	if errors.Is(err, cluster.ErrNotFound) {
		return a, errorf(NotFound, "Alert not found")
	}
	return a, err
}

// CreateComment stores a new comment, if its alert has room for it.
func (s *Store) CreateComment(ctx context.Context, alertID, content string, by User) (Comment, error) {
	s.creating.Lock()
	defer s.creating.Unlock()
	limits, err := s.Settings(ctx)
	if err != nil {
		return Comment{}, err
	}
	all, err := s.commentsOf(ctx, []string{alertID}, 0)
	if err != nil {
		return Comment{}, err
	}
	if all.total >= int64(limits.MaxComments) {
		return Comment{}, errorf(BadArgument, "This request would create more than the allowed number of Commentsfor this Alert: %d", limits.MaxComments)
	}
	c := Comment{ID: NewID(), AlertID: alertID, Content: content, Created: time.Now(), User: &by}
	k := kept{id: c.ID, doc: c.wire(encode(c.User))}
	if err := s.append(ctx, s.histories()[2], &k); err != nil {
		return c, fmt.Errorf("store comment %s: %w", c.ID, err)
	}
	c.index, c.Version = k.index, k.version
	return c, nil
}

// UpdateComment replaces the text of a comment. A nil condition overwrites whatever is there.
func (s *Store) UpdateComment(ctx context.Context, c Comment, content string, ifVersion *Version) (Comment, error) {
	c.Content, c.Updated = content, time.Now()
	o := cluster.IndexOptions{}
	if ifVersion != nil {
		o = onlyIf(ifVersion)
	}
	return c, s.saveComment(ctx, &c, o)
}

func (s *Store) saveComment(ctx context.Context, c *Comment, o cluster.IndexOptions) error {
	v, err := s.write(ctx, c.index, c.ID, c.wire(encode(c.User)), o)
	if err != nil {
		return conflict(fmt.Errorf("store comment %s: %w", c.ID, err))
	}
	c.Version = v
	return nil
}

// Comment returns a comment. One that does not exist is an *[Error].
func (s *Store) Comment(ctx context.Context, id string) (Comment, error) {
	r, err := s.c.Search(ctx, []string{s.ix.Comments + "*"}, map[string]any{
		"query": map[string]any{"ids": map[string]any{"values": []string{id}}}, "seq_no_primary_term": true, "version": true,
	})
	if err != nil && !errors.Is(err, cluster.ErrNotFound) {
		return Comment{}, fmt.Errorf("find comment %s: %w", id, err)
	}
	if err != nil || len(r.Hits) == 0 {
		return Comment{}, errorf(NotFound, "Comment not found")
	}
	c, err := ReadComment(id, r.Hits[0].Source)
	c.index, c.Version = r.Hits[0].Index, versionOf(r.Hits[0].Doc)
	return c, err
}

// DeleteComment removes a comment.
func (s *Store) DeleteComment(ctx context.Context, c Comment) error {
	_, err := s.remove(ctx, c.index, c.ID)
	if err != nil && !errors.Is(err, cluster.ErrNotFound) {
		return fmt.Errorf("delete comment %s: %w", c.ID, err)
	}
	return nil
}

type commentList struct {
	comments []Comment
	total    int64
}

// commentsOf returns the newest comments of alerts, and how many there are in all.
func (s *Store) commentsOf(ctx context.Context, alertIDs []string, size int) (commentList, error) {
	r, err := s.c.Search(ctx, []string{s.ix.Comments + "*"}, map[string]any{
		"size": size, "query": map[string]any{"terms": map[string]any{"entity_id": alertIDs}}, "track_total_hits": true,
		"sort": []any{map[string]any{"created_time": map[string]any{"order": "desc", "unmapped_type": "date"}}},
	})
	if errors.Is(err, cluster.ErrNotFound) {
		return commentList{}, nil
	}
	if err != nil {
		return commentList{}, fmt.Errorf("search comments: %w", err)
	}
	out := commentList{total: r.Total}
	for _, h := range r.Hits {
		c, err := ReadComment(h.ID, h.Source)
		if err != nil {
			return out, err
		}
		out.comments = append(out.comments, c)
	}
	return out, nil
}

// SearchComments runs a search over the comments as people wrote it.
func (s *Store) SearchComments(ctx context.Context, body json.RawMessage) (json.RawMessage, error) {
	return s.c.SearchRaw(ctx, []string{s.ix.Comments + "*"}, body)
}

// mentions reports whether a message of the monitor names a word.
func (m *Monitor) mentions(word string) bool {
	return slices.ContainsFunc(m.Triggers, func(t Trigger) bool {
		return slices.ContainsFunc(t.Actions, func(a Action) bool {
			return strings.Contains(a.Message.Source, word) || strings.Contains(a.Subject.Source, word)
		})
	})
}

// loadComments reads what was written about live alerts, if messages about them want to show it.
func (r *Runner) loadComments(ctx context.Context, e *Evaluation) {
	if !e.settings.Comments || e.settings.CommentsPerMessage == 0 || !e.Monitor.mentions("comments") {
		return
	}
	for i := range e.Alerts {
		a := &e.Alerts[i]
		list, err := r.o.Store.commentsOf(ctx, []string{a.ID}, e.settings.CommentsPerMessage)
		if err != nil {
			r.o.Log.WarnContext(ctx, "comments cannot be read: messages go without", "alert_id", a.ID, "error", err)
			return
		}
		a.comments = list.comments
	}
}

func commentsForTemplate(comments []Comment) []any {
	out := make([]any, len(comments))
	for i, c := range comments {
		name := ""
		if c.User != nil {
			name = c.User.Name
		}
		out[i] = map[string]any{
			"created_time": millisOrNil(c.Created), "last_updated_time": millisOrNil(c.Updated), "content": c.Content, "user": name,
		}
	}
	return out
}

const commentMapping = `{"settings":{"index":{"hidden":true,"auto_expand_replicas":"0-1"}},"mappings":{"dynamic":false,"properties":{
	"entity_id":{"type":"keyword"},"entity_type":{"type":"keyword"},"content":{"type":"text"},
	"created_time":{"type":"date"},"last_updated_time":{"type":"date"},
	"user":{"properties":{"name":` + keywordText + `,"backend_roles":` + keywordText + `,"roles":` + keywordText + `}}}}}`
