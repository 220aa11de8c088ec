package script

func badArgument(v any, want string) error {
	if v == nil {
		return nullFault("argument")
	}
	return castFault("cannot implicitly cast def [%s] to %s", simpleName(v), want)
}

func intArg(args []any, i int) (int, error) {
	switch v := args[i].(type) {
	case int32:
		return int(v), nil
	case char:
		return int(v), nil
	case int64:
		if v == int64(int32(v)) {
			return int(v), nil
		}
	}
	return 0, badArgument(args[i], "int")
}

func longArg(args []any, i int) (int64, error) {
	if k := rank(args[i]); k == 1 || k == 2 {
		return toLong(args[i]), nil
	}
	return 0, badArgument(args[i], "long")
}

func doubleArg(args []any, i int) (float64, error) {
	if rank(args[i]) > 0 {
		return toDouble(args[i]), nil
	}
	return 0, badArgument(args[i], "double")
}

func strArg(args []any, i int) (string, error) {
	switch v := args[i].(type) {
	case string:
		return v, nil
	case char:
		return text(v), nil
	case *builder:
		return string(v.b), nil
	}
	return "", badArgument(args[i], "java.lang.String")
}
