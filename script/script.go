// Package script runs the two small languages that users write: conditions in a subset of Painless and messages in
// OpenSearch's dialect of mustache. It must not reach anything outside the variables it is given, but for the clock, where
// Painless allows it, and the names of time zones; and no script may use more steps, depth or memory than its caller
// allows.
// Read [Program] and [Template] first.
package script

import "context"

// maxSource is the longest script or template that is accepted, as in OpenSearch (script.max_size_in_bytes).
const maxSource = 65535

// Limits bound one evaluation. A zero field takes its default, so the zero value is what most callers want.
type Limits struct {
	// Steps counts evaluated nodes and the elements that library calls touch; default 5,000,000.
	Steps int
	// Depth counts nested calls, nested data and nested sections; default 200.
	Depth int
	// Bytes is what strings and collections may allocate in all, freed or not; default 64 MiB.
	// For a template it is the size of the rendered text; default 1 MiB.
	Bytes int
}

const (
	defaultSteps        = 5_000_000
	defaultDepth        = 200
	defaultProgramBytes = 64 << 20
	defaultRenderBytes  = 1 << 20
)

// meter counts down what is left of the limits during one evaluation.
type meter struct {
	ctx   context.Context
	steps int
	depth int
	bytes int
}

func newMeter(ctx context.Context, l Limits, defaultBytes int) meter {
	m := meter{ctx: ctx, steps: l.Steps, depth: l.Depth, bytes: l.Bytes}
	if m.steps <= 0 {
		m.steps = defaultSteps
	}
	if m.depth <= 0 {
		m.depth = defaultDepth
	}
	if m.bytes <= 0 {
		m.bytes = defaultBytes
	}
	return m
}

// checkEvery is how often, in steps, a context is asked whether it is done; a power of two.
const checkEvery = 1024

func (m *meter) step() error {
	m.steps--
	if m.steps < 0 {
		return limitFault("PainlessError", "The maximum number of statements that can be executed in a loop has been reached.")
	}
	if m.steps&(checkEvery-1) == 0 {
		return m.ctx.Err()
	}
	return nil
}

// spend takes n steps at once, for a library call that touches n elements.
func (m *meter) spend(n int) error {
	if n > m.steps {
		m.steps = 0
		return m.step()
	}
	m.steps -= n
	if n >= checkEvery {
		return m.ctx.Err()
	}
	return nil
}

func (m *meter) alloc(n int) error {
	if n < 0 || n > m.bytes {
		m.bytes = 0
		return limitFault("CircuitBreakingException", "the script allocated more memory than it may")
	}
	m.bytes -= n
	return nil
}

// enter must be followed by leave, whether it succeeds or not.
func (m *meter) enter() error {
	m.depth--
	if m.depth < 0 {
		return limitFault("StackOverflowError", "")
	}
	return nil
}

func (m *meter) leave() { m.depth++ }
