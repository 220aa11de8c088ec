package script

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func (r *run) stringMethod(s, key string, args []any) (any, error) {
	if err := r.m.spend(len(s) / 16); err != nil {
		return nil, err
	}
	switch key {
	case "length/0":
		return int32(utf16Length(s)), nil
	case "isEmpty/0":
		return s == "", nil
	case "charAt/1", "codePointAt/1":
		return charAt(s, key, args)
	case "substring/1", "substring/2", "subSequence/2":
		return substring(s, args)
	case "toLowerCase/0":
		return r.made(strings.ToLower(s))
	case "toUpperCase/0":
		return r.made(strings.ToUpper(s))
	case "trim/0":
		return strings.TrimFunc(s, func(c rune) bool { return c <= ' ' }), nil
	case "encodeBase64/0":
		return r.made(base64.StdEncoding.EncodeToString([]byte(s)))
	case "decodeBase64/0":
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, argumentFault("Input byte array is no Base64")
		}
		return r.made(string(b))
	case "splitOnToken/1", "splitOnToken/2":
		return r.splitOnToken(s, args)
	case "replace/2":
		return r.replace(s, args)
	case "replaceAll/2", "replaceFirst/2":
		return r.replacePattern(s, key, args)
	}
	if len(args) == 0 {
		return nil, notFoundError{}
	}
	return r.stringQuery(s, key, args)
}

// made charges for a new string.
func (r *run) made(s string) (any, error) { return s, r.m.alloc(len(s)) }

// stringQuery serves the methods that compare s with another string.
func (r *run) stringQuery(s, key string, args []any) (any, error) {
	t, err := strArg(args, 0)
	switch key {
	case "indexOf/1", "indexOf/2", "lastIndexOf/1", "lastIndexOf/2":
		if n, ok := args[0].(int32); ok { // a code point
			t, err = string(n), nil
		}
		if err != nil {
			return nil, err
		}
		return indexOf(s, t, key, args)
	case "equalsIgnoreCase/1":
		return err == nil && strings.EqualFold(s, t), nil
	case "contains/1", "startsWith/1", "startsWith/2", "endsWith/1", "concat/1", "compareToIgnoreCase/1", "contentEquals/1":
	default:
		return nil, notFoundError{}
	}
	if err != nil {
		return nil, err
	}
	switch key {
	case "contains/1":
		return strings.Contains(s, t), nil
	case "startsWith/1":
		return strings.HasPrefix(s, t), nil
	case "startsWith/2":
		from, err := intArg(args, 1)
		if err != nil || from < 0 || from > utf16Length(s) {
			return false, err
		}
		return strings.HasPrefix(utf16Slice(s, from, utf16Length(s)), t), nil
	case "endsWith/1":
		return strings.HasSuffix(s, t), nil
	case "concat/1":
		return r.concat(s, t)
	case "contentEquals/1":
		return s == t, nil
	}
	return int32(compareStrings(strings.ToLower(s), strings.ToLower(t))), nil
}

func charAt(s, key string, args []any) (any, error) {
	i, err := intArg(args, 0)
	if err != nil {
		return nil, err
	}
	n := utf16Length(s)
	if i < 0 || i >= n {
		return nil, throwf("StringIndexOutOfBoundsException", "String index out of range: %d", i)
	}
	var c char
	if n == len(s) {
		c = char(s[i])
	} else {
		c = char(utf16.Encode([]rune(s))[i])
	}
	if key == "codePointAt/1" {
		if utf16.IsSurrogate(rune(c)) && i+1 < n {
			r, _ := utf8.DecodeRuneInString(utf16Slice(s, i, i+2))
			return r, nil
		}
		return int32(c), nil
	}
	return c, nil
}

func substring(s string, args []any) (any, error) {
	n := utf16Length(s)
	from, err := intArg(args, 0)
	if err != nil {
		return nil, err
	}
	to := n
	if len(args) == 2 {
		if to, err = intArg(args, 1); err != nil {
			return nil, err
		}
	}
	if from < 0 || from > to || to > n {
		return nil, throwf("StringIndexOutOfBoundsException", "begin %d, end %d, length %d", from, to, n)
	}
	return utf16Slice(s, from, to), nil
}

