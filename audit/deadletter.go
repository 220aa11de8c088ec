package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// deadLetters is a file of JSON lines with the entries that a sink rejected. Only the sink's reader uses it.
type deadLetters struct {
	dir   string
	name  string
	limit int64
}

func (d *deadLetters) path() string { return filepath.Join(d.dir, "rejected."+d.name+".jsonl") }

// add appends the rejections durably. An entry that was rejected before a crash may be there twice, under the same ID.
func (d *deadLetters) add(list []Rejection) error {
	if len(list) == 0 {
		return nil
	}
	var b []byte
	for _, r := range list {
		b = strconv.AppendUint(append(b, `{"seq":`...), r.Entry.Seq, 10)
		b = appendString(append(b, `,"id":`...), r.Entry.ID)
		b = appendString(append(b, `,"sink":`...), d.name)
		b = appendString(append(b, `,"reason":`...), r.Reason)
		b = append(b, `,"event":`...)
		if json.Valid(r.Entry.Doc) {
			b = append(b, r.Entry.Doc...)
		} else {
			b = appendString(b, string(r.Entry.Doc))
		}
		b = append(b, "}\n"...)
	}
	if err := d.write(b); err != nil {
		return fmt.Errorf("keep rejected events: %w", err)
	}
	return nil
}

func (d *deadLetters) write(b []byte) error {
	f, err := os.OpenFile(d.path(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size+int64(len(b)) > d.limit {
		return fmt.Errorf("%s has reached its limit of %d bytes", d.path(), d.limit)
	}
	if _, err := f.WriteAt(b, size); err != nil {
		return err
	}
	return f.Sync()
}
