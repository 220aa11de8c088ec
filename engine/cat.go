package engine

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"vigil/rest"
)

const catParams = expandNames + "v h s help bytes time local timeout master_timeout cluster_manager_timeout health pri include_unloaded_segments full_id ts node_id "

// column is one column of a cat table.
type column struct {
	name  string
	short string // other names for h and s, separated by commas
	desc  string
	right bool // numbers stand to the right
	off   bool // shown only if asked for
}

// cell is one value: what is shown, and what rows are sorted by.
type cell struct {
	text string
	num  float64
	isN  bool
}

func text(s string) cell { return cell{text: s} }

func count(n int) cell { return cell{text: strconv.Itoa(n), num: float64(n), isN: true} }

// size is a number of bytes in the unit that the parameter bytes asks for, or in one that reads well.
func (q *request) size(n int64) (cell, error) {
	c := cell{num: float64(n), isN: true}
	units := []string{"b", "kb", "mb", "gb", "tb", "pb"}
	if u, given := q.call.Param("bytes"); given && u != "" {
		short := map[string]string{"k": "kb", "m": "mb", "g": "gb", "t": "tb", "p": "pb"}
		if long, ok := short[u]; ok {
			u = long
		}
		i := slices.Index(units, u)
		if i < 0 {
			return c, badRequest("failed to parse [%s] as a unit of bytes", u)
		}
		c.text = strconv.FormatInt(n>>(10*i), 10)
		return c, nil
	}
	c.text = humanBytes(n)
	return c, nil
}

// humanBytes writes 25.3kb as OpenSearch does: one decimal, cut off, not rounded.
func humanBytes(n int64) string {
	units := []string{"b", "kb", "mb", "gb", "tb", "pb"}
	i, unit := 0, int64(1)
	for n >= unit<<10 && i < len(units)-1 {
		unit <<= 10
		i++
	}
	tenths := n * 10 / unit
	if tenths%10 == 0 {
		return strconv.FormatInt(tenths/10, 10) + units[i]
	}
	return fmt.Sprintf("%d.%d%s", tenths/10, tenths%10, units[i])
}

// table answers a cat request.
func (q *request) table(columns []column, rows [][]cell) (*answer, error) {
	help, err := q.flag("help", false)
	if err != nil {
		return nil, err
	}
	if help {
		return helpTable(columns), nil
	}
	if err := q.sortRows(columns, rows); err != nil {
		return nil, err
	}
	shown := q.shownColumns(columns)
	format, err := q.call.Format()
	if _, given := q.call.Param("format"); err == nil && given && format != "text" {
		return ok(jsonTable(columns, shown, rows))
	}
	if err != nil {
		return nil, err
	}
	header, err := q.flag("v", false)
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, ctype: "text/plain; charset=UTF-8", text: textTable(columns, shown, rows, header)}, nil
}

func helpTable(columns []column) *answer {
	var b strings.Builder
	wide, wideShort := 0, 0
	for _, c := range columns {
		wide, wideShort = max(wide, len(c.name)), max(wideShort, len(c.short))
	}
	for _, c := range columns {
		fmt.Fprintf(&b, "%-*s | %-*s | %s\n", wide, c.name, wideShort, c.short, c.desc)
	}
	return &answer{status: http.StatusOK, ctype: "text/plain; charset=UTF-8", text: []byte(b.String())}
}

func findColumn(columns []column, name string) int {
	return slices.IndexFunc(columns, func(c column) bool {
		return c.name == name || slices.Contains(strings.Split(c.short, ","), name)
	})
}

// shownColumns are the columns that h asks for, or the default ones.
func (q *request) shownColumns(columns []column) []int {
	var out []int
	names := q.list("h")
	for _, name := range names {
		if strings.Contains(name, "*") {
			for i, c := range columns {
				if rest.MatchName(name, c.name) && !slices.Contains(out, i) {
					out = append(out, i)
				}
			}
			continue
		}
		if i := findColumn(columns, name); i >= 0 {
			columns[i].name = name // a column is shown under the name that was asked for
			out = append(out, i)   // unknown columns are left out, as in OpenSearch
		}
	}
	if names == nil {
		for i, c := range columns {
			if !c.off {
				out = append(out, i)
			}
		}
	}
	return out
}

func (q *request) sortRows(columns []column, rows [][]cell) error {
	keys := q.list("s")
	for _, key := range slices.Backward(keys) {
		name, order, _ := strings.Cut(key, ":")
		i := findColumn(columns, name)
		if i < 0 {
			return rest.Errorf(http.StatusInternalServerError, "unsupported_operation_exception", "Unable to sort by unknown sort key `%s`", name)
		}
		slices.SortStableFunc(rows, func(a, b []cell) int {
			n := strings.Compare(a[i].text, b[i].text)
			if a[i].isN && b[i].isN {
				n = int(min(max(a[i].num-b[i].num, -1), 1))
			}
			if order == "desc" {
				n = -n
			}
			return n
		})
	}
	return nil
}

func jsonTable(columns []column, shown []int, rows [][]cell) any {
	out := make([]map[string]any, len(rows))
	for r, row := range rows {
		out[r] = map[string]any{}
		for _, i := range shown {
			out[r][columns[i].name] = row[i].text
		}
	}
	return out
}

func textTable(columns []column, shown []int, rows [][]cell, header bool) []byte {
	width := make([]int, len(columns))
	all := rows
	if header {
		head := make([]cell, len(columns))
		for i, c := range columns {
			head[i] = text(c.name)
		}
		all = append([][]cell{head}, rows...)
	}
	for _, row := range all {
		for _, i := range shown {
			width[i] = max(width[i], utf8.RuneCountInString(row[i].text))
		}
	}
	var b strings.Builder
	for _, row := range all {
		for n, i := range shown {
			if n > 0 {
				b.WriteByte(' ')
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(row[i].text))
			switch {
			case columns[i].right:
				b.WriteString(pad + row[i].text)
			case n == len(shown)-1:
				b.WriteString(row[i].text)
			default:
				b.WriteString(row[i].text + pad)
			}
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

func clock(now time.Time) (epoch, hms cell) {
	return cell{text: strconv.FormatInt(now.Unix(), 10), num: float64(now.Unix()), isN: true}, text(now.UTC().Format("15:04:05"))
}
