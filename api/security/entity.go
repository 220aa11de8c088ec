package security

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"vigil/authn"
)

// getAll answers with all entities of a type.
func (a *API) getAll(k *kind) func(*request) (int, any, error) {
	return func(q *request) (int, any, error) {
		d, err := a.read(q.Context(), k.typ)
		if err != nil {
			return 0, nil, err
		}
		super := a.super(q.Context())
		all := make(entities, len(d.all)+len(k.static))
		for name, e := range d.all {
			if e["hidden"] != true || super {
				all[name] = k.shown(e)
			}
		}
		maps.Copy(all, k.static)
		return http.StatusOK, all, nil
	}
}

// get answers with one entity.
func (a *API) get(k *kind) func(*request) (int, any, error) {
	return func(q *request) (int, any, error) {
		name := q.name()
		d, err := a.read(q.Context(), k.typ)
		if err != nil {
			return 0, nil, err
		}
		if e, ok := k.static[name]; ok {
			return http.StatusOK, entities{name: e}, nil
		}
		if err := k.visible(d, name, a.super(q.Context())); err != nil {
			return 0, nil, err
		}
		return http.StatusOK, entities{name: k.shown(d.all[name])}, nil
	}
}

// visible refuses entities that do not exist or are hidden.
func (k *kind) visible(d *document, name string, super bool) error {
	e, ok := d.all[name]
	switch {
	case !ok:
		return refuse(http.StatusNotFound, "%s '%s' not found.", k.noun, name)
	case e["hidden"] == true && !super:
		return refuse(http.StatusNotFound, "Resource '%s' is not available.", name)
	}
	return nil
}

// mutable refuses to change what is static, hidden or reserved.
func (k *kind) mutable(d *document, name string, super bool) error {
	e := d.all[name]
	switch {
	case k.static[name] != nil:
		return refuse(http.StatusForbidden, "Resource '%s' is static.", name)
	case e["hidden"] == true && !super:
		return refuse(http.StatusNotFound, "Resource '%s' is not available.", name)
	case e["reserved"] == true && !super:
		return refuse(http.StatusForbidden, "Resource '%s' is reserved.", name)
	}
	return nil
}

// put creates or replaces one entity.
func (a *API) put(k *kind) func(*request) (int, any, error) {
	return func(q *request) (int, any, error) {
		ctx, name, super := q.Context(), q.name(), a.super(q.Context())
		body, err := q.body()
		if err != nil {
			return 0, nil, err
		}
		if err := checkName(name); err != nil {
			return 0, nil, err
		}
		v, err := k.parseBody(body, super)
		if err != nil {
			return 0, nil, err
		}
		if err := a.hashPassword(k, name, v); err != nil {
			return 0, nil, err
		}
		status := http.StatusCreated
		err = a.change(ctx, k, func(d *document) (bool, error) {
			if err := k.mutable(d, name, super); err != nil {
				return false, err
			}
			if was, ok := d.all[name]; ok {
				status = http.StatusOK
				k.keep(v, was)
			}
			return true, a.set(ctx, k, d, name, v)
		})
		if err != nil {
			return 0, nil, err
		}
		if status == http.StatusCreated {
			return status, messageBody(status, "'%s' created.", name), nil
		}
		return status, messageBody(status, "'%s' updated.", name), nil
	}
}

// keep carries over what a PUT need not repeat: the hash of a user who keeps the password, and flags.
func (k *kind) keep(v, was map[string]any) {
	keys := []string{"reserved", "hidden"}
	if k.typ == typeUsers {
		keys = append(keys, "hash")
	}
	for _, key := range keys {
		if given, ok := v[key]; (!ok || given == nil || given == "") && was[key] != nil {
			v[key] = was[key]
		}
	}
}

// remove deletes one entity.
func (a *API) remove(k *kind) func(*request) (int, any, error) {
	return func(q *request) (int, any, error) {
		name, super := q.name(), a.super(q.Context())
		err := a.change(q.Context(), k, func(d *document) (bool, error) {
			if err := k.mutable(d, name, super); err != nil {
				return false, err
			}
			if err := k.visible(d, name, super); err != nil {
				return false, err
			}
			delete(d.all, name)
			return true, nil
		})
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, messageBody(http.StatusOK, "'%s' deleted.", name), nil
	}
}

// change reads a document, lets f change it and stores it unless f says that nothing changed.
func (a *API) change(ctx context.Context, k *kind, f func(*document) (changed bool, err error)) error {
	unlock, err := a.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := a.read(ctx, k.typ)
	if err != nil {
		return err
	}
	changed, err := f(d)
	if err != nil || !changed {
		return err
	}
	return a.write(ctx, d)
}

// set puts a checked entity into the document.
func (a *API) set(ctx context.Context, k *kind, d *document, name string, v map[string]any) error {
	e, err := k.parse(name, v)
	if err != nil {
		return err
	}
	if err := a.checkRoles(ctx, k, name, e); err != nil {
		return err
	}
	d.all[name] = e
	return nil
}

// checkRoles refuses references to roles that do not exist, and action groups that are named like a role.
func (a *API) checkRoles(ctx context.Context, k *kind, name string, e map[string]any) error {
	var names []string
	if k.roles != nil {
		names = k.roles(name, e)
	}
	if len(names) == 0 && k.typ != typeGroups {
		return nil
	}
	roles, err := a.read(ctx, typeRoles)
	if err != nil {
		return err
	}
	rk := a.kinds[typeRoles]
	for _, role := range names {
		if rk.static[role] == nil && roles.all[role] == nil {
			return refuse(http.StatusNotFound, "role '%s' not found.", role)
		}
	}
	if k.typ == typeGroups && (rk.static[name] != nil || roles.all[name] != nil) {
		return refuse(http.StatusBadRequest, "%s is an existing role. A action group cannot be named with an existing role name.", name)
	}
	return nil
}

// hashPassword replaces the password in a user's body by its hash.
func (a *API) hashPassword(k *kind, name string, v map[string]any) error {
	if k.typ != typeUsers {
		return nil
	}
	password, _ := v["password"].(string)
	delete(v, "password")
	if password == "" {
		if v["hash"] == nil {
			delete(v, "hash")
		}
		return nil
	}
	hash, err := a.hash(name, password)
	if err != nil {
		return err
	}
	v["hash"] = hash
	return nil
}

// hash checks and hashes a new password.
func (a *API) hash(name, password string) (string, error) {
	if err := authn.CheckPassword(name, password); err != nil {
		return "", invalid(err.Error())
	}
	return authn.HashPasswordCost(password, a.o.Cost)
}

// checkName refuses names that could not be told apart, printed or found again.
func checkName(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return refuse(http.StatusBadRequest, "A name must not be empty, nor begin or end with a blank")
	case len(name) > maxName:
		return refuse(http.StatusBadRequest, "A name must not be longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.IndexFunc(name, unicode.IsControl) >= 0:
		return refuse(http.StatusBadRequest, "A name must not contain control characters")
	}
	return nil
}
