// Package resttest helps tests of handlers that say what they do through [rest.Effects].
package resttest

import (
	"fmt"
	"strings"

	"vigil/rest"
)

// Listen returns a function that ends listening and tells what a handler has said to fx since, one line for each action that
// was allowed and each write. Until then fx allows what it allowed before.
func Listen(fx *rest.Effects) (said func() []string) {
	var actions []rest.Action
	allow := fx.Allow
	fx.Allow = func(a rest.Action) error {
		if allow != nil {
			if err := allow(a); err != nil {
				return err
			}
		}
		actions = append(actions, a)
		return nil
	}
	return func() (said []string) {
		fx.Allow = allow
		for _, a := range actions {
			said = append(said, action(a))
		}
		for _, w := range fx.Writes() {
			said = append(said, fmt.Sprintf("%s %s/%s v%d %s -> %s", w.Operation, w.Index, w.ID, w.Version, w.Before, w.After))
		}
		return said
	}
}

func action(a rest.Action) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s %v", a.Name, a.Request, a.Resolved)
	if a.Parent != "" {
		line.WriteString(" < " + string(a.Parent))
	}
	if a.Body != nil {
		line.WriteString(" " + string(a.Body))
	}
	for _, i := range a.Items {
		fmt.Fprintf(&line, " (%s %s/%s %s)", i.Op, i.Index, i.ID, i.Body)
	}
	return line.String()
}
