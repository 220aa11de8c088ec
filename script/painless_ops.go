package script

import (
	"math"
)

// binaryOp is an operator as it is written; the empty one is plain assignment.
type binaryOp string

func (op binaryOp) describe() string { return op.name() + " operation [" + string(op) + "]" }

// name is what errors call the operator.
func (op binaryOp) name() string {
	names := map[binaryOp]string{
		"+": "addition", "-": "subtraction", "*": "multiplication", "/": "division", "%": "remainder", "<<": "left shift",
		">>": "right shift", ">>>": "unsigned shift", "&": "bitwise and", "^": "bitwise xor", "|": "bitwise or",
		"<": "less than", "<=": "less than or equals", ">": "greater than", ">=": "greater than or equals", "==": "equals",
		"===": "reference equals", "!=": "not equals", "!==": "reference not equals", "=~": "find", "==~": "match",
	}
	return names[op]
}

// rank orders the numeric types by promotion; 0 is no number.
func rank(v any) int {
	switch v.(type) {
	case int32, char:
		return 1
	case int64:
		return 2
	case float32:
		return 3
	case float64:
		return 4
	}
	return 0
}

func toLong(v any) int64 {
	switch x := v.(type) {
	case int32:
		return int64(x)
	case char:
		return int64(x)
	case int64:
		return x
	case float32:
		return saturate(float64(x))
	case float64:
		return saturate(x)
	}
	return 0
}

// saturate casts as Java does: NaN is 0, and what is too large is the largest long.
func saturate(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// toInt casts to int: integers lose their upper half, decimals saturate.
func toInt(v any) int32 {
	switch x := v.(type) {
	case float32, float64:
		return int32(max(math.MinInt32, min(math.MaxInt32, toLong(x))))
	}
	return int32(toLong(v))
}

func toDouble(v any) float64 {
	switch x := v.(type) {
	case float32:
		return float64(x)
	case float64:
		return x
	}
	return float64(toLong(v))
}

func (r *run) apply(op binaryOp, a, b any) (any, error) {
	switch op {
	case "==", "===":
		return r.equals(a, b)
	case "!=", "!==":
		eq, err := r.equals(a, b)
		return !eq, err
	case "=~", "==~":
		return r.regexOp(op, a, b)
	case "+":
		_, left := a.(string)
		_, right := b.(string)
		if left || right {
			return r.concat(a, b)
		}
	case "&", "|", "^":
		if x, ok := a.(bool); ok {
			if y, ok := b.(bool); ok {
				return boolOp(op, x, y), nil
			}
		}
	}
	if a == nil {
		return nil, nullFault("left")
	}
	if b == nil {
		return nil, nullFault("right")
	}
	ra, rb := rank(a), rank(b)
	if ra == 0 || rb == 0 {
		return nil, badTypes(op, a, b)
	}
	if op == "<<" || op == ">>" || op == ">>>" {
		rb = min(rb, ra) // only the left operand decides
		if ra > 2 || rank(b) > 2 {
			return nil, badTypes(op, a, b)
		}
	}
	switch max(ra, rb) {
	case 1:
		return intOp(op, toInt(a), toInt(b))
	case 2:
		return longOp(op, toLong(a), toLong(b))
	case 3:
		v, err := doubleOp(op, toDouble(a), toDouble(b), a, b)
		if f, ok := v.(float64); ok {
			return float32(f), err
		}
		return v, err
	}
	return doubleOp(op, toDouble(a), toDouble(b), a, b)
}

func badTypes(op binaryOp, a, b any) error {
	return castFault("Cannot apply [%s] operation to types [%s] and [%s].", op, className(a), className(b))
}

func boolOp(op binaryOp, a, b bool) bool {
	switch op {
	case "&":
		return a && b
	case "|":
		return a || b
	}
	return a != b
}

func intOp(op binaryOp, a, b int32) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "<<":
		return a << (b & 31), nil
	case ">>":
		return a >> (b & 31), nil
	case ">>>":
		return int32(uint32(a) >> (b & 31)), nil
	}
	v, err := longOp(op, int64(a), int64(b))
	if n, ok := v.(int64); ok {
		return int32(n), err
	}
	return v, err
}

func longOp(op binaryOp, a, b int64) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/", "%":
		return divide(op, a, b)
	case "<<":
		return a << (b & 63), nil
	case ">>":
		return a >> (b & 63), nil
	case ">>>":
		return int64(uint64(a) >> (b & 63)), nil
	case "&":
		return a & b, nil
	case "|":
		return a | b, nil
	case "^":
		return a ^ b, nil
	case "<":
		return a < b, nil
	case "<=":
		return a <= b, nil
	case ">":
		return a > b, nil
	case ">=":
		return a >= b, nil
	}
	return nil, badTypes(op, a, b)
}

func divide(op binaryOp, a, b int64) (any, error) {
	switch {
	case b == 0:
		return nil, throwf("ArithmeticException", "/ by zero")
	case b == -1: // Go's processor may trap on the smallest number
		if op == "/" {
			return -a, nil
		}
		return int64(0), nil
	case op == "/":
		return a / b, nil
	}
	return a % b, nil
}

func doubleOp(op binaryOp, a, b float64, left, right any) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/":
		return a / b, nil
	case "%":
		return math.Mod(a, b), nil
	case "<":
		return a < b, nil
	case "<=":
		return a <= b, nil
	case ">":
		return a > b, nil
	case ">=":
		return a >= b, nil
	}
	return nil, badTypes(op, left, right)
}

func (r *run) concat(a, b any) (any, error) {
	left, err := r.str(a)
	if err != nil {
		return nil, err
	}
	right, err := r.str(b)
	if err != nil {
		return nil, err
	}
	if err := r.m.alloc(len(left) + len(right)); err != nil {
		return nil, err
	}
	return left + right, nil
}
