package script

// expr is an expression; eval must not keep anything in the node, because programs are shared.
type expr interface {
	eval(r *run) (any, error)
}

// stmt is a statement.
type stmt interface {
	exec(r *run) (signal, error)
}

// signal tells how a statement ended; the value of a return is in run.result.
type signal uint8

const (
	goesOn    signal = 0
	breaks    signal = 1
	continues signal = 2
	returns   signal = 4
)

// frame describes the variables of a function and of the lambdas inside it, which see the function's own.
type frame struct{ size int }

// function is a function of the script or the body of a lambda.
type function struct {
	name   string
	params []param
	result javaType
	body   stmt // of a lambda with an expression body: a *returnStmt
	frame  *frame
	lambda bool
}

type param struct {
	slot int
	typ  javaType
}

type (
	literal struct{ v any }

	localVar struct {
		name string
		slot int
		typ  javaType
		pos  int
	}
	globalVar struct {
		name string
		pos  int
		// What Painless names when the variable does not exist: it with the fields read from it, at the last dot.
		symbol   string
		symbolAt int
	}
	typeRef struct {
		typ javaType
		pos int
	}
	fieldGet struct {
		x    expr
		name string
		safe bool
		pos  int
		root *globalVar // of a chain of fields that is not too long
		dots int
	}
	indexGet struct {
		x, index expr
		pos      int
	}
	methodCall struct {
		x    expr
		name string
		key  string // name/arity
		args []expr
		safe bool
		pos  int
	}
	functionCall struct {
		name string
		fn   *function // set when all functions are known
		args []expr
		pos  int
	}
	newObject struct {
		typ  javaType
		args []expr
		pos  int
	}
	newArray struct {
		typ   javaType
		sizes []expr
		elems []expr
		pos   int
	}
	listLiteral struct {
		elems []expr
		pos   int
	}
	mapLiteral struct {
		keys, values []expr
		pos          int
	}
	unary struct {
		op  string
		x   expr
		pos int
	}
	binary struct {
		op    binaryOp
		l, r  expr
		pos   int
		place int       // see place
		typ   *javaType // nil when it is not known; see known
	}
	logical struct {
		and  bool
		l, r expr
		pos  int
	}
	conditional struct {
		cond, then, other expr
		pos               int
	}
	elvis      struct{ x, other expr }
	instanceOf struct {
		x   expr
		typ javaType
	}
	castExpr struct {
		x   expr
		typ javaType
		pos int
	}
	assign struct {
		target expr // localVar, fieldGet or indexGet
		op     binaryOp
		value  expr
		pos    int
	}
	increment struct {
		target expr
		delta  int32
		prefix bool
		pos    int
	}
	lambdaLiteral struct {
		fn  *function
		pos int
	}
	methodRef struct {
		typ  javaType // of Type::name
		x    expr     // of variable::name
		fn   *functionCall
		name string
		pos  int
	}
)

type (
	block    struct{ stmts []stmt }
	exprStmt struct {
		x     expr
		pos   int
		final bool // its value is the result
	}
	declarations struct{ vars []*declare }
	declare      struct {
		slot int
		typ  javaType
		init expr // nil for the type's zero value
		pos  int
	}
	ifStmt struct {
		cond        expr
		then, other stmt // other may be nil
		pos         int
	}
	loop struct { // while, do and for
		init      []stmt
		cond      expr // nil: always
		step      expr
		body      stmt // nil: empty
		bodyFirst bool
		pos       int
	}
	each struct {
		slot int
		typ  javaType
		over expr
		body stmt
		pos  int
	}
	returnStmt struct {
		x    expr // nil for a bare return
		pos  int
		typ  javaType
		auto bool // the value of a final expression
	}
	throwStmt struct {
		x   expr
		pos int
	}
	tryStmt struct {
		body  stmt
		traps []trap
	}
	jump struct{ sig signal }
)

type trap struct {
	class string
	slot  int
	body  stmt
}

// place is where the machine says it is after it has evaluated x, or -1 when x leaves no trace. Java reports errors of
// operators there, because only accesses and calls carry line numbers.
func place(x expr) int {
	switch n := x.(type) {
	case *fieldGet:
		return n.pos
	case *indexGet:
		return n.pos
	case *methodCall:
		return n.pos
	case *functionCall:
		return n.pos
	case *newObject:
		return n.pos
	case *unary:
		return place(n.x)
	case *castExpr:
		return place(n.x)
	case *binary:
		return n.place
	}
	return -1
}

func placeOf(xs ...expr) int {
	for _, x := range xs {
		if p := place(x); p >= 0 {
			return p
		}
	}
	return -1
}
