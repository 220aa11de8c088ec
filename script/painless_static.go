package script

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// staticField is Class.NAME.
func staticField(class, name string) (any, error) {
	switch class + "." + name {
	case "Integer.MAX_VALUE":
		return int32(math.MaxInt32), nil
	case "Integer.MIN_VALUE":
		return int32(math.MinInt32), nil
	case "Long.MAX_VALUE":
		return int64(math.MaxInt64), nil
	case "Long.MIN_VALUE":
		return int64(math.MinInt64), nil
	case "Double.MAX_VALUE":
		return math.MaxFloat64, nil
	case "Double.MIN_VALUE":
		return math.SmallestNonzeroFloat64, nil
	case "Double.NaN":
		return math.NaN(), nil
	case "Double.POSITIVE_INFINITY":
		return math.Inf(1), nil
	case "Double.NEGATIVE_INFINITY":
		return math.Inf(-1), nil
	case "Float.MAX_VALUE":
		return float32(math.MaxFloat32), nil
	case "Boolean.TRUE":
		return true, nil
	case "Boolean.FALSE":
		return false, nil
	case "Math.PI":
		return math.Pi, nil
	case "Math.E":
		return math.E, nil
	case "Collections.EMPTY_LIST":
		return &list{}, nil
	case "Collections.EMPTY_MAP":
		return newDict("HashMap"), nil
	}
	if v, ok := timeConstant(class, name); ok {
		return v, nil
	}
	return nil, &fault{kind: KindCompile, class: "IllegalArgumentException", msg: "field [" + qualified(class) + ", " + name + "] not found"}
}

func qualified(class string) string { return packageOf(class) + "." + class }

// callStatic is Class.name(args).
func (r *run) callStatic(class, name string, args []any) (any, error) {
	v, err := r.staticMethod(class, name, args)
	if isNotFound(err) {
		msg := "static method [" + qualified(class) + ", " + methodKey(name, len(args)) + "] not found"
		return nil, &missingError{&fault{kind: KindCompile, class: "IllegalArgumentException", msg: msg}}
	}
	return v, err
}

func (r *run) staticMethod(class, name string, args []any) (any, error) {
	switch class {
	case "Math":
		return mathMethod(name, args)
	case "Integer", "Long", "Double", "Float", "Byte", "Short":
		return r.numberStatic(class, name, args)
	case "Boolean":
		return r.booleanStatic(name, args)
	case "Character":
		return characterStatic(name, args)
	case "String":
		return r.stringStatic(name, args)
	case "System":
		if name == "currentTimeMillis" && len(args) == 0 { // Painless allows it
			return time.Now().UnixMilli(), nil
		}
	case "Objects":
		return r.objectsStatic(name, args)
	case "Collections", "Arrays":
		return r.collectionsStatic(class, name, args)
	case "Collectors":
		return r.collector(name, args)
	case "Comparator", "Map.Entry":
		return r.comparatorStatic(name, args)
	case "Optional":
		return optionalStatic(name, args)
	case "Pattern":
		return patternStatic(name, args)
	case "Stream", "IntStream", "LongStream", "DoubleStream":
		return r.streamStatic(class, name, args)
	}
	return r.timeStatic(class, name, args)
}

func mathMethod(name string, args []any) (any, error) {
	xs := make([]float64, len(args))
	for i := range args {
		f, err := doubleArg(args, i)
		if err != nil {
			return nil, err
		}
		xs[i] = f
	}
	switch methodKey(name, len(args)) {
	case "max/2": // doubles only, even for two ints: Painless has no overloads
		return math.Max(xs[0], xs[1]), nil
	case "min/2":
		return math.Min(xs[0], xs[1]), nil
	case "pow/2":
		return math.Pow(xs[0], xs[1]), nil
	case "atan2/2":
		return math.Atan2(xs[0], xs[1]), nil
	case "hypot/2":
		return math.Hypot(xs[0], xs[1]), nil
	case "round/1":
		return saturate(math.Floor(xs[0] + 0.5)), nil
	}
	if len(xs) != 1 {
		return nil, notFoundError{}
	}
	if f := mathFunction(name); f != nil {
		return f(xs[0]), nil
	}
	return nil, notFoundError{}
}

// mathFunction is a function of one number, or nil.
func mathFunction(name string) func(float64) float64 {
	switch name {
	case "abs":
		return math.Abs
	case "ceil":
		return math.Ceil
	case "floor":
		return math.Floor
	case "rint":
		return math.RoundToEven
	case "sqrt":
		return math.Sqrt
	case "cbrt":
		return math.Cbrt
	case "exp":
		return math.Exp
	case "expm1":
		return math.Expm1
	case "log":
		return math.Log
	case "log10":
		return math.Log10
	case "log1p":
		return math.Log1p
	case "sin":
		return math.Sin
	case "cos":
		return math.Cos
	case "tan":
		return math.Tan
	case "asin":
		return math.Asin
	case "acos":
		return math.Acos
	case "atan":
		return math.Atan
	case "sinh":
		return math.Sinh
	case "cosh":
		return math.Cosh
	case "tanh":
		return math.Tanh
	case "signum":
		return signum
	case "toRadians":
		return func(f float64) float64 { return f / 180 * math.Pi }
	case "toDegrees":
		return func(f float64) float64 { return f * 180 / math.Pi }
	}
	return nil
}

func signum(f float64) float64 {
	switch {
	case f > 0:
		return 1
	case f < 0:
		return -1
	}
	return f
}

