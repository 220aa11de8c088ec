package script

import (
	"strconv"
	"strings"
	"time"
)

// construct is new Class(args).
func (r *run) construct(t javaType, args []any) (any, error) {
	if err := r.m.alloc(64); err != nil {
		return nil, err
	}
	if _, ok := exceptionParent(t.name); ok && len(args) <= 1 {
		x := &exception{class: t.name}
		if len(args) == 1 && args[0] != nil {
			msg, err := strArg(args, 0)
			if err != nil {
				return nil, err
			}
			x.msg = msg
		}
		return x, nil
	}
	switch t.name {
	case "ArrayList", "LinkedList":
		return r.constructList(args)
	case "HashMap", "LinkedHashMap", "TreeMap":
		d := newDict(t.name)
		if len(args) == 1 {
			from, ok := asMapping(args[0])
			if !ok {
				return nil, badArgument(args[0], "java.util.Map")
			}
			return d, r.putAll(d, from)
		}
		if len(args) == 0 {
			return d, nil
		}
	case "HashSet", "LinkedHashSet", "TreeSet":
		s := newSet(strings.Replace(t.name, "Set", "Map", 1))
		if len(args) == 0 {
			return s, nil
		}
		if len(args) == 1 {
			_, err := r.setMethod(s, "addAll/1", args)
			return s, err
		}
	case "StringBuilder":
		b := &builder{}
		if len(args) == 0 {
			return b, nil
		}
		if len(args) == 1 {
			return r.builderMethod(b, "append/1", args)
		}
	case "Date":
		if len(args) == 0 {
			return time.Now().UTC().Truncate(time.Millisecond), nil
		}
		ms, err := longArg(args, 0)
		return time.UnixMilli(ms).UTC(), err
	}
	msg := "constructor [" + qualified(t.name) + ", <init>/" + strconv.Itoa(len(args)) + "] not found"
	return nil, &fault{kind: KindCompile, class: "IllegalArgumentException", msg: msg}
}

func (r *run) constructList(args []any) (any, error) {
	if len(args) == 0 {
		return &list{}, nil
	}
	items, err := r.iterate(args[0])
	if err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	copy(out, items)
	return r.newList(out)
}
