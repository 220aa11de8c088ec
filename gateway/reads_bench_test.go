package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"vigil/audit"
)

// BenchmarkRead reads an answer of 10 MB for what it shows of watched fields, and copies it token by token beside that.
func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"hits":{"total":{"value":1},"hits":[`)
	for i := 0; text.Len() < 10<<20; i++ {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"_index":"accounts","_id":"%d","_score":1.5,"_source":{"name":"somebody with a name","ssn":"078-05-%04d","balance":%d,`+
			`"a":{"b":["x","y"],"c":{"d":1.25,"e":null}},"tags":["one","two","three"]},"fields":{"ssn.keyword":["078"],"x":[1,2]},"sort":[%d]}`, i, i, i, i)
	}
	text.WriteString(`]}}`)
	answer := []byte(text.String())
	w := newWorld(b, watched, answerJSON(""))
	w.ReadDerived = true
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(answer)))
		for b.Loop() {
			x := w.receive(httptest.NewRecorder(), w.request("root GET /accounts/_search?sort=x", ""), audit.OriginREST)
			if err := errors.Join(x.resolve(), x.authenticate(nil, nil)); err != nil {
				b.Fatal(err)
			}
			x.w.buf = answer
			if err := x.noteReads(); err != nil || len(x.pending) == 0 {
				b.Fatal(err, len(x.pending))
			}
		}
	})
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(int64(len(answer)))
		for b.Loop() {
			if err := copyTokens(io.Discard, answer); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func copyTokens(w io.Writer, text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if delim, ok := token.(json.Delim); ok {
			_, err = io.WriteString(w, delim.String())
		} else {
			var b []byte
			if b, err = json.Marshal(token); err == nil {
				_, err = w.Write(b)
			}
		}
		if err != nil {
			return err
		}
	}
}