func (r *run) numberStatic(class, name string, args []any) (any, error) {
	kind := map[string]typeKind{
		"Integer": kindInt, "Long": kindLong, "Double": kindDouble, "Float": kindFloat, "Byte": kindByte, "Short": kindShort,
	}[class]
	switch {
	case len(args) == 0:
		return nil, notFoundError{}
	case strings.HasPrefix(name, "parse") || name == "valueOf":
		if s, ok := args[0].(string); ok {
			return parseJava(s, kind, args[1:])
		}
		if name != "valueOf" || rank(args[0]) == 0 {
			return nil, badArgument(args[0], "java.lang.String")
		}
		return narrow(args[0], kind), nil
	}
	for i := range args {
		if rank(args[i]) == 0 {
			return nil, badArgument(args[i], simpleName(javaType{kind: kind}.zero()))
		}
	}
	x := narrow(args[0], kind)
	switch methodKey(name, len(args)) {
	case "toString/1":
		return text(x), nil
	case "hashCode/1":
		return hashCode(x), nil
	case "compare/2":
		return int32(compareNumbers(x, narrow(args[1], kind))), nil
	case "sum/2", "max/2", "min/2":
		return r.combine(name, x, narrow(args[1], kind))
	case "signum/1":
		return int32(compareNumbers(x, int32(0))), nil
	case "isNaN/1":
		return math.IsNaN(toDouble(x)), nil
	case "isInfinite/1":
		return math.IsInf(toDouble(x), 0), nil
	case "isFinite/1":
		return !math.IsInf(toDouble(x), 0) && !math.IsNaN(toDouble(x)), nil
	case "toHexString/1":
		if kind == kindInt {
			return strconv.FormatUint(uint64(uint32(toInt(x))), 16), nil
		}
		if kind == kindLong {
			return strconv.FormatUint(uint64(toLong(x)), 16), nil
		}
	}
	return nil, notFoundError{}
}

func (r *run) combine(name string, x, y any) (any, error) {
	switch {
	case name == "sum":
		return r.apply("+", x, y)
	case (compareNumbers(x, y) > 0) == (name == "max"):
		return x, nil
	}
	return y, nil
}

// parseJava parses a number as parseInt and its like do.
func parseJava(s string, kind typeKind, args []any) (any, error) {
	bad := throwf("NumberFormatException", "For input string: %q", s)
	if kind == kindDouble || kind == kindFloat {
		t := strings.TrimSpace(s)
		if t == "" {
			return nil, throwf("NumberFormatException", "empty String")
		}
		f, err := strconv.ParseFloat(strings.TrimRight(t, "fFdD"), 64)
		if err != nil && !math.IsInf(f, 0) || strings.ContainsAny(t, "_xXnN") && t != "NaN" && !strings.HasSuffix(t, "Infinity") {
			return nil, bad
		}
		return narrow(f, kind), nil
	}
	base, err := 10, error(nil)
	if len(args) > 0 {
		if base, err = intArg(args, 0); err != nil || base < 2 || base > 36 {
			return nil, argumentFault("radix %d is out of range", base)
		}
	}
	bits := map[typeKind]int{kindInt: 32, kindLong: 64, kindByte: 8, kindShort: 16}[kind]
	n, err := strconv.ParseInt(s, base, bits)
	if err != nil {
		return nil, bad
	}
	return narrow(n, kind), nil
}

func (r *run) booleanStatic(name string, args []any) (any, error) {
	switch methodKey(name, len(args)) {
	case "parseBoolean/1", "valueOf/1":
		if b, ok := args[0].(bool); ok {
			return b, nil
		}
		s, ok := args[0].(string)
		return ok && strings.EqualFold(s, "true"), nil
	case "toString/1":
		return r.str(args[0])
	case "compare/2":
		n, err := r.compareNatural(args[0], args[1])
		return int32(n), err
	}
	return nil, notFoundError{}
}

func characterStatic(name string, args []any) (any, error) {
	if len(args) != 1 {
		return nil, notFoundError{}
	}
	c, ok := toChar(args[0])
	if n, isInt := args[0].(int32); isInt {
		c, ok = char(n), true
	}
	if !ok {
		return nil, badArgument(args[0], "char")
	}
	tests := map[string]func(rune) bool{
		"isDigit": unicode.IsDigit, "isLetter": unicode.IsLetter, "isUpperCase": unicode.IsUpper, "isLowerCase": unicode.IsLower,
		"isWhitespace": unicode.IsSpace, "isAlphabetic": unicode.IsLetter,
		"isLetterOrDigit": func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) },
	}
	if f, ok := tests[name]; ok {
		return f(rune(c)), nil
	}
	switch name {
	case "toString":
		return text(c), nil
	case "toUpperCase":
		return char(unicode.ToUpper(rune(c))), nil
	case "toLowerCase":
		return char(unicode.ToLower(rune(c))), nil
	case "getNumericValue":
		if unicode.IsDigit(rune(c)) {
			return int32(c - '0'), nil
		}
		return int32(-1), nil
	case "valueOf":
		return c, nil
	}
	return nil, notFoundError{}
}

func (r *run) stringStatic(name string, args []any) (any, error) {
	switch methodKey(name, len(args)) {
	case "valueOf/1", "copyValueOf/1":
		return r.str(args[0])
	case "join/2":
		items, err := r.iterate(args[1])
		if err != nil {
			return nil, err
		}
		return r.join(items, args)
	}
	return nil, notFoundError{}
}
