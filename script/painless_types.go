package script

import "strings"

// typeKind sorts Java's types by how values become members of them.
type typeKind uint8

const (
	kindDef typeKind = iota // also Object
	kindBoolean
	kindByte
	kindShort
	kindChar
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindString
	kindReference
	kindVoid
)

// javaType is a type as a script writes it. dims counts the brackets of an array type.
type javaType struct {
	kind typeKind
	name string
	dims int
}

func (t javaType) String() string { return t.name + strings.Repeat("[]", t.dims) }

// zero is the value of a variable that was declared without one.
func (t javaType) zero() any {
	if t.dims > 0 {
		return nil
	}
	switch t.kind {
	case kindBoolean:
		return false
	case kindByte, kindShort, kindInt:
		return int32(0)
	case kindChar:
		return char(0)
	case kindLong:
		return int64(0)
	case kindFloat:
		return float32(0)
	case kindDouble:
		return float64(0)
	case kindDef, kindString, kindReference, kindVoid:
	}
	return nil
}

func primitiveType(word string) javaType {
	t := javaType{kind: kindDef, name: word}
	switch word {
	case "boolean":
		t.kind = kindBoolean
	case "byte":
		t.kind = kindByte
	case "short":
		t.kind = kindShort
	case "char":
		t.kind = kindChar
	case "int":
		t.kind = kindInt
	case "long":
		t.kind = kindLong
	case "float":
		t.kind = kindFloat
	case "double":
		t.kind = kindDouble
	}
	return t
}

// classType finds a class by its simple name or with its package; what is not here cannot be named by a script.
func classType(name string) (javaType, bool) {
	simple := name
	if strings.HasPrefix(name, "java.") {
		simple = name[strings.LastIndexByte(name, '.')+1:]
		if strings.HasSuffix(name, ".Map.Entry") {
			simple = "Map.Entry"
		}
		if packageOf(simple)+"."+simple != name {
			return javaType{}, false
		}
	}
	switch simple {
	case "Object":
		return javaType{kind: kindDef, name: simple}, true
	case "String":
		return javaType{kind: kindString, name: simple}, true
	case "void":
		return javaType{kind: kindVoid, name: simple}, true
	}
	if packageOf(simple) == "" {
		return javaType{}, false
	}
	return javaType{kind: kindReference, name: simple}, true
}

// packageOf is the package of a class that scripts may name, empty for all others.
func packageOf(simple string) string {
	switch simple {
	case "Object", "String", "CharSequence", "StringBuilder", "Integer", "Long", "Double", "Float", "Boolean", "Byte", "Short",
		"Character", "Number", "Math", "System", "Iterable", "Comparable":
		return "java.lang"
	case "List", "ArrayList", "LinkedList", "Collection", "Iterator", "Map", "HashMap", "LinkedHashMap", "TreeMap", "Map.Entry",
		"Set", "HashSet", "LinkedHashSet", "TreeSet", "Collections", "Arrays", "Objects", "Optional", "Comparator", "Date":
		return "java.util"
	case "Stream", "IntStream", "LongStream", "DoubleStream", "Collectors":
		return "java.util.stream"
	case "Function", "BiFunction", "Predicate", "BiPredicate", "Supplier", "Consumer", "BiConsumer", "UnaryOperator",
		"BinaryOperator", "ToIntFunction", "ToLongFunction", "ToDoubleFunction", "IntFunction", "IntPredicate":
		return "java.util.function"
	case "Pattern", "Matcher":
		return "java.util.regex"
	case "Instant", "ZonedDateTime", "LocalDate", "LocalDateTime", "Duration", "ZoneId", "ZoneOffset", "DayOfWeek", "Month":
		return "java.time"
	case "ChronoUnit":
		return "java.time.temporal"
	case "DateTimeFormatter":
		return "java.time.format"
	}
	if _, ok := exceptionParent(simple); ok {
		return exceptionPackage(simple)
	}
	return ""
}

// exceptionParent is the class that an exception extends; Exception extends nothing that a script can catch.
func exceptionParent(class string) (string, bool) {
	switch class {
	case "Exception":
		return "", true
	case "RuntimeException":
		return "Exception", true
	case "IllegalArgumentException", "IllegalStateException", "IndexOutOfBoundsException", "NullPointerException",
		"ClassCastException", "ArithmeticException", "UnsupportedOperationException", "NoSuchElementException",
		"ConcurrentModificationException", "NegativeArraySizeException", "DateTimeException":
		return "RuntimeException", true
	case "NumberFormatException", "PatternSyntaxException":
		return "IllegalArgumentException", true
	case "StringIndexOutOfBoundsException", "ArrayIndexOutOfBoundsException":
		return "IndexOutOfBoundsException", true
	case "DateTimeParseException", "UnsupportedTemporalTypeException":
		return "DateTimeException", true
	}
	return "", false
}

func exceptionPackage(class string) string {
	switch class {
	case "NoSuchElementException", "ConcurrentModificationException":
		return "java.util"
	case "DateTimeException", "UnsupportedTemporalTypeException":
		return "java.time"
	case "DateTimeParseException":
		return "java.time.format"
	case "PatternSyntaxException":
		return "java.util.regex"
	}
	return "java.lang"
}

// catches tells whether catch (class e) takes an exception of type thrown.
func catches(class, thrown string) bool {
	for thrown != "" {
		if thrown == class {
			return true
		}
		thrown, _ = exceptionParent(thrown)
	}
	return false
}
