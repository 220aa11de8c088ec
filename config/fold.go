package config

import (
	"errors"
	"time"
)

// Fold turns events that say the same within a window into two: the first, at once, and when the window ends one with the
// exact count of the others.
type Fold struct {
	// Window is how long repeats are gathered; 0 folds nothing.
	Window Duration `yaml:"window"`
	// Categories are those whose events fold; compliance events never do.
	Categories []string `yaml:"categories"`
}

func (f *Fold) problems() []error {
	if w := time.Duration(f.Window); w != 0 && (w < time.Second || w > time.Hour) {
		return []error{errors.New("audit.fold.window: must be 0 or between 1s and 1h")}
	}
	return nil
}
