package alerting

import (
	"context"
	"encoding/json"
	"net/http"

	core "vigil/alerting"
)

// commentAnswer is the plugin's answer to writes of a comment.
type commentAnswer struct {
	ID          string          `json:"_id"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Comment     json.RawMessage `json:"comment"`
}

func commentBody(c core.Comment) commentAnswer {
	return commentAnswer{c.ID, c.Version.SeqNo, c.Version.PrimaryTerm, c.JSON()}
}

// commenting returns the settings, if comments are switched on.
func (a *API) commenting(ctx context.Context) (core.Settings, error) {
	s, err := a.o.Store.Settings(ctx)
	if err == nil && !s.Comments {
		err = forbidden("Comments for Alerting is currently disabled")
	}
	return s, err
}

// content reads the text of a comment.
func (a *API) content(ctx context.Context, r *request) (string, error) {
	limits, err := a.commenting(ctx)
	if err != nil {
		return "", err
	}
	if err := r.object(); err != nil {
		return "", err
	}
	var body struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return "", illegalArgument("content must be a text")
	}
	return body.Content, limits.CheckComment(body.Content)
}

func (a *API) createComment(ctx context.Context, r *request) (answer, error) {
	content, err := a.content(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if _, given := r.call.Param("if_seq_no"); given {
		return answer{}, illegalArgument("[if_seq_no] is for comments that are there")
	}
	alert, err := a.o.Store.CommentedAlert(ctx, r.call.Vars["id"])
	if err != nil {
		return answer{}, err
	}
	if err := a.mayUse(ctx, &core.Monitor{ID: alert.MonitorID, User: alert.MonitorUser}); err != nil {
		return answer{}, err
	}
	c, err := a.o.Store.CreateComment(ctx, alert.ID, content, a.o.Caller(ctx))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, "/_plugins/_alerting/comments/" + c.ID, commentBody(c)}, nil
}

func (a *API) updateComment(ctx context.Context, r *request) (answer, error) {
	content, err := a.content(ctx, r)
	if err != nil {
		return answer{}, err
	}
	version, err := ifVersion(r)
	if err != nil {
		return answer{}, err
	}
	c, err := a.ownComment(ctx, r, "Comment can only be edited by Admin or author of comment")
	if err != nil {
		return answer{}, err
	}
	if c, err = a.o.Store.UpdateComment(ctx, c, content, version); err != nil {
		return answer{}, err
	}
	return ok(commentBody(c)), nil
}

// ownComment returns the comment that a request names, if the caller wrote it or may do everything.
func (a *API) ownComment(ctx context.Context, r *request, refusal string) (core.Comment, error) {
	c, err := a.o.Store.Comment(ctx, r.call.Vars["id"])
	if err != nil {
		return c, err
	}
	if u := a.o.Caller(ctx); !isAdmin(u) && (c.User == nil || c.User.Name != u.Name) {
		return c, forbidden(refusal)
	}
	return c, nil
}

func (a *API) deleteComment(ctx context.Context, r *request) (answer, error) {
	if _, err := a.commenting(ctx); err != nil {
		return answer{}, err
	}
	c, err := a.ownComment(ctx, r, "Not allowed to delete this comment!")
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]string{"_id": c.ID}), a.o.Store.DeleteComment(ctx, c)
}

// searchComments searches comments, of those alerts that the caller may see.
func (a *API) searchComments(ctx context.Context, r *request) (answer, error) {
	if _, err := a.commenting(ctx); err != nil {
		return answer{}, err
	}
	roles, err := a.visible(ctx)
	if err != nil {
		return answer{}, err
	}
	body, err := readSearch(r)
	if err != nil {
		return answer{}, err
	}
	if roles != nil {
		ids, err := a.o.Store.AlertIDs(ctx, roles)
		if err != nil {
			return answer{}, err
		}
		if err := only(body, map[string]any{"terms": map[string]any{"entity_id": ids}}); err != nil {
			return answer{}, err
		}
	}
	raw, err := a.o.Store.SearchComments(ctx, mustJSON(body))
	found, err := readFound(raw, err)
	if err != nil {
		return answer{}, err
	}
	for i := range found.Hits.Hits {
		h := &found.Hits.Hits[i]
		if len(h.Source) == 0 {
			continue
		}
		c, err := core.ReadComment(h.ID, h.Source)
		if err != nil {
			return answer{}, err
		}
		h.Source = c.JSON()
	}
	return ok(found), nil
}
