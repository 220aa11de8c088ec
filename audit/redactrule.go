package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// RedactAction says what becomes of what a rule matches.
type RedactAction string

// The actions.
const (
	RedactRemove RedactAction = "remove" // it is left out
	RedactMask   RedactAction = "mask"   // __SENSITIVE__ stands for it
	RedactHash   RedactAction = "hash"   // its keyed hash stands for it: equal values stay equal
)

// RedactRule takes something out of events before they are encoded. Exactly one of Field, Header, Param and Pattern is set.
type RedactRule struct {
	// Index, with Field or Pattern, restricts the rule to events about indices of this pattern. Events that do not say which
	// indices they are about, those of the REST layer among them, count as being about all.
	Index string
	// Field is the dotted path of a member, * standing for any run of characters: "ssn" matches it at any depth.
	Field string
	// Header and Param are the names of a header and of a parameter, in any case, * standing for any run of characters.
	Header, Param string
	// Pattern is a regular expression (RE2) for parts of values.
	Pattern string
	Action  RedactAction
}

// Limits of rules.
const (
	MaxRedactRules   = 100
	MaxRedactPattern = 1000
	// MinRedactKey is the length of the key in bytes below which hashes could be guessed.
	MinRedactKey = 16
)

// Redactor applies the rules of a configuration. A nil one changes nothing. It is immutable and safe for concurrent use.
type Redactor struct {
	key      []byte
	fields   []fieldRule
	headers  []nameRule
	params   []nameRule
	patterns []textRule
}

type nameRule struct {
	name   string // in lower case
	action RedactAction
}

type fieldRule struct {
	index   Patterns
	path    string
	mention *regexp.Regexp // finds the field's name in a text
	put     replacement
}

type textRule struct {
	index  Patterns
	re     *regexp.Regexp
	action RedactAction
}

// NewRedactor compiles rules. The key is that of the hashes.
func NewRedactor(rules []RedactRule, key []byte) (*Redactor, error) {
	if len(rules) == 0 {
		return nil, nil //nolint:nilnil // no rules change nothing, and cost nothing
	}
	if len(rules) > MaxRedactRules {
		return nil, fmt.Errorf("%d rules are more than %d", len(rules), MaxRedactRules)
	}
	r := &Redactor{key: key}
	for i, rule := range rules {
		if err := r.add(rule); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return r, nil
}

// Check reports what is wrong with a rule.
func (rule RedactRule) Check(key []byte) error { return new(Redactor{key: key}).add(rule) }

func (r *Redactor) add(rule RedactRule) error {
	given := 0
	for _, s := range []string{rule.Field, rule.Header, rule.Param, rule.Pattern} {
		if s != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("exactly one of field, header, param and pattern is needed")
	case rule.Index != "" && rule.Field+rule.Pattern == "":
		return errors.New("index goes with field and pattern only")
	case rule.Action != RedactRemove && rule.Action != RedactMask && rule.Action != RedactHash:
		return fmt.Errorf("action %q is not one of remove, mask, hash", rule.Action)
	case rule.Action == RedactHash && len(r.key) < MinRedactKey:
		return fmt.Errorf("action hash needs a key of at least %d bytes", MinRedactKey)
	case len(rule.Pattern) > MaxRedactPattern:
		return fmt.Errorf("pattern is longer than %d bytes", MaxRedactPattern)
	}
	index, err := CompilePatterns([]string{rule.Index})
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	switch {
	case rule.Header != "":
		r.headers = append(r.headers, nameRule{headerKey(rule.Header), rule.Action})
	case rule.Param != "":
		r.params = append(r.params, nameRule{strings.ToLower(rule.Param), rule.Action})
	case rule.Field != "":
		put := replacement{remove: rule.Action == RedactRemove, mask: redactedBody}
		if rule.Action == RedactHash {
			put.each = r.hash
		}
		r.fields = append(r.fields, fieldRule{index: index, path: rule.Field, mention: mentionOf(rule.Field), put: put})
	default:
		re, err := regexp.Compile(rule.Pattern)
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
		if re.MatchString("") {
			return errors.New("pattern matches the empty text")
		}
		r.patterns = append(r.patterns, textRule{index: index, re: re, action: rule.Action})
	}
	return nil
}

// mentionOf finds the last name of a path in a text, as a word.
func mentionOf(path string) *regexp.Regexp {
	names := strings.Split(path, ".")
	name := names[len(names)-1]
	if strings.Trim(name, "*") == "" && len(names) > 1 {
		name = names[len(names)-2]
	}
	expr := strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, `[\w-]*`)
	return regexp.MustCompile(`(?:^|[^\w-])` + expr + `(?:[^\w-]|$)`)
}

// hash is stable for a key, so that equal values can be found without being known.
func (r *Redactor) hash(s string) string {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(s))
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil))
}
