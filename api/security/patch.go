package security

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
)

// maxPasswords bounds how many passwords one patch may set; each costs a quarter of a second to hash.
const maxPasswords = 10

// patch changes one entity by a JSON patch.
func (a *API) patch(k *kind) func(*request) (int, any, error) {
	return func(q *request) (int, any, error) {
		ctx, name, super := q.Context(), q.name(), a.super(q.Context())
		ops, err := q.patchOps()
		if err != nil {
			return 0, nil, err
		}
		changed := false
		err = a.change(ctx, k, func(d *document) (bool, error) {
			if err := k.mutable(d, name, super); err != nil {
				return false, err
			}
			if err := k.visible(d, name, super); err != nil {
				return false, err
			}
			before := patchView(d.all[name])
			after, err := applyPatch(before, ops)
			if err != nil {
				return false, err
			}
			if changed = !reflect.DeepEqual(any(before), after); !changed {
				return false, nil
			}
			return true, a.setPatched(ctx, k, d, name, after, super)
		})
		if err != nil {
			return 0, nil, err
		}
		if !changed {
			return http.StatusOK, messageBody(http.StatusOK, "No updates required"), nil
		}
		return http.StatusOK, messageBody(http.StatusOK, "'%s' updated.", name), nil
	}
}

// setPatched checks what a patch made of an entity and puts it into the document.
func (a *API) setPatched(ctx context.Context, k *kind, d *document, name string, after any, super bool) error {
	v, ok := after.(map[string]any)
	if !ok || len(v) == 0 {
		return notParsable()
	}
	if err := k.checkKeys(v, super); err != nil {
		return err
	}
	if err := a.hashPassword(k, name, v); err != nil {
		return err
	}
	return a.set(ctx, k, d, name, v)
}

// patchAll changes any entities of a type by one JSON patch, all or none.
func (a *API) patchAll(k *kind) func(*request) (int, any, error) {
	return func(q *request) (int, any, error) {
		ctx, super := q.Context(), a.super(q.Context())
		ops, err := q.patchOps()
		if err != nil {
			return 0, nil, err
		}
		var names []string
		err = a.change(ctx, k, func(d *document) (bool, error) {
			before := k.patchViews(d, super)
			patched, err := applyPatch(before, ops)
			if err != nil {
				return false, err
			}
			after, ok := patched.(map[string]any)
			if !ok {
				return false, notParsable()
			}
			names = differing(before, after)
			return len(names) > 0, a.setAll(ctx, k, d, names, after, super)
		})
		if err != nil {
			return 0, nil, err
		}
		if len(names) == 0 {
			return http.StatusOK, messageBody(http.StatusOK, "No updates required"), nil
		}
		return http.StatusOK, messageBody(http.StatusOK, "Resource updated."), nil
	}
}

// setAll puts the entities that a patch touched into the document, or removes them from it.
func (a *API) setAll(ctx context.Context, k *kind, d *document, names []string, after map[string]any, super bool) error {
	passwords := 0
	for _, name := range names {
		if err := k.mutable(d, name, super); err != nil {
			return err
		}
		v, ok := after[name]
		if !ok {
			delete(d.all, name)
			continue
		}
		if _, exists := d.all[name]; !exists {
			if err := checkName(name); err != nil {
				return err
			}
		}
		if o, ok := v.(map[string]any); ok && o["password"] != nil {
			if passwords++; passwords > maxPasswords {
				return refuse(http.StatusBadRequest, "A patch may set at most %d passwords", maxPasswords)
			}
		}
		if err := a.setPatched(ctx, k, d, name, v, super); err != nil {
			return fmt.Errorf("patching %s: %w", name, err)
		}
	}
	return nil
}

// patchView is the entity that a patch is applied to: flags that are off are not there, as in the plugin.
func patchView(e map[string]any) map[string]any {
	v := maps.Clone(e)
	for _, flag := range []string{"reserved", "hidden", "static"} {
		if v[flag] != true || flag == "static" {
			delete(v, flag)
		}
	}
	return v
}

func (k *kind) patchViews(d *document, super bool) map[string]any {
	views := map[string]any{}
	for name, e := range d.all {
		if e["hidden"] != true || super {
			views[name] = patchView(e)
		}
	}
	for name, e := range k.static {
		views[name] = patchView(e)
	}
	return views
}

// differing returns the names whose values are not equal, sorted.
func differing(before, after map[string]any) []string {
	var names []string
	for name, v := range after {
		if was, ok := before[name]; !ok || !reflect.DeepEqual(was, v) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (q *request) patchOps() ([]operation, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	return parsePatch(body)
}
