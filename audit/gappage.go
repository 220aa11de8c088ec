package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The page is a file of two slots that are written in turn, each {magic, turn, state, crc32c}. It is preallocated and mapped
// when nothing is wrong yet, so counting needs no room, no system call and no working disk, and survives kill -9 at any
// instruction: a torn slot fails its checksum, and the other one lacks only a count whose request was not answered.
const (
	pageName      = "gap.page"
	pageMagic     = "VIGILGP1"
	pageSlotBytes = 8 << 10
	pageBytes     = 2 * pageSlotBytes
	pageFixed     = 8 + 8 + 7*8 + 16 + 4 // magic, turn, seven integers, boot id, checksum
	maxCloses     = (pageSlotBytes - pageFixed) / 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// gapState is what was not recorded since the last gap record.
type gapState struct {
	generation uint64 // counts gap records, so that none is delivered twice
	events     uint64
	requests   uint64
	first      int64 // Unix nanoseconds
	last       int64
	// failedAt is the log's next sequence number when it failed for good, or 0. Entries from there on were counted as
	// missing, though the next start may find them.
	failedAt uint64
	boot     [16]byte // of the machine that counted
	closes   []uint64 // intents whose outcome was counted here instead of closing them
}

func (s *gapState) empty() bool { return s.events == 0 && len(s.closes) == 0 }

// gapPage keeps a gapState in a mapped file. It is not safe for concurrent use.
type gapPage struct {
	mapped []byte
	turn   uint64
}

func openGapPage(dir string) (*gapPage, gapState, error) {
	path := filepath.Join(dir, pageName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, gapState{}, fmt.Errorf("open gap page: %w", err)
	}
	defer f.Close()
	if err := preallocate(f); err != nil {
		return nil, gapState{}, fmt.Errorf("preallocate gap page: %w", err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, pageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, gapState{}, fmt.Errorf("map gap page: %w", err)
	}
	p := &gapPage{mapped: mapped}
	state, err := p.load()
	if err != nil {
		return nil, gapState{}, errors.Join(fmt.Errorf("%s: %w", path, err), p.close())
	}
	return p, state, nil
}

// preallocate writes every byte of a new page: a file with holes could not be written when the disk is full.
func preallocate(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == pageBytes {
		return err
	}
	if info.Size() > pageBytes {
		return fmt.Errorf("it has %d bytes instead of %d", info.Size(), pageBytes)
	}
	if _, err := f.WriteAt(make([]byte, pageBytes), 0); err != nil {
		return err
	}
	return f.Sync()
}

func (p *gapPage) load() (gapState, error) {
	var newest gapState
	blank := 0
	for i := range 2 {
		slot := p.mapped[i*pageSlotBytes : (i+1)*pageSlotBytes]
		turn, s, ok := decodeSlot(slot)
		switch {
		case ok && turn > p.turn:
			p.turn, newest = turn, s
		case !ok && strings.Trim(string(slot), "\x00") == "":
			blank++
		}
	}
	if p.turn == 0 && blank < 2 {
		return gapState{}, errors.New("both slots are damaged; how many events are missing is not known")
	}
	return newest, nil
}

// store replaces the state. After kill -9 the page holds either the old state or the new one.
func (p *gapPage) store(s gapState) {
	p.turn++
	at := int(p.turn%2) * pageSlotBytes
	encodeSlot(p.mapped[at:at+pageSlotBytes], p.turn, s)
}

func (p *gapPage) sync() error {
	if err := unix.Msync(p.mapped, unix.MS_SYNC); err != nil {
		return fmt.Errorf("sync gap page: %w", err)
	}
	return nil
}

func (p *gapPage) close() error {
	if err := unix.Munmap(p.mapped); err != nil {
		return fmt.Errorf("unmap gap page: %w", err)
	}
	return nil
}

func encodeSlot(slot []byte, turn uint64, s gapState) {
	b := append(slot[:0], pageMagic...)
	for _, v := range []uint64{
		turn, s.generation, s.events, s.requests, uint64(s.first), uint64(s.last), s.failedAt, uint64(len(s.closes)),
	} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(b, s.boot[:]...)
	for _, seq := range s.closes {
		b = binary.LittleEndian.AppendUint64(b, seq)
	}
	binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeSlot(slot []byte) (turn uint64, s gapState, ok bool) {
	const ints = 8
	if string(slot[:8]) != pageMagic {
		return 0, s, false
	}
	var v [ints]uint64
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(slot[8+8*i:])
	}
	n := v[ints-1]
	if n > maxCloses {
		return 0, s, false
	}
	end := 8 + 8*ints + 16 + 8*int(n)
	if crc32.Checksum(slot[:end], castagnoli) != binary.LittleEndian.Uint32(slot[end:]) {
		return 0, s, false
	}
	s = gapState{
		generation: v[1], events: v[2], requests: v[3], first: int64(v[4]), last: int64(v[5]), failedAt: v[6],
	}
	copy(s.boot[:], slot[8+8*ints:])
	for i := range int(n) {
		s.closes = append(s.closes, binary.LittleEndian.Uint64(slot[end-8*int(n)+8*i:]))
	}
	return v[0], s, true
}

// bootID identifies this run of the machine; zero where the system does not tell.
func bootID() (id [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	copy(id[:], strings.ReplaceAll(string(b), "-", ""))
	return id
}