func indexOf(s, t, key string, args []any) (any, error) {
	n := utf16Length(s)
	from := 0
	last := strings.HasPrefix(key, "last")
	if last {
		from = n
	}
	if len(args) == 2 {
		var err error
		if from, err = intArg(args, 1); err != nil {
			return nil, err
		}
	}
	if last {
		if from < 0 {
			return int32(-1), nil
		}
		part := utf16Slice(s, 0, min(n, from+utf16Length(t)))
		return javaIndex(part, strings.LastIndex(part, t)), nil
	}
	from = max(0, min(from, n))
	rest := utf16Slice(s, from, n)
	before, _, found := strings.Cut(rest, t)
	if !found {
		return int32(-1), nil
	}
	return int32(from + utf16Length(before)), nil
}

// javaIndex turns an offset in bytes into one in Java's characters.
func javaIndex(s string, i int) int32 {
	if i < 0 {
		return -1
	}
	return int32(utf16Length(s[:i]))
}

func (r *run) splitOnToken(s string, args []any) (any, error) {
	token, err := strArg(args, 0)
	if err != nil {
		return nil, err
	}
	limit := -1
	if len(args) == 2 {
		if limit, err = intArg(args, 1); err != nil {
			return nil, err
		}
		if limit == 0 {
			limit = -1
		}
	}
	parts := []string{s}
	if token != "" {
		parts = strings.SplitN(s, token, limit)
	}
	if err := r.m.spend(len(parts)); err != nil {
		return nil, err
	}
	v, err := copied(r, parts)
	if l, ok := v.(*list); ok {
		l.array = true
	}
	return v, err
}

func (r *run) replace(s string, args []any) (any, error) {
	from, err := strArg(args, 0)
	if err != nil {
		return nil, err
	}
	to, err := strArg(args, 1)
	if err != nil {
		return nil, err
	}
	size := len(s) + strings.Count(s, from)*(len(to)-len(from))
	if err := r.m.alloc(size); err != nil { // before it is made
		return nil, err
	}
	return strings.ReplaceAll(s, from, to), nil
}

func (r *run) builderMethod(b *builder, key string, args []any) (any, error) {
	switch key {
	case "append/1":
		s, err := r.str(args[0])
		if err != nil {
			return nil, err
		}
		b.b = append(b.b, s...)
		return b, r.m.alloc(len(s))
	case "length/0":
		return int32(utf16Length(string(b.b))), r.m.spend(len(b.b) / 16)
	case "reverse/0":
		runes := []rune(string(b.b))
		for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
			runes[i], runes[j] = runes[j], runes[i]
		}
		b.b = []byte(string(runes))
		return b, r.spendOn(len(runes), 4)
	case "setLength/1":
		n, err := intArg(args, 0)
		if err != nil {
			return nil, err
		}
		if n < 0 || n > utf16Length(string(b.b)) {
			return nil, throwf("StringIndexOutOfBoundsException", "String index out of range: %d", n)
		}
		b.b = []byte(utf16Slice(string(b.b), 0, n))
		return nil, r.spendOn(n, 1)
	case "insert/2":
		return r.insert(b, args)
	case "charAt/1", "substring/1", "substring/2", "indexOf/1", "indexOf/2", "lastIndexOf/1", "lastIndexOf/2":
		if err := r.spendOn(len(b.b), 1); err != nil {
			return nil, err
		}
		return r.stringMethod(string(b.b), key, args)
	}
	return nil, notFoundError{}
}

func (r *run) insert(b *builder, args []any) (any, error) {
	i, err := intArg(args, 0)
	if err != nil {
		return nil, err
	}
	s, err := r.str(args[1])
	if err != nil {
		return nil, err
	}
	old := string(b.b)
	n := utf16Length(old)
	if i < 0 || i > n {
		return nil, throwf("StringIndexOutOfBoundsException", "offset %d, length %d", i, n)
	}
	if err := r.spendOn(len(old)+len(s), 1); err != nil {
		return nil, err
	}
	b.b = []byte(utf16Slice(old, 0, i) + s + utf16Slice(old, i, n))
	return b, nil
}
