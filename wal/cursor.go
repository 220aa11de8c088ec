package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A cursor file holds two slots of {"VIGILCUR", generation:u64, seq:u64, crc:u32}, little-endian, a page apart and written in
// turn: a torn write damages the slot that was being written and leaves the other. The checksum, CRC-32C, covers the
// cursor's name too, so that a file under a wrong name is noticed.
const (
	cursorSuffix    = ".cursor"
	cursorMagic     = "VIGILCUR"
	cursorSlotBytes = 28
	cursorPage      = 4 << 10
	maxCursorName   = 100
)

// cursor is guarded by Log.cursorMu.
type cursor struct {
	file       File
	generation uint64 // of the newest good slot, which is at page generation%2
	seq        uint64
}

// Commit moves the named cursor to seq and returns when that is durable: every entry up to seq is done with. The first Commit of
// a name creates it. A cursor never moves backwards nor behind Last; both are errors. A failed Commit leaves the cursor
// where it was, though after a crash it may be found at seq, and may be repeated. Names consist of letters, digits, '.', '_'
// and '-', begin with a letter or digit, and have at most 100 characters.
func (l *Log) Commit(name string, seq uint64) error {
	if err := l.commit(name, seq); err != nil {
		return fmt.Errorf("commit cursor %q: %w", name, err)
	}
	return nil
}

func (l *Log) commit(name string, seq uint64) error {
	if err := checkCursorName(name); err != nil {
		return err
	}
	l.cursorMu.Lock()
	defer l.cursorMu.Unlock()
	if l.isClosed() {
		return ErrClosed
	}
	if last := l.Last(); seq > last {
		return fmt.Errorf("%d is behind the last entry, %d", seq, last)
	}
	c := l.cursors[name]
	switch {
	case c == nil:
		return l.createCursor(name, seq)
	case seq < c.seq:
		return fmt.Errorf("%d is before its position, %d", seq, c.seq)
	case seq == c.seq:
		return nil
	}
	return c.move(name, seq)
}

// Cursor returns the position of the named cursor; 0 if it was never committed.
func (l *Log) Cursor(name string) (uint64, error) {
	if err := checkCursorName(name); err != nil {
		return 0, fmt.Errorf("cursor %q: %w", name, err)
	}
	if l.isClosed() {
		return 0, fmt.Errorf("cursor %q: %w", name, ErrClosed)
	}
	return l.Cursors()[name], nil
}

// Cursors returns the positions of all cursors by name.
func (l *Log) Cursors() map[string]uint64 {
	l.cursorMu.Lock()
	defer l.cursorMu.Unlock()
	positions := make(map[string]uint64, len(l.cursors))
	for name, c := range l.cursors {
		positions[name] = c.seq
	}
	return positions
}

// Drop forgets the named cursor, durably. A name that does not exist is no error. To read again from an earlier position, drop
// the cursor and commit it anew.
func (l *Log) Drop(name string) error {
	if err := checkCursorName(name); err != nil {
		return fmt.Errorf("drop cursor %q: %w", name, err)
	}
	l.cursorMu.Lock()
	defer l.cursorMu.Unlock()
	if l.isClosed() {
		return fmt.Errorf("drop cursor %q: %w", name, ErrClosed)
	}
	c := l.cursors[name]
	if c == nil {
		return nil
	}
	if err := l.fs.Remove(l.cursorPath(name)); err != nil {
		return fmt.Errorf("drop cursor %q: %w", name, err)
	}
	delete(l.cursors, name)
	if err := errors.Join(c.file.Close(), l.fs.SyncDir(l.dir)); err != nil {
		return fmt.Errorf("drop cursor %q: %w", name, err)
	}
	return nil
}

func (l *Log) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *Log) cursorPath(name string) string { return filepath.Join(l.dir, name+cursorSuffix) }

func checkCursorName(name string) error {
	if name == "" || len(name) > maxCursorName {
		return fmt.Errorf("name must have 1 to %d characters", maxCursorName)
	}
	for i, c := range []byte(name) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return fmt.Errorf("character %q is not allowed in a name at position %d", c, i)
		}
	}
	return nil
}

