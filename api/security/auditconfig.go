package security

import (
	"fmt"
	"net/http"
	"reflect"

	"vigil/audit"
)

// auditEntity is the one member of the audit document.
const auditEntity = "config"

// auditAnswer is the audit configuration as GET shows it.
type auditAnswer struct {
	Readonly []string     `json:"_readonly"` // never null
	Config   audit.Config `json:"config"`
}

// auditConfig returns the stored configuration; without a document the one that a cluster starts with, so that the API
// works before the first PUT. The original answers 501 for ever then.
func (d *document) auditConfig() (audit.Config, error) {
	stored, ok := d.all[auditEntity]
	if !ok {
		return audit.DefaultConfig(), nil
	}
	raw, err := encode(stored)
	if err != nil {
		return audit.Config{}, err
	}
	c, err := audit.ParseConfig(raw)
	if err != nil {
		return audit.Config{}, fmt.Errorf("stored audit configuration: %v", err) //nolint:errorlint // not the client's mistake, so not to be answered as one
	}
	return c, nil
}

func (a *API) getAudit(q *request) (int, any, error) {
	d, err := a.read(q.Context(), typeAudit)
	if err != nil {
		return 0, nil, err
	}
	c, err := d.auditConfig()
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, auditAnswer{Readonly: append([]string{}, a.o.ReadOnly...), Config: c}, nil
}

func (a *API) putAudit(q *request) (int, any, error) {
	body, err := q.body()
	if err != nil {
		return 0, nil, err
	}
	c, err := audit.ParseConfig(body)
	if err != nil {
		return 0, nil, err
	}
	err = a.changeAudit(q, func(audit.Config) (audit.Config, bool, error) { return c, true, nil })
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, messageBody(http.StatusOK, "'%s' updated.", auditEntity), nil
}

func (a *API) patchAudit(q *request) (int, any, error) {
	ops, err := q.patchOps()
	if err != nil {
		return 0, nil, err
	}
	changed := false
	err = a.changeAudit(q, func(was audit.Config) (audit.Config, bool, error) {
		var c audit.Config
		var err error
		c, changed, err = patchedAudit(was, ops)
		return c, changed, err
	})
	if err != nil {
		return 0, nil, err
	}
	if !changed {
		return http.StatusOK, messageBody(http.StatusOK, "No updates required"), nil
	}
	return http.StatusOK, messageBody(http.StatusOK, "Resource updated."), nil
}

// patchedAudit applies a patch to {"config":{…}}.
func patchedAudit(was audit.Config, ops []operation) (c audit.Config, changed bool, err error) {
	before, err := convert[map[string]any](map[string]any{auditEntity: was})
	if err != nil {
		return c, false, err
	}
	patched, err := applyPatch(before, ops)
	if err != nil {
		return c, false, err
	}
	after, ok := patched.(map[string]any)
	if !ok {
		return c, false, notParsable()
	}
	for _, name := range differing(before, after) {
		if name != auditEntity {
			return c, false, invalid("Invalid configuration", member{"invalid_keys", keyList([]string{name})})
		}
	}
	if reflect.DeepEqual(before, after) {
		return was, false, nil
	}
	raw, err := encode(after[auditEntity])
	if err != nil {
		return c, false, err
	}
	c, err = audit.ParseConfig(raw)
	return c, true, err
}

func (a *API) changeAudit(q *request, f func(audit.Config) (c audit.Config, changed bool, err error)) error {
	ctx := q.Context()
	unlock, err := a.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := a.read(ctx, typeAudit)
	if err != nil {
		return err
	}
	was, err := d.auditConfig()
	if err != nil {
		return err
	}
	c, changed, err := f(was)
	if err != nil || !changed {
		return err
	}
	if !a.super(ctx) {
		path, err := a.o.ReadOnly.Changed(was, c)
		if err != nil {
			return err
		}
		if path != "" {
			return &refusal{
				status: http.StatusConflict, body: messageBody(http.StatusConflict, "Attempted to update read-only property."),
				cause: fmt.Errorf("%s is read-only", path),
			}
		}
	}
	q.inert = c.WithoutEffect()
	if d.all, err = auditEntities(c); err != nil {
		return err
	}
	return a.write(ctx, d)
}

func auditEntities(c audit.Config) (entities, error) {
	v, err := convert[map[string]any](c)
	return entities{auditEntity: v}, err
}