// createCursor writes a new cursor under a temporary name first, so that one with its own name always has a good slot.
func (l *Log) createCursor(name string, seq uint64) error {
	path := l.cursorPath(name)
	f, err := l.fs.OpenFile(path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR)
	if err != nil {
		return err
	}
	c := &cursor{file: f}
	err = func() error {
		if err := f.Preallocate(0, 2*cursorPage); err != nil {
			return err
		}
		if err := c.move(name, seq); err != nil {
			return err
		}
		if err := l.fs.Rename(path+tempSuffix, path); err != nil {
			return err
		}
		return l.fs.SyncDir(l.dir)
	}()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.cursors[name] = c
	return nil
}

// move writes the slot that is not the newest, and makes it the newest when it is durable.
func (c *cursor) move(name string, seq uint64) error {
	if err := c.writeSlot(name, c.generation+1, seq); err != nil {
		return err
	}
	c.generation++
	c.seq = seq
	return nil
}

func (c *cursor) writeSlot(name string, generation, seq uint64) error {
	slot := encodeCursorSlot(name, generation, seq)
	if _, err := c.file.WriteAt(slot, int64(generation%2)*cursorPage); err != nil {
		return err
	}
	return c.file.Sync()
}

func encodeCursorSlot(name string, generation, seq uint64) []byte {
	b := make([]byte, cursorSlotBytes)
	copy(b, cursorMagic)
	binary.LittleEndian.PutUint64(b[8:], generation)
	binary.LittleEndian.PutUint64(b[16:], seq)
	binary.LittleEndian.PutUint32(b[24:], checksum(checksum(0, []byte(name)), b[:24]))
	return b
}

func decodeCursorSlot(name string, b []byte) (generation, seq uint64, ok bool) {
	if string(b[:8]) != cursorMagic || checksum(checksum(0, []byte(name)), b[:24]) != binary.LittleEndian.Uint32(b[24:]) {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]), true
}

// loadCursors reads the cursors and moves those that are behind the end of the log back to it: entries appended from now on
// get numbers that such a cursor would skip.
func (l *Log) loadCursors(names []string) error {
	for _, name := range names {
		if err := checkCursorName(name); err != nil {
			return fmt.Errorf("cursor file %s: %w", l.cursorPath(name), err)
		}
		c, err := l.loadCursor(name)
		if err != nil {
			return err
		}
		l.cursors[name] = c
		if c.seq <= l.last {
			continue
		}
		if l.recovered.Cursors == nil {
			l.recovered.Cursors = map[string]uint64{}
		}
		l.recovered.Cursors[name] = c.seq
		if err := c.move(name, l.last); err != nil {
			return fmt.Errorf("move cursor %q back: %w", name, err)
		}
	}
	return nil
}

func (l *Log) loadCursor(name string) (*cursor, error) {
	path := l.cursorPath(name)
	f, err := l.fs.OpenFile(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	c := &cursor{file: f}
	good := false
	for page := range uint64(2) {
		b := make([]byte, cursorSlotBytes)
		// A slot that cannot be read is no worse than a torn one as long as the other is good.
		if n, _ := f.ReadAt(b, int64(page)*cursorPage); n < len(b) {
			continue
		}
		if generation, seq, ok := decodeCursorSlot(name, b); ok && generation%2 == page && generation > c.generation {
			c.generation, c.seq, good = generation, seq, true
		}
	}
	if !good {
		return nil, errors.Join(&CorruptError{File: path, Reason: "no good slot in the cursor file"}, f.Close())
	}
	// As with entries: a position must be durable before anybody acts on it, and a killed process may not have got so far.
	if err := c.writeSlot(name, c.generation, c.seq); err != nil {
		return nil, errors.Join(fmt.Errorf("cursor file %s: %w", path, err), f.Close())
	}
	return c, nil
}
